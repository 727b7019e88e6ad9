"""The command line with a small label-noise study and small shards: run as a script, for clusters on one machine.

With `TEST_WITHOUT_RAY` in the environment, jobs run one after the other, as if Ray were not installed.
"""

import os
import sys
from dataclasses import replace

from bimodal.cli.main import run
from bimodal.cluster import predictions
from bimodal.experiments.label_noise import plan, study
from bimodal.experiments.label_noise.cells import Cell
from bimodal.features import shards
from bimodal.training.settings import TrainSettings

FACES = 140
CELL = Cell("drawn", FACES, "symmetric", 0.2, "", 0)
PICTURES_A_SHARD = 64


def main() -> int:
    """Replace the sizes by small ones, of which only jobs that this process makes know, and run the command."""
    if os.environ.get("TEST_WITHOUT_RAY"):
        sys.modules["ray"] = None  # type: ignore[assignment]
    study.SMALL, study.VAL, study.SYNTHETIC_TEST = FACES, 7, 14
    study.all_cells = lambda *_: [CELL]
    settings_of, thorough_settings = plan.settings_of, plan.thorough_settings
    plan.settings_of = lambda *given: _short(settings_of(*given))
    plan.thorough_settings = lambda cell: _short(thorough_settings(cell))
    plan.RULES = ("two-modes", "wang")
    plan.RETRAININGS = (("two-modes-removal", False), ("scn", True))
    predictions.SHARD = PICTURES_A_SHARD
    shards._LEAST = PICTURES_A_SHARD
    return run() or 0


def _short(settings: TrainSettings) -> TrainSettings:
    return replace(settings, epochs=4, batch_size=16)


if __name__ == "__main__":
    sys.exit(main())
