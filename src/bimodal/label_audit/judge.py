"""How the labels of an audit are judged: by features of a frozen network, by a training, or by both."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.data.splits import linked_groups
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.calibration import log_softmax
from bimodal.features.embedder import Embedder
from bimodal.features.probe import Probe, out_of_sample, sample_to_fit
from bimodal.features.store import Features, features_of
from bimodal.removal import two_modes
from bimodal.removal.issues import LabelIssues
from bimodal.removal.noise_model import label_noise
from bimodal.runs.run import Run

PLANTED_SHARE = 0.05
"""Share of the labels that the check replaces at random, to see how many of them the audit finds."""
_MIN_PLANTED = 10
_MIN_PROBABILITY = 1e-6
_MIN_CONFIDENCE = 1e-4  # of the frozen network, whose probabilities are not fitted to these labels


@dataclass(frozen=True)
class PlantedCheck:
    """How many labels that were replaced at random the audit finds.

    Attributes:
        planted: number of replaced labels.
        found: how many of them were label issues.
    """

    planted: int
    found: int


@dataclass(frozen=True, eq=False)
class Judgement:
    """The judged training labels of an audit.

    Attributes:
        rows: (n,), the rows of the manifest, ascending.
        labels: (n,), the judged labels; those that a person has corrected are the corrected ones.
        issues: what was found about them.
        pred_probs: (n,7), out-of-sample predicted probabilities, or with a training alone, averaged over its epochs.
        features: (n,F), to find similar faces; with 16 bits, so compute with 32.
        other_probs: (m,7), predicted probabilities of the validation and test faces.
        decided: (n,) bool, the labels that a person has decided about; they are trusted.
        accuracy: share of the labels that the out-of-sample predictions match; None with a training alone.
        check: the check with replaced labels; None with a training alone.
        identity: of the faces, labels, settings and decisions that were judged.
        is_stored: whether it was read from the file of an earlier call.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    issues: LabelIssues
    pred_probs: NDArray[np.float64]
    features: NDArray[np.float16]
    other_probs: NDArray[np.float64]
    decided: NDArray[np.bool_]
    accuracy: float | None = None
    check: PlantedCheck | None = None
    identity: str = ""
    is_stored: bool = False

    def trusting(self, decided: NDArray[np.bool_], identity: str) -> Self:
        """Return the judgement with some labels trusted: they are no label issues, and right with certainty."""
        issues = self.issues
        probability = np.where(decided, 0.0, issues.probability)
        trusted = replace(
            issues,
            noise_rate=float(probability.mean()) if issues.has_label_issues else 0.0,
            probability=probability,
            is_label_issue=issues.is_label_issue & ~decided,
            remove=issues.remove & ~decided,
            confidence=np.where(decided, 0.0, issues.confidence),
        )
        return replace(self, issues=trusted if decided.any() else issues, decided=decided, identity=identity)


@dataclass(frozen=True, eq=False)
class FrozenEvidence:
    """What a frozen network says about n training faces.

    Attributes:
        features: (n,F) float16.
        network: (n,7), the predicted probabilities of the network itself; None if it has no head for these emotions.
        copies: of each face, a number that its copies share; None if there are no copies.
        others: (m,F) float16, the features of the validation and test faces.
    """

    features: NDArray[np.float16]
    network: NDArray[np.float64] | None
    copies: list[int] | None
    others: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), np.float16))


def frozen_evidence(manifest: Manifest, embedder: Embedder, rows: NDArray[np.int64]) -> FrozenEvidence:
    """Return what a frozen network says about some training faces, from the cache of the data folder.

    Args:
        manifest: the faces.
        embedder: the frozen network.
        rows: (n,), rows of the manifest.

    Raises:
        InputError: a picture cannot be read.
    """
    found = features_of(manifest, embedder)
    digests = [manifest.pixel_digests[row] for row in rows]
    copies = linked_groups(digests).tolist() if _has_copies(digests) else None
    others = found.values[other_rows(manifest)]
    return FrozenEvidence(found.values[rows], _network_probs(found, rows), copies, others)


def other_rows(manifest: Manifest) -> NDArray[np.int64]:
    """Return the rows of the validation and test faces, int64, ascending."""
    return np.flatnonzero(manifest.table["split"] != "train")


