"""Run the methods without a deep network: baselines, support vector machines, small networks.

Libraries are imported when a method runs, so that listing the methods is fast.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.classical.net_settings import REMOVAL_EPOCH, NetSettings
from bimodal.data.manifest import Manifest
from bimodal.experiments.paper_table.runner import RunInputs, Runner, write_result, write_split_predictions
from bimodal.files import write_csv

DESCRIPTORS = ("lpq", "phog")
COMPONENTS = 5
"""Principal components of each descriptor that the small networks get, as in the earlier work."""


@dataclass(frozen=True)
class BaselineRunner(Runner):
    """Predicts without the pictures.

    Attributes:
        uniform: predict each emotion of the training faces with the same probability; else always the most frequent.
    """

    uniform: bool = False

    def run(self, given: RunInputs) -> None:
        from bimodal.classical.baselines import majority, uniform_guess

        manifest = Manifest.read(given.data)
        labels = manifest.labels[manifest.rows("train")]
        predictions = {}
        for number, split in enumerate(("val", "test")):
            n = len(manifest.rows(split))
            seed = 2 * given.seed + number
            predictions[split] = uniform_guess(labels, n, seed) if self.uniform else majority(labels, n)
        write_split_predictions(given.out, manifest, predictions)
        write_result(given.out, manifest, "none", 0.0, {"seed": given.seed})


@dataclass(frozen=True)
class SvmRunner(Runner):
    """Fits a support vector machine to one descriptor, or to several side by side."""

    def run(self, given: RunInputs) -> None:
        from bimodal.classical.features import read_features
        from bimodal.classical.svm import fit_svm

        start = time.monotonic()
        manifest = Manifest.read(given.data)
        features = np.concatenate([read_features(file, manifest) for file in given.descriptors], axis=1)
        rows = manifest.rows("train")
        svm = fit_svm(features[rows], manifest.labels[rows], given.seed, groups=_groups(manifest, rows))
        predictions = {split: svm.predict(features[manifest.rows(split)]) for split in ("val", "test")}
        write_split_predictions(given.out, manifest, predictions)
        settings = {"seed": given.seed, "c": svm.c, "gamma": svm.gamma, "cross_validated_accuracy": svm.accuracy}
        network = f"RBF SVM on {' and '.join(kind.upper() for kind in self.descriptors)}"
        write_result(given.out, manifest, network, time.monotonic() - start, settings)


@dataclass(frozen=True)
class SmallNetRunner(Runner):
    """Trains a small network on the leading principal components of each descriptor.

    Attributes:
        settings: the network and its training.
        rule: the removal rule.
    """

    settings: NetSettings = NetSettings(())
    rule: str = "none"

    def run(self, given: RunInputs) -> None:
        from bimodal.classical.features import read_features
        from bimodal.classical.small_nets import components, train_net
        from bimodal.removal import RemovalSettings
        from bimodal.runs.tables import removed_table

        start = time.monotonic()
        manifest = Manifest.read(given.data)
        train, val = manifest.rows("train"), manifest.rows("val")
        inputs = []
        for file in given.descriptors:
            features = read_features(file, manifest)
            inputs.append(components(features[train], features, COMPONENTS))
        removal = RemovalSettings.preset(self.rule, epoch=REMOVAL_EPOCH)
        net = train_net(np.concatenate(inputs, axis=1), manifest.labels, train, val, self.settings, removal, given.seed)
        predictions = {split: net.probabilities[manifest.rows(split)] for split in ("val", "test")}
        write_split_predictions(given.out, manifest, predictions)
        write_csv(given.out / "metrics.csv", net.history)
        removed = removed_table(manifest, net.remover, {})
        write_csv(given.out / "removed.csv", removed)
        layers = "one hidden layer" if len(self.settings.hidden) == 1 else f"{len(self.settings.hidden)} hidden layers"
        write_result(
            given.out,
            manifest,
            f"{layers}, {COMPONENTS} components each",
            time.monotonic() - start,
            {"seed": given.seed, **asdict(self.settings), "removal": asdict(removal)},
            [int(row) for row in removed["row"]],
        )


def extract_features(data: Path, out: Path, kind: str, given: Path | None = None) -> None:
    """Write a descriptor of every face of a data folder.

    Args:
        data: the data folder.
        out: the file to write.
        kind: `lpq` or `phog`.
        given: a file of features from another program to take in place of ours.
    """
    from bimodal.classical.features import describe, read_features, write_features

    manifest = Manifest.read(data)
    out.parent.mkdir(exist_ok=True)
    write_features(out, manifest, read_features(given, manifest) if given else describe(manifest, kind))


def _groups(manifest: Manifest, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Number the groups (persons, films) of some faces; None if no group is known."""
    from bimodal.data.splits import linked_groups

    groups = manifest.table["group"].to_numpy()[rows]
    return linked_groups([group or None for group in groups]) if any(groups) else None
