"""`bimodal compare` on the command line, and its files."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bimodal.cli.main import app
from bimodal.errors import InputError
from bimodal.rendering.table import markdown
from bimodal.report.comparison import evaluate
from bimodal.report.comparison_file import render
from bimodal.report.conditions import group, open_runs
from tests.conftest import Outcome, fails_with_one_line
from tests.runs import write_run


def _compare(*arguments: object) -> str:
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["compare", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_two_runs_by_mcnemar_alone(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a", accuracy=0.4), write_run(tmp_path, "b", rule="wang", accuracy=0.8)
    shown = _compare(a, b)
    assert "Accuracy on 35 test examples" in shown
    assert "exact McNemar p =" in shown
    assert "Significant difference: with removal (wang) is 40.0 points more accurate than without removal" in " ".join(
        shown.split()
    )
    assert "t test" not in shown


def test_two_seeds_give_no_interval(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, f"n{seed}", seed=seed, accuracy=0.5 + 0.2 * seed) for seed in range(2)]
    shown = _compare(*runs, write_run(tmp_path, "w", rule="wang"))
    assert "60.0 % (no interval)" in shown
    assert "Two seeds give no useful interval" in shown


def test_seeds_and_splits_and_files(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, f"n{seed}", seed=seed, accuracy=0.5) for seed in range(3)]
    runs += [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang", accuracy=0.6) for seed in range(3)]
    shown = _compare(*runs, "--split", "val", "--by", "removal", "--out", tmp_path / "c.json")
    assert "28 val examples" in shown
    assert "over 3 seeds: t test p =" in shown
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["comparisons"][0]["conclusion"] in " ".join(shown.split())
    assert len(content["conditions"][0]["runs"]) == 3


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a", accuracy=0.4), write_run(tmp_path, "b", rule="wang", backbone="a|b", accuracy=0.8)
    evaluation = evaluate(group(open_runs([a, b])), "test")
    rows = list(csv.DictReader(render(evaluation, ".csv").splitlines()))
    assert [float(row["accuracy"]) for row in rows] == pytest.approx([14 / 35, 28 / 35])
    assert [row["removed"] for row in rows] == ["0", "6"]
    text = render(evaluation, ".MD")
    assert "+40.0 (" in text
    assert markdown(evaluation.comparisons[0].conclusion) in text
    assert json.loads(render(evaluation, ".json"))["comparisons"][0]["difference"]["value"] == pytest.approx(0.4)
    with pytest.raises(InputError, match=r"\.csv, \.md, \.json"):
        render(evaluation, ".xlsx")


def test_bad_input_is_one_line_and_nothing_is_overwritten(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b", rule="wang", test=False)
    fails_with_one_line(cli("compare", a, b), "bimodal evaluate", str(b))
    fails_with_one_line(cli("compare", a), "at least two runs")
    existing = tmp_path / "table.md"
    existing.write_text("mine")
    fails_with_one_line(cli("compare", a, b, "--split", "val", "--out", existing), "--overwrite")
    assert existing.read_text() == "mine"
