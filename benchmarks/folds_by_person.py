"""Claim: folds that ignore persons find independent wrong labels better, and repeated ones no worse.

Give a data folder whose manifest has groups (persons); without one, drawn faces stand in for persons in pairs.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.evaluation.statistics import Estimate, over_seeds
from bimodal.features.embedder import packaged_embedder
from bimodal.features.probe import out_of_sample
from bimodal.features.store import features_of
from bimodal.removal.noise_model import label_noise
from measure import options, show, verdict

INDEPENDENT, REPEATED = 0.2, 0.1
"""Share of labels made wrong: at random, or for all pictures of a person at once."""


def main() -> None:
    parser = options(__doc__ or "", rounds=5)
    parser.add_argument("data", type=Path, nargs="?", help="data folder with groups [drawn faces]")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 3
    if arguments.data:
        compare(Manifest.read(arguments.data), arguments)
        return
    from faces import draw

    with tempfile.TemporaryDirectory() as folder:
        compare(Manifest.read(draw(Path(folder), 140)), arguments)


def compare(manifest: Manifest, arguments: argparse.Namespace) -> None:
    """Print the average precision of both kinds of folds for both kinds of errors."""
    rows = manifest.rows("train")
    labels, found = manifest.labels[rows], features_of(manifest, packaged_embedder())
    features = np.asarray(found.values[rows], dtype=np.float32)
    order = [found.classes.index(name) for name in NAMES]
    network = np.exp(np.asarray(found.log_probs[rows], dtype=np.float64)[:, order])
    person = np.arange(len(rows)) // 2
    if arguments.data:
        _, person = np.unique(manifest.table["group"].to_numpy(dtype=str)[rows], return_inverse=True)
    table, gains = [], []
    kinds: dict[str, Callable[[np.random.Generator], NDArray[np.int64]]] = {
        "independent": lambda random: independent(labels, random),
        "repeated": lambda random: repeated(labels, person, random),
    }
    for kind, change in kinds.items():
        results: dict[str, list[float]] = {}
        for seed in range(arguments.rounds):
            given = change(np.random.default_rng(seed))
            wrong = given != labels
            for folds, groups in (("plain", None), ("by person", person)):
                probs = out_of_sample(features, given, len(NAMES), groups=groups, seed=seed).pred_probs
                score = -probs[np.arange(len(given)), given]
                model = label_noise(given, probs, np.maximum(network, 1e-4), alpha=None, seed=seed).score
                for method, values in (("regression", score), ("noise model", model)):
                    row = results.setdefault(f"{method}, folds {folds}", [])
                    row.append(float(average_precision_score(wrong, values)))
        for name, values in results.items():
            estimate = over_seeds(values)
            table.append([name, kind, f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"])
        gains.append(
            over_seeds(np.subtract(results["regression, folds plain"], results["regression, folds by person"]))
        )
    title = f"{len(rows):,} faces of {person.max() + 1:,} persons, {arguments.rounds} seeds"
    show(title, ["method", "errors", "average precision", "95 % interval"], table)
    for kind, gain in zip(kinds, gains, strict=True):
        print(
            f"{kind}: plain minus by person {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), regression, paired"
        )
    verdict(
        "for independent errors the difference is significantly above 0, for repeated ones not below", _holds(*gains)
    )


def _holds(independent_errors: Estimate, repeated_errors: Estimate) -> bool:
    return independent_errors.low > 0 and repeated_errors.high >= 0


def independent(labels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return labels of which some, at random, are another emotion."""
    given = labels.copy()
    rows = random.permutation(len(labels))[: round(INDEPENDENT * len(labels))]
    given[rows] = (labels[rows] + random.integers(1, len(NAMES), len(rows))) % len(NAMES)
    return given


def repeated(labels: NDArray[np.int64], person: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return labels in which all pictures of some persons have one and the same label."""
    given = labels.copy()
    sizes = np.bincount(person)
    for who in random.permutation(len(sizes)):
        if (given != labels).mean() >= REPEATED:
            break
        if sizes[who] > 1:
            given[person == who] = random.integers(len(NAMES))
    return given


if __name__ == "__main__":
    main()
