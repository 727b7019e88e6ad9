"""Run the methods without a deep network: baselines, support vector machines, small networks.

Libraries are imported when a method runs, so that listing the methods is fast.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from bimodal.classical.net_settings import REMOVAL_EPOCH, NetSettings
from bimodal.data.manifest import Manifest
from bimodal.experiments.paper_table.runner import RunInputs, Runner, RunResult
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

    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        from bimodal.classical.baselines import majority, uniform_guess

        labels = manifest.labels[manifest.rows("train")]
        predictions = {}
        for number, split in enumerate(("val", "test")):
            n, seed = len(manifest.rows(split)), 2 * given.seed + number
            predictions[split] = uniform_guess(labels, n, seed) if self.uniform else majority(labels, n)
        return RunResult("none", {}, predictions, seconds=0.0)


@dataclass(frozen=True)
class SvmRunner(Runner):
    """Fits a support vector machine to one descriptor, or to several side by side."""

    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        from bimodal.classical.features import read_features
        from bimodal.classical.svm import fit_svm

        features = np.concatenate([read_features(file, manifest) for file in given.descriptors], axis=1)
        rows = manifest.rows("train")
        groups = manifest.table["group"].to_numpy()[rows]
        svm = fit_svm(features[rows], manifest.labels[rows], given.seed, groups if any(groups) else None)
        predictions = {split: svm.predict(features[manifest.rows(split)]) for split in ("val", "test")}
        settings = {"c": svm.c, "gamma": svm.gamma, "cross_validated_accuracy": svm.accuracy}
        return RunResult(f"RBF SVM on {' and '.join(map(str.upper, self.descriptors))}", settings, predictions)


@dataclass(frozen=True)
class SmallNetRunner(Runner):
    """Trains a small network on the leading principal components of each descriptor.

    Attributes:
        settings: the network and its training.
        rule: the removal rule.
    """

    settings: NetSettings
    rule: str = "none"
    descriptors: tuple[str, ...] = field(default=DESCRIPTORS, kw_only=True)

    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        from bimodal.classical.features import read_features
        from bimodal.classical.small_nets import components, train_net
        from bimodal.removal import RemovalSettings
        from bimodal.runs.tables import removed_table

        train, val, test = (manifest.rows(split) for split in ("train", "val", "test"))
        descriptors = [read_features(file, manifest) for file in given.descriptors]
        inputs = np.concatenate([components(each[train], each, COMPONENTS) for each in descriptors], axis=1)
        removal = RemovalSettings.preset(self.rule, epoch=REMOVAL_EPOCH)
        net = train_net(inputs, manifest.labels, train, val, self.settings, removal, given.seed)
        removed = removed_table(manifest, net.remover, {})
        write_csv(given.out / "metrics.csv", net.history)
        write_csv(given.out / "removed.csv", removed)
        return RunResult(
            f"hidden layers {', '.join(map(str, self.settings.hidden))}, {COMPONENTS} components each",
            {**asdict(self.settings), "removal": asdict(removal)},
            {"val": net.probabilities[val], "test": net.probabilities[test]},
            removed["row"].tolist(),
        )


def extract_features(data: Path, out: Path, kind: str, given: Path | None = None) -> None:
    """Write a descriptor of every face of a data folder; a job.

    Args:
        data, out: the data folder and the file to write.
        kind: `lpq` or `phog`.
        given: a file of features from another program to take in place of ours.
    """
    from bimodal.classical.features import describe, read_features, write_features

    manifest = Manifest.read(data)
    out.parent.mkdir(exist_ok=True)
    write_features(out, manifest, read_features(given, manifest) if given else describe(manifest, kind))
