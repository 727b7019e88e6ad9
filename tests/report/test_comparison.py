"""Runs are compared only on the same examples, in pairs of runs with the same seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.errors import InputError
from bimodal.evaluation.paired_tests import mcnemar
from bimodal.report.comparison import Evaluation, common_split, evaluate
from bimodal.report.conditions import group, open_runs
from tests.runs import write_run


def _evaluate(paths: list[Path], split: str = "test") -> Evaluation:
    return evaluate(group(open_runs(paths)), split)


def _change(file: Path, column: str, row: int, value: object) -> None:
    table = pd.read_csv(file)
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    table.to_csv(file, index=False)


def test_runs_with_the_same_seed_are_compared(tmp_path: Path) -> None:
    without = [write_run(tmp_path, f"n{seed}", seed=seed, accuracy=0.5) for seed in (0, 1, 2)]
    removing = [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang", accuracy=0.7) for seed in (1, 2, 3)]
    evaluation = _evaluate(without + removing)
    (comparison,) = evaluation.comparisons
    assert comparison.seeds == ((1, 1), (2, 2))
    right = []
    for path in (without[1], removing[0]):
        table = pd.read_csv(path / "predictions_test.csv")
        right.append((table["label"] == table["predicted"]).to_numpy())
    assert comparison.by_seed[0] == mcnemar(*right)
    assert evaluation.results[0].accuracies == pytest.approx([18 / 35] * 3, abs=1 / 35)


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    before = _evaluate([a, b]).comparisons[0]
    table = pd.read_csv(b / "predictions_test.csv")
    table.sample(frac=1, random_state=0).to_csv(b / "predictions_test.csv", index=False)
    assert _evaluate([a, b]).comparisons[0] == before


@pytest.mark.parametrize(("column", "value"), [("image", "images/other.png"), ("label", "sad")])
def test_other_examples_or_labels_are_refused(tmp_path: Path, column: str, value: object) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    _change(b / "predictions_test.csv", column, 0, value)
    with pytest.raises(InputError, match="not evaluated on the same test examples"):
        _evaluate([a, b])


def test_rows_may_differ_because_cleaned_data_have_fewer_training_faces(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    before = _evaluate([a, b]).comparisons
    table = pd.read_csv(b / "predictions_test.csv")
    table.assign(row=table["row"] - 1).to_csv(b / "predictions_test.csv", index=False)
    assert _evaluate([a, b]).comparisons == before


def test_fewer_examples_are_refused(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang")
    pd.read_csv(b / "predictions_test.csv").iloc[:-1].to_csv(b / "predictions_test.csv", index=False)
    with pytest.raises(InputError, match=r"same test examples: 35 and 34"):
        _evaluate([a, b])
    pd.read_csv(b / "predictions_test.csv").iloc[:0].to_csv(b / "predictions_test.csv", index=False)
    with pytest.raises(InputError, match="has no example"):
        _evaluate([b])


def test_missing_predictions_name_the_command(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a", test=False), write_run(tmp_path, "b", rule="wang")
    with pytest.raises(InputError, match=f"bimodal evaluate {a}"):
        _evaluate([a, b])
    runs = open_runs([a, b])
    assert common_split(runs) == "val"
    assert common_split(runs[1:]) == "test"
    (a / "predictions_val.csv").unlink()
    assert common_split(runs) is None


def test_notes_say_what_limits_the_comparison(tmp_path: Path) -> None:
    a = [write_run(tmp_path, f"a{seed}", seed=seed) for seed in (0, 1)]
    b = [write_run(tmp_path, f"b{seed}", seed=seed, rule="wang") for seed in (2, 3)]
    (b[0] / "environment.json").write_text('{"data_fingerprint": "another"}')
    evaluation = _evaluate(a + b)
    assert evaluation.comparisons == ()
    assert "no seed in common" in " ".join(evaluation.notes)
    assert "The data folders differ" in " ".join(evaluation.notes)


def test_two_single_runs_are_a_pair_whatever_their_seeds(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a", seed=0), write_run(tmp_path, "b", seed=5, rule="wang")
    (comparison,) = _evaluate([a, b]).comparisons
    assert comparison.seeds == ((0, 5),)
    assert comparison.p == comparison.by_seed[0].p


def test_several_conditions_are_adjusted_for_each_other(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, rule, rule=rule, accuracy=a) for rule, a in (("none", 0.3), ("wang", 0.7))]
    alone = _evaluate(paths).comparisons[0]
    paths.append(write_run(tmp_path, "slade", rule="slade-gedeon", accuracy=0.35))
    together = _evaluate(paths).comparisons[0]
    assert together.p == alone.p
    assert together.p_holm == pytest.approx(2 * alone.p_holm)


def test_one_run_has_an_interval_over_examples_and_several_over_seeds(tmp_path: Path) -> None:
    a = [write_run(tmp_path, f"a{seed}", seed=seed, accuracy=0.5 + 0.2 * seed) for seed in (0, 1, 2)]
    one, two, three = (_evaluate(a[:n]).results[0] for n in (1, 2, 3))
    assert one.accuracy == one.measures[0].accuracy
    assert three.accuracy.value == pytest.approx(np.mean(three.accuracies))
    assert three.accuracy.low < one.accuracy.low
    assert not two.accuracy.bounded
