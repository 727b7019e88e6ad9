"""Claim: after looks at a tenth of the faces, a reviewer has found 10 % more wrong labels by the ranking that learns."""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bimodal.data.manifest import Manifest
from bimodal.data.views import write_view
from bimodal.emotions import CODES, NAMES
from bimodal.experiments.label_noise.cells import Cell
from bimodal.experiments.label_noise.samples import WRONG, Fer, read_fer, write_with_wrong_labels
from bimodal.features.embedder import packaged_embedder
from bimodal.label_audit.judge import frozen_evidence
from bimodal.review.models import NONE, FeatureModel
from bimodal.review.ranking import Ranker, Ranking
from measure import options, show, verdict

BAR, BAR_SHARE = 0.10, 0.10
SHARES = (0.05, 0.10, 0.20)
NOISE = 0.2
LEARNS, FIXED, CLEANLAB, KNOWING = "learns", "fixed", "cleanlab", "knows all labels"
PATTERNS = {"every other label": "symmetric", "as FER2013 confuses": "confusions"}
REVIEWERS = ("PublicTest, majority", "PublicTest, clear errors")


@dataclass(frozen=True, eq=False)
class Case:
    """A set of n training faces, and what a reviewer says about each.

    Attributes:
        name: of the condition.
        manifest: the faces.
        true: (n,), the label that the reviewer gives, or `NONE`: the reviewer removes the face.
        wrong: (n,) bool, the labels to find.
    """

    name: str
    manifest: Manifest
    true: NDArray[np.int64]
    wrong: NDArray[np.bool_]


