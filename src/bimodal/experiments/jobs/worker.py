"""The worker process of a pool: reads pickled jobs from standard input, writes their pickled outcomes to its output."""

import os
import pickle
import sys

from bimodal.experiments.jobs.job import perform
from bimodal.interruption import signals_as_interrupts


def main() -> None:
    """Run jobs until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that started us
        except EOFError:
            return
        pickle.dump(perform(job), answers)
        answers.flush()


if __name__ == "__main__":
    with signals_as_interrupts() as interruption:
        try:
            main()
        except KeyboardInterrupt:
            sys.exit(interruption.exit_code)
