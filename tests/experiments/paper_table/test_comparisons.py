"""The conclusions of a study with known differences, and the conclusions that it does not draw."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bimodal.evaluation.comparison import compare
from bimodal.evaluation.paired_tests import holm, mcnemar
from bimodal.experiments.paper_table.comparisons import (
    ALIGNMENT,
    ENSEMBLE,
    PRETRAINING,
    REMOVAL,
    Comparisons,
    Pair,
    compare_rows,
)
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.results import Row
from tests.experiments.paper_table.fakes import FACES, LABELS, predictions, row, study, whole_compared

BDR = row("resnet50-bdr", 0.5)


@pytest.fixture(scope="module")
def whole() -> Comparisons:
    return whole_compared()[1]


def _pair(comparisons: Comparisons, a: str, b: str) -> Pair:
    pairs = (*comparisons.claims, *comparisons.others)
    (found,) = [pair for pair in pairs if (pair.a.method.name, pair.b.method.name) == (a, b)]
    return found


def test_a_known_difference_is_found_and_equal_rows_are_not_different() -> None:
    same = predictions(0.4, 5)
    rows = [
        row("majority", None),
        row("simple-nn", predicted=same),
        row("simple-nn-bdr", 0.55),
        row("resnet50", predicted=same),
        row("resnet50-bdr", predicted=same),
    ]
    comparisons = compare_rows(study(rows))
    helps = _pair(comparisons, "simple-nn", "simple-nn-bdr")
    assert helps.comparison.found
    assert helps.comparison.difference.value == pytest.approx(rows[2].accuracy.value - rows[1].accuracy.value)  # type: ignore[union-attr]
    assert helps.conclusion.startswith("Significant difference: simple-nn-bdr is 1")
    assert "more accurate than simple-nn" in helps.conclusion
    equal = _pair(comparisons, "resnet50", "resnet50-bdr")
    assert not equal.comparison.found
    assert equal.comparison.p_holm == 1
    assert "No difference can be concluded: resnet50-bdr and resnet50 are equally accurate" in equal.conclusion
    assert "finds a true difference" in equal.conclusion


def test_equal_methods_are_rarely_found_different() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        shares = rng.uniform(size=FACES)
        right = rng.uniform(size=(2, 5, FACES)) < shares
        codes = np.where(right, LABELS, (LABELS + 1) % 7)
        rows = [row("simple-nn", predicted=codes[0]), row("simple-nn-bdr", predicted=codes[1])]
        found += compare_rows(study(rows)).claims[0].comparison.found
    assert found <= 4


def test_every_two_rows_are_compared_once(whole: Comparisons) -> None:
    ran = [own for own in whole_compared()[0].rows if own.seeds]
    pairs = [frozenset((pair.a.method.name, pair.b.method.name)) for pair in (*whole.claims, *whole.others)]
    assert set(pairs) == {frozenset((a.method.name, b.method.name)) for a, b in combinations(ran, 2)}
    assert len(pairs) == len(set(pairs))


def test_the_claims_have_the_right_baseline(whole: Comparisons) -> None:
    asked = {(pair.question, pair.a.method.name, pair.b.method.name) for pair in whole.claims}
    assert asked == {
        (REMOVAL, "simple-nn", "simple-nn-bdr"),
        (REMOVAL, "resnet50", "resnet50-bdr"),
        (REMOVAL, "two-stage", "two-stage-bdr"),
        (REMOVAL, "two-stage-face-s", "two-stage-face-s-bdr"),
        (PRETRAINING, "resnet50-scratch", "resnet50"),
        (PRETRAINING, "resnet50", "two-stage"),
        (PRETRAINING, "face-s-scratch", "two-stage-face-s"),
        (ALIGNMENT, "resnet50-unaligned", "resnet50"),
        (ENSEMBLE, "inception-v3", "ensemble"),
        (ENSEMBLE, "inception-v3", "ensemble-weighted"),
    }
    assert {pair.question for pair in whole.others} == {""}


def test_p_is_adjusted_within_each_share_and_claims_apart() -> None:
    names = ("majority", "simple-nn", "simple-nn-bdr", "resnet50", "resnet50-bdr")
    rows = [
        row(name, 0.3 + 0.05 * n if n else None, noise=noise) for noise in (0.0, 0.2) for n, name in enumerate(names)
    ]
    comparisons = compare_rows(study(rows))
    for pairs in (comparisons.claims, comparisons.others):
        for noise in (0.0, 0.2):
            own = [pair.comparison for pair in pairs if pair.a.noise == noise]
            assert len(own) in (2, 8)
            assert [one.p_holm for one in own] == holm([one.p for one in own])
    assert all(pair.a.noise == pair.b.noise for pair in (*comparisons.claims, *comparisons.others))
    assert comparisons.claims[-1].conclusion.startswith("With 20 % wrong labels: ")
    assert not comparisons.claims[0].conclusion.startswith("With")


def test_seeds_are_paired_by_their_number() -> None:
    codes = predictions(0.4, 5)
    first = row("resnet50", predicted=codes)
    second = row("resnet50-bdr", predicted=codes[[4, 2]])
    shuffled = replace(second, numbers=second.numbers.set_axis([4, 2]))
    (pair,) = compare_rows(study([first, shuffled])).claims
    assert pair.comparison.seeds == ((2, 2), (4, 4))
    assert all(test.only_a == test.only_b == 0 for test in pair.comparison.by_seed)


def test_the_order_of_the_faces_does_not_matter() -> None:
    rows = [row("simple-nn", 0.3), row("simple-nn-bdr", 0.4)]
    order = np.random.default_rng(0).permutation(FACES)
    mixed = [replace(own, labels=own.labels[order], predicted=own.predicted[:, order]) for own in rows]
    (one,), (other,) = compare_rows(study(rows)).claims, compare_rows(study(mixed)).claims
    assert one.comparison.by_seed == other.comparison.by_seed
    assert one.comparison.difference.value == other.comparison.difference.value


def test_the_baseline_is_beaten_only_if_the_interval_is_above_it(whole: Comparisons) -> None:
    rows = {own.method.name: own for own in whole.beats_baseline}
    assert "majority" not in rows
    assert "random" not in rows
    assert "vgg16" not in rows  # it has no run
    baseline = next(own for own in (pair.a for pair in whole.others) if own.method.name == "majority")
    for own, beats in whole.beats_baseline.items():
        seeds = len(own.seeds)
        assert beats == (compare(baseline.correct[:seeds], own.correct).difference.low > 0)
    assert whole.beats_baseline[rows["resnet50"]] is True
    assert whole.unconverged(rows["resnet50-scratch"])
    assert not whole.unconverged(baseline)


def test_without_the_baseline_convergence_is_unknown() -> None:
    rows = [row("resnet50", 0.1), row("resnet50-bdr", 0.4)]
    comparisons = compare_rows(study(rows))
    assert comparisons.beats_baseline == {rows[0]: None, rows[1]: None}
    assert not comparisons.unconverged(rows[0])
    assert comparisons.claims[0].unconverged == ()


def test_nothing_is_concluded_from_rows_that_have_not_converged(whole: Comparisons) -> None:
    pair = _pair(whole, "resnet50-scratch", "resnet50")
    assert pair.unconverged == ("resnet50-scratch",)
    start = "Nothing can be concluded about the methods: resnet50-scratch is not shown to beat majority"
    assert pair.conclusion.startswith(start)
    with_baseline = _pair(whole, "majority", "resnet50-scratch")
    assert not with_baseline.conclusion.startswith("Nothing can be concluded about")
    both = compare_rows(study([row("majority", None), row("simple-nn", 0.15), row("simple-nn-bdr", 0.16)]))
    assert "simple-nn and simple-nn-bdr are not shown to beat majority" in both.claims[0].conclusion


def test_rows_that_do_not_depend_on_the_seed_are_one_observation() -> None:
    codes = predictions(0.3, 1), predictions(0.5, 1, start=1)
    rows = [
        row("svm-lpq", predicted=np.repeat(codes[0], 5, axis=0)),
        row("svm-phog", predicted=np.repeat(codes[1], 5, axis=0)),
    ]
    (pair,) = compare_rows(study(rows)).others
    assert pair.comparison.p == mcnemar(codes[0][0] == LABELS, codes[1][0] == LABELS).p
    assert pair.comparison.found  # a sign-flip test over five seeds cannot find it


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (replace(BDR, numbers=BDR.numbers.set_axis([7, 8, 9, 10, 11])), "have no seed in common"),
        (replace(BDR, labels=(LABELS + 1) % 7), "were not tested on the same faces"),
        (row("resnet50-bdr", seeds=0, failures=["out of memory"]), "no run of resnet50-bdr succeeded"),
    ],
)
def test_impossible_comparisons_are_noted(second: Row, note: str) -> None:
    comparisons = compare_rows(study([row("resnet50"), second]))
    assert comparisons.claims == comparisons.others == ()
    ((question, text),) = comparisons.notes
    assert question == REMOVAL
    assert note in text
    assert "resnet50-bdr" in text


def test_the_same_network_does_not_test_pretraining() -> None:
    rows = [
        row("resnet50", network="small, from random weights"),
        row("resnet50-scratch", network="small, from random weights"),
    ]
    comparisons = compare_rows(study(rows))
    assert comparisons.claims == ()
    ((question, text),) = comparisons.notes
    assert question == PRETRAINING
    assert "are the same network here, small, from random weights" in text
    assert len(comparisons.others) == 1


def test_an_ensemble_is_compared_with_its_best_member_on_validation() -> None:
    chosen = row("vgg16", 0.3, 3)
    chosen = replace(chosen, numbers=chosen.numbers.assign(validation_accuracy=0.9))
    rows = [row("resnet50-bdr", 0.5, 3), chosen, row("inception-v3", 0.5, 3), row("ensemble", 0.52, 3)]
    (pair,) = compare_rows(study(rows)).claims
    assert (pair.a.method.name, pair.b.method.name) == ("vgg16", "ensemble")
    assert METHODS["ensemble"].runner.members == ("resnet50-bdr", "vgg16", "inception-v3")


def test_an_empty_study() -> None:
    nothing = compare_rows(study([]))
    assert (nothing.claims, nothing.others, nothing.notes) == ((), (), ())
    assert compare_rows(study([row("resnet50")])).claims == ()


def test_a_large_difference_is_found_among_all_pairs_of_the_table() -> None:
    rows = [row("majority", None), *(row(name, 0.3) for name in METHODS if name not in ("majority", "two-stage"))]
    comparisons = compare_rows(study([*rows, row("two-stage", 0.95)]))
    assert len(comparisons.others) > 130
    pairs = [pair for pair in comparisons.others if "two-stage" in (pair.a.method.name, pair.b.method.name)]
    assert all(pair.comparison.found for pair in pairs)
    assert max(pair.comparison.p_holm for pair in pairs) < 0.01
