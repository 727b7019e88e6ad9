"""Each benchmark runs at a tiny size and prints its table and its verdict; the numbers are not checked."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.conftest import ROOT

ROWS = {
    "removal_cost": ["the training pass", "a clean pass after each epoch", "with", "without"],
    "training_speed": ["plain loop with accelerate", "bimodal train", "limit: faces in memory, no augmentation"],
    "ledger_speed": ["bimodal", "pandas", "dict"],
    "descriptors": ["LPQ, bimodal", "LPQ, window by window", "PHOG, bimodal", "PHOG, pixel by pixel"],
    "onnx_speed": ["PyTorch, batch 1", "ONNX Runtime, batch 1", "ONNX Runtime, batch 64"],
    "predict_speed": ["bimodal predict"],
    "first_result": ["python -c pass", "bimodal predict"],
    "audit_speed": ["bimodal audit", "the same call again", "bimodal audit --training", "cleanlab, 5 folds"],
    "embed_speed": ["bimodal.embed", "bimodal.embed, from its cache", "one picture at a time in PyTorch", "220"],
    "folds_by_person": ["regression, folds plain", "noise model, folds by person"],
    "prepare_speed": ["FER2013, this version", "JPEGs, this version"],
    "growth": ["draw", "prepare", "read", "features", "audit", "ledger", "review"],
    "review_simulation": ["drawn, every other label", "drawn, as FER2013 confuses"],
    "review_speed": ["200", "400"],
    "review_load": ["list", "thumbnail", "decision", "status"],
    "startup": ["python -c pass", "bimodal --help"],
}
OPTIONS = {
    "removal_cost": ["--steps", "2"],
    "training_speed": ["--recipe", "face", "--ways", "accelerate", "bimodal", "limit"],
    "predict_speed": ["--no-peer"],
    "audit_speed": ["--cleanlab"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_benchmark_prints_its_table(name: str) -> None:
    code = forked.script(ROOT / "benchmarks" / f"{name}.py")
    result = forked.python(code, "--quick", *OPTIONS.get(name, []))
    assert result.returncode == 0, result.stderr
    table = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    firsts = [line.split("|")[1].strip() for line in table]
    assert set(ROWS[name]) <= set(firsts), result.stdout
    assert all("nan" not in line for line in table)
    assert result.stdout.rstrip().endswith(("holds", "DOES NOT HOLD", "NOT MEASURED"))


def test_every_benchmark_is_described() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text()
    for name in ROWS:
        assert f"`{name}.py`" in page


def test_bench_collects_the_verdicts_and_measures_nothing_twice(tmp_path: Path) -> None:
    call = [
        sys.executable,
        ROOT / "benchmarks" / "bench.py",
        "--quick",
        "--only",
        "startup",
        "--rounds",
        "2",
        "--out",
        tmp_path,
    ]
    first = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    claim = next(line for line in first.splitlines() if line.startswith("| bimodal --help in under"))
    assert claim.split("|")[2].strip(" *") in ("yes", "no")
    assert (tmp_path / "table.md").read_text().strip() in first
    again = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    assert "startup: measured before" in again
    assert claim in again