def judge_by_features(
    manifest: Manifest,
    embedder: Embedder,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    seed: int = 0,
    run: Run | None = None,
) -> Judgement:
    """Judge labels by out-of-sample probabilities of a logistic regression on frozen features.

    Copies of a picture are in one fold, since a copy would reveal the label. Pictures of one person are not: other
    pictures of the person help to find independent errors (docs/results/label-noise.md).

    Args:
        manifest: the faces.
        embedder: the frozen network.
        rows: (n,), the training rows to judge.
        labels: (n,), their labels, 0 to 6.
        seed: random seed of the folds and the simulations.
        run: a training on these faces; its probabilities, averaged over the epochs, change the order of the labels. None:
            the regression alone.

    Raises:
        InputError: there are fewer than two emotions or fewer than twenty faces, or the run was trained on other faces.
    """
    if len(rows) < 2 * _MIN_PLANTED or len(np.unique(labels)) < 2:
        raise InputError(f"an audit needs at least {2 * _MIN_PLANTED} training faces of at least two emotions")
    evidence = frozen_evidence(manifest, embedder, rows)
    values, copies = evidence.features, evidence.copies
    held_out = out_of_sample(values, labels, len(NAMES), groups=copies, seed=seed)
    extra = () if evidence.network is None else (evidence.network,)

    pred_probs = held_out.pred_probs
    issues = label_noise(labels, pred_probs, *extra, seed=seed)
    if run is not None:
        trained = np.maximum(training_probs(run, manifest, rows), _MIN_PROBABILITY)
        logs = np.log(pred_probs) + np.log(trained) + sum(0.5 * np.log(probs) for probs in extra)
        pred_probs = np.exp(log_softmax(np.asarray(logs) / (2 + 0.5 * len(extra))))
        issues = issues.reranked(labels, pred_probs)
    replaced, planted = _plant(labels, issues, np.random.default_rng(seed))
    again = out_of_sample(
        values, replaced, len(NAMES), groups=copies, seed=seed, inverse_penalties=(held_out.inverse_penalty,)
    )
    check = label_noise(replaced, again.pred_probs, *extra, alpha=None, seed=seed)
    fitted = sample_to_fit(np.arange(len(rows)), seed)
    probe = Probe.fit(values[fitted], labels[fitted], len(NAMES), held_out.inverse_penalty)
    return Judgement(
        rows,
        labels,
        issues,
        pred_probs,
        values,
        probe.predict(evidence.others),
        np.zeros(len(rows), dtype=bool),
        float((held_out.pred_probs.argmax(axis=1) == labels).mean()),
        PlantedCheck(len(planted), int(check.is_label_issue[planted].sum())),
    )


def judge_by_training(manifest: Manifest, run: Run, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> Judgement:
    """Judge labels by the probabilities of a training, averaged over its epochs, with the rule `two_modes`.

    Args:
        manifest: the faces.
        run: a run on these faces that removed no example and stored its pred_probs.
        rows: (n,), the training rows to judge.
        labels: (n,), their labels, 0 to 6.

    Raises:
        InputError: the run has no pred_probs, or was trained on other faces.
    """
    from bimodal.label_audit.network import network_outputs  # loads PyTorch

    pred_probs = training_probs(run, manifest, rows)
    features, probs = network_outputs(run, manifest, np.concatenate([rows, other_rows(manifest)]))
    count = len(rows)
    decided = np.zeros(count, dtype=bool)
    return Judgement(
        rows,
        labels,
        two_modes(pred_probs, labels),
        pred_probs,
        features[:count].astype(np.float16),
        probs[count:],
        decided,
    )


def training_probs(run: Run, manifest: Manifest, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the predicted probabilities of some training faces, averaged over the epochs of a run, float64 (n,7).

    Raises:
        InputError: the run has none, or was trained on other faces.
    """
    losses, trained_rows = run.losses, manifest.rows("train")
    if "pred_probs" not in losses or not np.array_equal(losses["rows"], trained_rows):
        raise InputError(f"{run.path} is not the run of an audit of these faces; start again with --overwrite")
    return np.asarray(losses["pred_probs"], dtype=np.float64)[np.searchsorted(trained_rows, rows)]


def _has_copies(digests: list[bytes | None]) -> bool:
    known = [digest for digest in digests if digest is not None]
    return len(set(known)) < len(known)


def _network_probs(found: Features, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return what the frozen network itself predicts, (n,7); None if it has no head for these emotions."""
    if not set(NAMES) <= set(found.classes):
        return None
    logs = np.asarray(found.log_probs[rows], dtype=np.float64)[:, [found.classes.index(name) for name in NAMES]]
    probs = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(np.maximum(probs / probs.sum(axis=1, keepdims=True), _MIN_CONFIDENCE))


def _plant(
    labels: NDArray[np.int64], issues: LabelIssues, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Replace some labels that are probably right by other classes; return the labels and the replaced positions."""
    classes = np.unique(labels)
    candidates = np.flatnonzero(~issues.is_label_issue & (issues.probability < 0.5))
    count = min(max(round(PLANTED_SHARE * len(labels)), _MIN_PLANTED), len(candidates))
    planted = rng.choice(candidates, count, replace=False)
    replaced = labels.copy()
    position = np.searchsorted(classes, labels[planted])
    replaced[planted] = classes[(position + rng.integers(1, len(classes), count)) % len(classes)]
    return replaced, planted