def main() -> None:
    parser = options(__doc__ or "", rounds=5)
    parser.add_argument(
        "--photographs", type=Path, help="a data folder of photographs; 20 %% of its labels are made wrong"
    )
    parser.add_argument("--fer", type=Path, help="a data folder of FER2013 with the votes of FERPlus (prepare --votes)")
    parser.add_argument("--step", type=float, default=0.01, help="share of the faces between two updates [0.01]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(Path(folder), arguments)


def report(folder: Path, arguments: argparse.Namespace) -> None:
    """Review all cases by each ranking, and print the tables."""
    found: dict[tuple[str, str], list[list[int]]] = {}
    covered: dict[str, list[list[bool]]] = {}
    sizes: dict[str, tuple[int, list[int]]] = {}
    for seed in range(1 if arguments.quick else arguments.rounds):
        for case in cases(folder / str(seed), arguments, seed):
            looks = [round(share * len(case.true)) for share in SHARES]
            seen, inside, first = review(case, looks, max(1, round(arguments.step * len(case.true))), seed)
            lists = {
                LEARNS: seen,
                FIXED: first.order,
                CLEANLAB: cleanlab(case, first),
                KNOWING: informed(case, seed),
            }
            for name, order in lists.items():
                place = np.searchsorted(first.rows, order)
                found.setdefault((case.name, name), []).append(
                    [int(case.wrong[place[:count]].sum()) for count in looks]
                )
            covered.setdefault(case.name, []).append(inside)
            sizes[case.name] = (int(case.wrong.sum()), looks)
            print(f"seed {seed}, {case.name}: {[found[case.name, name][-1] for name in lists]}", flush=True)
    _print(found, covered, sizes)
    gains = [float(_ratio(found, name, 1).mean()) for name in sizes]
    verdict(f"at least {BAR:.0%} more found at {BAR_SHARE:.0%} of the faces, for every set", min(gains) >= BAR)


def _print(
    found: dict[tuple[str, str], list[list[int]]],
    covered: dict[str, list[list[bool]]],
    sizes: dict[str, tuple[int, list[int]]],
) -> None:
    rows = []
    for name, (wrong, looks) in sizes.items():
        for number, count in enumerate(looks):
            means = [np.mean(found[name, each], axis=0)[number] for each in (LEARNS, FIXED, CLEANLAB, KNOWING)]
            ratios = _ratio(found, name, number)
            most = min(count, wrong) / means[1] - 1
            cells = [f"{mean:.1f}" for mean in means]
            rows.append([name, f"{count} of {SHARES[number]:.0%}", *cells, _interval(ratios), f"{most:+.1%}"])
    head = ["faces", "looks", LEARNS, FIXED, CLEANLAB, KNOWING, f"{LEARNS} / {FIXED} - 1 (95 %)", "most possible"]
    show("Wrong labels found, mean over seeds", head, rows)
    shares = ["before", *(f"{share:.0%}" for share in SHARES)]
    counted = [
        [name, *(f"{sum(inside[place] for inside in many)} of {len(many)}" for place in range(len(shares)))]
        for name, many in covered.items()
    ]
    show("95 % intervals of the wrong labels left that hold their number, by looks", ["faces", *shares], counted)


def _ratio(found: dict[tuple[str, str], list[list[int]]], name: str, number: int) -> NDArray[np.float64]:
    """Return how many more wrong labels the learning ranking finds than the fixed one, by seed."""
    learns, fixed = (np.array(found[name, each], dtype=float)[:, number] for each in (LEARNS, FIXED))
    return np.asarray(learns / np.maximum(fixed, 1) - 1)


def _interval(values: NDArray[np.float64]) -> str:
    if len(values) < 2:
        return f"{values.mean():+.1%}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.1%} ({values.mean() - half:+.1%} to {values.mean() + half:+.1%})"


def cases(folder: Path, arguments: argparse.Namespace, seed: int) -> Iterator[Case]:
    """Yield the sets of a seed."""
    if arguments.quick or (arguments.photographs is None and arguments.fer is None):
        from faces import draw

        photographs = draw(folder / "faces", 70, side=48) if arguments.quick else draw(folder / "faces", 891)
        yield from _with_noise("drawn", Manifest.read(photographs), folder, seed)
        return
    if arguments.photographs is not None:
        yield from _with_noise("photographs", Manifest.read(arguments.photographs), folder, seed)
    if arguments.fer is not None:
        yield from _public(read_fer(Manifest.read(arguments.fer)), folder, seed)


def _with_noise(name: str, manifest: Manifest, folder: Path, seed: int) -> Iterator[Case]:
    for words, pattern in PATTERNS.items():
        cell = Cell("photographs", 0, pattern, NOISE, "", seed)  # type: ignore[arg-type]
        out = folder / pattern
        write_with_wrong_labels(manifest, manifest.table, cell, out)
        noisy = Manifest.read(out)
        rows = noisy.rows("train")
        true = np.array([CODES.get(label, NONE) for label in noisy.table["true_label"].iloc[rows]])  # or no face at all
        yield Case(f"{name}, {words}", noisy, true, true != noisy.labels[rows])


def _public(fer: Fer, folder: Path, seed: int) -> Iterator[Case]:
    """Yield two thirds of PublicTest with two reviewers: one follows the majority, one changes clear errors alone."""
    public = np.flatnonzero(fer.manifest.table["split"] == "test")
    chosen = np.sort(np.random.default_rng(seed).permutation(public)[: round(2 / 3 * len(public))])
    write_view(fer.manifest, fer.manifest.table.iloc[chosen].assign(split="train"), folder / "public")
    manifest, votes = Manifest.read(folder / "public"), fer.votes[chosen]
    majority = np.where(votes.max(axis=1) >= fer.most_other[chosen], fer.majority[chosen], NONE)
    yield Case(REVIEWERS[0], manifest, majority, majority != manifest.labels)
    clear = fer.truth[chosen] == WRONG
    yield Case(REVIEWERS[1], manifest, np.where(clear, majority, manifest.labels), clear)


def review(case: Case, looks: list[int], step: int, seed: int) -> tuple[NDArray[np.int64], list[bool], Ranking]:
    """Review by the ranking that learns.

    Returns:
        The rows in the order of the looks; whether the interval of the wrong labels left held their number before the first
        look and after each of `looks`; and the first ranking.
    """
    ranker = Ranker(case.manifest, _model(case, seed))
    images, decisions = case.manifest.table["image"], pd.DataFrame(columns=["image", "decision", "label"])
    first = ranking = ranker.update(decisions)
    seen: list[int] = []
    inside = [_holds(case, ranking)]
    for stop in looks:
        while len(seen) < stop:
            for row in ranking.order[: min(step, stop - len(seen))].tolist():
                true, given = case.true[ranking.position(row)], case.manifest.labels[row]
                choice = "remove" if true == NONE else "keep" if true == given else "relabel"
                decisions.loc[len(decisions)] = [images.iat[row], choice, NAMES[true] if choice == "relabel" else ""]
                seen.append(row)
            ranking = ranker.update(decisions)
        inside.append(_holds(case, ranking))
    return np.array(seen), inside, first


def _holds(case: Case, ranking: Ranking) -> bool:
    return bool(ranking.left.low <= case.wrong[~ranking.decided].sum() <= ranking.left.high)


def _model(case: Case, seed: int) -> FeatureModel:
    rows = case.manifest.rows("train").astype(np.int64)
    return FeatureModel(frozen_evidence(case.manifest, packaged_embedder(), rows), case.manifest.labels[rows], seed)


def informed(case: Case, seed: int) -> NDArray[np.int64]:
    """Return the ranking of a model that was told the reviewer's label of every other face: what learning could reach."""
    score = _model(case, seed).judge(case.true).score
    return np.asarray(case.manifest.rows("train")[np.argsort(-score, kind="stable")])


def cleanlab(case: Case, first: Ranking) -> NDArray[np.int64]:
    """Return cleanlab's list on the out-of-sample probabilities of the first ranking, and then the other faces."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels = case.manifest.labels[first.rows]
    classes, given = np.unique(labels, return_inverse=True)
    probs = first.pred_probs[:, classes]
    probs = probs / probs.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listed = find_label_issues(given, probs, return_indices_ranked_by="self_confidence", n_jobs=1)
    others = np.argsort(get_label_quality_scores(given, probs), kind="stable")
    return np.asarray(first.rows[np.concatenate([listed, others[~np.isin(others, listed)]])])


if __name__ == "__main__":
    main()
