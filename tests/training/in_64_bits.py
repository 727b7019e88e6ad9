"""The command line with trainings in 64 bits, in which rounding does not grow: run as a script, also by each process."""

import os
import sys
from typing import Any

from bimodal.cli.main import run
from bimodal.training import heartbeat, train

fit = train._fit


def fit_in_64_bits(training: Any, state: Any) -> None:
    training.module.double()  # or Lightning would load the state into 32 bits
    fit(training, state)


if __name__ == "__main__":
    train.precision_of = lambda *_: ("64-true", None)
    train._fit = fit_in_64_bits
    heartbeat.SILENT_S = float(os.environ.get("TEST_SILENT_S", heartbeat.SILENT_S))
    sys.exit(run())
