"""Run the methods that train a deep network, and their ensembles.

Libraries are imported when a method runs, so that listing the methods is fast.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import CODES
from bimodal.errors import InputError
from bimodal.experiments.paper_table.runner import RunInputs, Runner, write_result, write_split_predictions
from bimodal.runs.tables import PROBABILITIES, read_predictions

if TYPE_CHECKING:
    from bimodal.runs.run import Run
    from bimodal.training.settings import TrainSettings

QUICK_REMOVAL_SHARE = 0.6
"""At the quick sizes, networks start from random weights and the removal comes after this share of the epochs: earlier, the
losses do not separate wrong labels yet."""


@dataclass(frozen=True)
class Network:
    """A network, as changes to a preset, at its full size and at the quick one."""

    preset: str
    changes: Mapping[str, Any]
    quick_preset: str
    quick_changes: Mapping[str, Any]


NETWORKS = {
    "resnet50": Network("paper", {}, "small", {"image_size": 64, "epochs": 15}),
    "vgg16": Network(
        "paper",
        {"backbone": "vgg16.tv_in1k"},
        "small",
        {
            "backbone": "vgg11_bn",
            "backbone_options": {"mlp_ratio": 1 / 64},  # its layers of 4,096 units would have 119 million weights
            "image_size": 32,
            "batch_size": 32,
            "lr": 2e-4,
            "epochs": 8,
        },
    ),
    "inception-v3": Network(
        "paper",
        {"backbone": "inception_v3.tv_in1k", "image_size": 299},
        "small",
        {"backbone": "inception_next_atto", "image_size": 64, "lr": 1e-3, "epochs": 10},
    ),
    "face-s": Network("face", {}, "face", {}),
}
"""`face-s`, the packaged network, is the same at both sizes. `small` networks start from random weights."""


@dataclass(frozen=True)
class NetworkRunner(Runner):
    """Trains a deep network.

    Attributes:
        network: a name in `NETWORKS`.
        start: the initial weights: `pretrained` (as the preset says), `random`, or `larger` (trained on the larger set).
        rule: the removal rule.
        unaligned: train and test on the faces before alignment.
        epochs: number of epochs; None: as the network has them.
        quick_epochs: number of epochs at the quick size; None: as `epochs`.
    """

    network: str = "resnet50"
    start: Literal["pretrained", "random", "larger"] = "pretrained"
    rule: str = "none"
    unaligned: bool = False
    epochs: int | None = None
    quick_epochs: int | None = None

    @property
    def expensive(self) -> bool:
        return True

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

        >>> NetworkRunner(network="vgg16").settings(seed=0, quick=True).backbone
        'vgg11_bn'
        """
        from bimodal.training.settings import TrainSettings

        network = NETWORKS[self.network]
        changes = {**(network.quick_changes if quick else network.changes), "seed": seed}
        epochs = (quick and self.quick_epochs) or self.epochs
        if epochs:
            changes["epochs"] = epochs
        removal: dict[str, Any] = {"rule": self.rule}
        if network.quick_preset == "small" and quick:
            removal["epoch"] = round(QUICK_REMOVAL_SHARE * changes["epochs"])
        if self.start == "random":
            changes["pretrained"] = False
        elif self.start == "larger":
            changes["weights"] = str(stage_one)
        elif not quick and weights and self.network in weights:
            changes["weights"] = weights[self.network]
        return TrainSettings.preset(network.quick_preset if quick else network.preset, {**changes, "removal": removal})

    def run(self, given: RunInputs) -> None:
        from bimodal.training.evaluate import evaluate

        run = self.train(given)
        if not (given.out / "predictions_test.csv").is_file():
            evaluate(run, "test", data=given.data)
        seconds = float(run.seconds["seconds"].sum())
        removed = [int(row) for row in run.removed["row"]]
        write_result(
            given.out, Manifest.read(given.data), self._describe(given), seconds, {"seed": given.seed}, removed
        )

    def train(self, given: RunInputs) -> "Run":
        """Train the network, or resume its training; test faces are not predicted. A job."""
        from bimodal.runs.run import STATE
        from bimodal.training.train import train

        has_begun = (given.out / "config.yaml").is_file()
        run = train(given.data, given.out, None if has_begun else self._settings(given), resume=has_begun)
        (given.out / STATE).unlink(missing_ok=True)  # three times as large as the weights, and no longer needed
        return run

    def _settings(self, given: RunInputs) -> "TrainSettings":
        return self.settings(given.seed, given.quick, given.weights, given.stage_one)

    def _describe(self, given: RunInputs) -> str:
        """Say in words what is trained: `test_resnet, 64 px, from random weights`."""
        settings = self._settings(given)
        if self.start == "larger":
            start = "from the larger set"
        elif settings.weights:
            start = f"from {Path(settings.weights).name}"
        else:
            start = "pretrained" if settings.pretrained else "from random weights"
        return f"{settings.backbone}, {settings.image_size} px, {start}"


STAGE_ONE = NetworkRunner(quick_epochs=10)
"""Trains on the larger set, before the methods with `start="larger"`."""
QUICK_LARGER = {"train": 6000, "val": 1000}
"""At most so many faces of the larger set are used at the quick size."""


@dataclass(frozen=True)
class EnsembleRunner(Runner):
    """Averages the predicted probabilities of other methods.

    Attributes:
        weighted: fit the weights of the average on validation; else all are equal.
    """

    weighted: bool = False

    @property
    def expensive(self) -> bool:
        return True

    def run(self, given: RunInputs) -> None:
        from bimodal.models.ensemble import average, fit_weights

        start = time.monotonic()
        manifest = Manifest.read(given.data)
        val, test = (
            np.stack([_read_probabilities(member, split, manifest) for member in given.members])
            for split in ("val", "test")
        )
        weights = fit_weights(val, manifest.labels[manifest.rows("val")]) if self.weighted else None
        write_split_predictions(given.out, manifest, {"val": average(val, weights), "test": average(test, weights)})
        write_result(
            given.out,
            manifest,
            f"average, {'weights fitted on validation' if self.weighted else 'equal weights'}",
            time.monotonic() - start,
            {
                "members": [str(member) for member in given.members],
                "weights": None if weights is None else weights.tolist(),
            },
        )


def _read_probabilities(run: Path, split: str, manifest: Manifest) -> NDArray[np.float64]:
    """Return the predicted probabilities of a run, (n,7).

    Raises:
        InputError: the run has predictions of other faces.
    """
    table = read_predictions(run / f"predictions_{split}.csv")
    rows = manifest.rows(split)
    labels = table["label"].map(CODES).to_numpy()
    if not np.array_equal(table["row"].to_numpy(), rows) or not np.array_equal(labels, manifest.labels[rows]):
        raise InputError(
            f"{run} has predictions of other {split} faces; the members of an ensemble need the same faces"
        )
    return table[PROBABILITIES].to_numpy(np.float64)
