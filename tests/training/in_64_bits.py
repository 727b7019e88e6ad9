"""The command line with trainings in 64 bits, in which rounding does not grow: run as a script, also by each process."""

import sys

from bimodal.cli.main import run
from bimodal.training import train

if __name__ == "__main__":
    train.precision_of = lambda *_: ("64-true", None)
    sys.exit(run())
