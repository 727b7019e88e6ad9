"""The process that runs jobs one after the other: reads them from its input, tells its output how each ended."""

import os
import pickle
import sys

from bimodal.experiments.jobs.executor import perform


def main() -> None:
    """Run jobs until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that started us
        except EOFError:
            return
        pickle.dump(perform(job), answers)
        answers.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
