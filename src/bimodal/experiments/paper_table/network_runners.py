"""Run the methods that train a deep network, and their ensembles.

Libraries are imported when a method runs, so that listing the methods is fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.experiments.paper_table.runner import RunInputs, Runner, RunResult
from bimodal.runs.tables import PROBABILITIES, read_predictions

if TYPE_CHECKING:
    from bimodal.runs.run import Run
    from bimodal.training.settings import TrainSettings

FACE_S: dict[str, Any] = {
    "preset": "face",
    "image_size": 48,
    "head_start": "random",
    "hidden": 128,
    "dropout_features": 0.2,
    "dropout_hidden": 0.2,
    "epochs": 15,
    "lr": 1e-3,
    "keep": "best",
    "mirror": False,
    "removal": {"epoch": 6},
}
"""The packaged network, in a recipe that also trains it from random weights, so that the two can be compared."""
FULL: dict[str, dict[str, Any]] = {
    "resnet50": {},
    "vgg16": {"backbone": "vgg16.tv_in1k"},
    "inception-v3": {"backbone": "inception_v3.tv_in1k", "image_size": 299},
    "face-s": FACE_S,
}
"""Networks at their full size, as changes to the preset `paper`."""
QUICK: dict[str, dict[str, Any]] = {
    "resnet50": {"image_size": 64, "epochs": 15},
    "vgg16": {
        "backbone": "vgg11_bn",
        "backbone_options": {"mlp_ratio": 1 / 64},  # its layers of 4,096 units would have 119 million weights
        "image_size": 32,
        "batch_size": 32,
        "lr": 2e-4,
        "epochs": 8,
    },
    "inception-v3": {"backbone": "inception_next_atto", "image_size": 64, "lr": 1e-3, "epochs": 10},
    "face-s": FACE_S,
}
"""Networks at the quick size, as changes to the preset `small`, whose networks start from random weights."""
QUICK_REMOVAL_SHARE = 0.6
"""From random weights, the removal comes after this share of the epochs: earlier, losses do not separate wrong labels."""
QUICK_LARGER = {"train": 6000, "val": 1000}
"""Most faces of the larger set at the quick size."""


@dataclass(frozen=True)
class NetworkRunner(Runner):
    """Trains a deep network.

    Attributes:
        network: a name in `FULL` and `QUICK`.
        start: the initial weights: `pretrained` (as the preset says), `random`, or `larger` (trained on the larger set).
        rule: the removal rule.
        unaligned: train and test on the faces before alignment.
        epochs: number of epochs; None: as the network has them.
        quick_epochs: number of epochs at the quick size; None: as `epochs`.
    """

    expensive: ClassVar[bool] = True
    network: str = "resnet50"
    start: Literal["pretrained", "random", "larger"] = "pretrained"
    rule: str = "none"
    unaligned: bool = False
    epochs: int | None = None
    quick_epochs: int | None = None

    @property
    def needs(self) -> str | None:
        return "larger" if self.start == "larger" else "unaligned" if self.unaligned else None

    @property
    def uses_pretrained_faces(self) -> bool:
        return self.network == "face-s" and self.start == "pretrained"

    def settings(
        self, seed: int, quick: bool, weights: Mapping[str, str] | None = None, stage_one: Path | None = None
    ) -> "TrainSettings":
        """Return the settings of a training; the arguments are those of `RunInputs`.

        >>> NetworkRunner("vgg16").settings(seed=0, quick=True).backbone
        'vgg11_bn'
        """
        from bimodal.training.settings import TrainSettings

        changes = {"preset": "small" if quick else "paper", **(QUICK if quick else FULL)[self.network], "seed": seed}
        preset, removal = changes.pop("preset"), {**changes.pop("removal", {}), "rule": self.rule}
        epochs = (quick and self.quick_epochs) or self.epochs
        if epochs:
            changes["epochs"] = epochs
        if preset == "small":
            removal["epoch"] = round(QUICK_REMOVAL_SHARE * changes["epochs"])
        if self.start == "random":
            changes["pretrained"] = False
        elif self.start == "larger":
            changes["weights"] = str(stage_one)
        elif not quick and weights and self.network in weights:
            changes["weights"] = weights[self.network]
        return TrainSettings.preset(preset, {**changes, "removal": removal})

    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        from bimodal.training.evaluate import evaluate

        run = self.train(given)
        if not (given.out / "predictions_test.csv").is_file():
            evaluate(given.out, data=given.data, split="test")
        settings = self._settings(given)
        start = "pretrained" if settings.pretrained else "from random weights"
        if settings.weights:
            start = f"from {'the larger set' if self.start == 'larger' else Path(settings.weights).name}"
        network = f"{settings.backbone}, {settings.image_size} px, {start}"
        return RunResult(network, {}, {}, run.removed["row"].tolist(), float(run.seconds["seconds"].sum()))

    def train(self, given: RunInputs) -> "Run":
        """Train the network, or resume its training; test faces are not predicted. A job."""
        from bimodal.runs.run import STATE
        from bimodal.training.train import train

        has_begun = (given.out / "config.yaml").is_file()
        settings = None if has_begun else self._settings(given)
        run = train(given.data, given.out, settings, resume=has_begun, loggers=given.loggers)
        (given.out / STATE).unlink(missing_ok=True)  # three times as large as the weights, and no longer needed
        return run

    def _settings(self, given: RunInputs) -> "TrainSettings":
        return self.settings(given.seed, given.quick, given.weights, given.stage_one)


STAGE_ONE = NetworkRunner(quick_epochs=10)
"""Trains on the larger set, before the methods with `start="larger"`."""


@dataclass(frozen=True)
class EnsembleRunner(Runner):
    """Averages the predicted probabilities of other methods.

    Attributes:
        weighted: fit the weights of the average on validation; else all are equal.
    """

    expensive: ClassVar[bool] = True
    weighted: bool = False

    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        from bimodal.models.ensemble import average, fit_weights

        val, test = ([_read_probabilities(run, split, manifest) for run in given.members] for split in ("val", "test"))
        weights = fit_weights(np.stack(val), manifest.labels[manifest.rows("val")]) if self.weighted else None
        return RunResult(
            f"average, {'weights fitted on validation' if self.weighted else 'equal weights'}",
            {"members": [str(run) for run in given.members], "weights": None if weights is None else weights.tolist()},
            {"val": average(np.stack(val), weights), "test": average(np.stack(test), weights)},
        )


def _read_probabilities(run: Path, split: str, manifest: Manifest) -> NDArray[np.float64]:
    """Return the predicted probabilities of a run, (n,7), after a check that they are of these faces."""
    table = read_predictions(run / f"predictions_{split}.csv")
    rows = manifest.rows(split)
    if not np.array_equal([table["row"], table["label"].map(CODES)], [rows, manifest.labels[rows]]):
        raise InputError(
            f"{run} has predictions of other {split} faces; the members of an ensemble need the same faces"
        )
    return table[PROBABILITIES].to_numpy(np.float64)
