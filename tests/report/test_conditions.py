"""Which runs form a condition, and the names of conditions."""

from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.report.conditions import group, open_runs
from tests.runs import write_run


def _names(paths: list[Path], by: str | None = None) -> list[str]:
    return [condition.name for condition in group(open_runs(paths), by)]


def test_seeds_of_one_setting_are_one_condition_and_the_baseline_comes_first(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang") for seed in (2, 0, 1)]
    paths.append(write_run(tmp_path, "n0"))
    conditions = group(open_runs(paths))
    assert [condition.name for condition in conditions] == ["without removal", "with removal (wang)"]
    assert conditions[1].seeds == (0, 1, 2)
    assert [run.name for run in conditions[1].runs] == ["w0", "w1", "w2"]
    assert not conditions[0].removes
    assert conditions[1].removes


def test_names_are_the_settings_that_differ(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", rule="wang")
    b = write_run(tmp_path, "b", rule="wang", backbone="vgg16")
    c = write_run(tmp_path, "c", rule="none", backbone="vgg16")
    assert _names([a]) == ["with removal (wang)"]
    assert _names([a, b]) == ["backbone resnet10t", "backbone vgg16"]
    assert _names([a, b, c]) == [
        "backbone vgg16, without removal",
        "backbone resnet10t, with removal (wang)",
        "backbone vgg16, with removal (wang)",
    ]


def test_paths_and_versions_do_not_make_a_condition(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", seed=0, weights="/one/w.pth")
    b = write_run(tmp_path, "b", seed=1, weights="/two/w.pth", data="/elsewhere", bimodal="9")
    assert len(group(open_runs([a, b]))) == 1
    c = write_run(tmp_path, "c", seed=2, weights="/one/other.pth")
    assert len(group(open_runs([a, b, c]))) == 2


def test_runs_on_different_data_are_two_conditions(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", data="DATA")
    b = write_run(tmp_path, "b", data="AUDIT/cleaned")
    (b / "environment.json").write_text('{"data_fingerprint": "another"}')
    assert _names([a, b]) == ["data DATA", "data AUDIT/cleaned"]


def test_grouping_by_one_setting_names_the_others_that_differ(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", seed=0)
    b = write_run(tmp_path, "b", seed=1, backbone="vgg16")
    (condition,) = group(open_runs([a, b]), by="removal")
    assert condition.varying == ("backbone",)
    with pytest.raises(InputError, match=r"--by must be a setting.*got \'colour\'.*backbone"):
        group(open_runs([a, b]), by="colour")


def test_the_same_run_twice_or_two_of_one_seed_are_refused(tmp_path: Path) -> None:
    a, b = write_run(tmp_path, "a"), write_run(tmp_path, "b")
    with pytest.raises(InputError, match="given twice"):
        open_runs([a, tmp_path / "." / "a"])
    with pytest.raises(InputError, match="both 'without removal' with seed 0"):
        group(open_runs([a, b]))
    with pytest.raises(InputError, match="at least one run"):
        open_runs([])
