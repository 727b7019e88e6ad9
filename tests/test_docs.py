"""The examples in docstrings run, and every link inside the documents leads somewhere."""

import doctest
import importlib
import pkgutil
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bimodal
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests.conftest import ROOT, Outcome, write_data

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(bimodal.__path__, "bimodal.") if module.name != "bimodal.__main__"
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip() or name.endswith("__init__"), f"{name} does not say what it is for"
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (document.parent / target).exists(), target


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of a document in a language ("" for none)."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def test_the_readmes_python_runs() -> None:
    (block,) = blocks(ROOT / "README.md", "python")
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert "removal" in names


def test_the_studys_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "DATA", {"train": 70, "val": 21, "test": 21})
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs/reproduce.md", "python"):
        exec(compile(block, "reproduce.md", "exec"), names)
    assert np.shape(names["probabilities"]) == (21, 7)
    assert (tmp_path / "STUDY/report.html").is_file()


def test_the_audits_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "DATA", {"train": 28, "val": 7, "test": 7})
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs/audit.md", "python"):
        exec(compile(block, "audit.md", "exec"), names)
    assert (tmp_path / "AUDIT/suspects.html").is_file()
    assert np.shape(names["wrong"]) == (500,)


def test_the_predictions_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_data(tmp_path / "DATA", {"train": 28, "val": 7, "test": 7})
    small = {"epochs": 1, "removal": "none", "image_size": 32, "batch_size": 14}
    train(data, tmp_path / "RUN", TrainSettings.preset("small", small))
    (data / "images/test-0000.png").rename(tmp_path / "photo.png")
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs/predict.md", "python"):
        exec(compile(block, "predict.md", "exec"), names)
    assert np.shape(names["probabilities"]) == (2, 7)


def test_the_readmes_five_lines_lead_from_a_folder_to_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md", "") if "bimodal prepare faces" in block]
    lines = [line.partition("#")[0] for line in block.strip().splitlines()]
    assert len(lines) == 5
    monkeypatch.chdir(tmp_path)
    assert cli("draw", "faces", "--count", "60", "--size", "40").returncode == 0
    for command in ";".join(lines).split(";"):
        program, *arguments = shlex.split(command)
        assert program == ".venv/bin/bimodal"
        if arguments[0] == "train":  # the paper's network takes hours on a CPU
            arguments += ["--preset", "small", "--epochs", "2", "--image-size", "32", "--batch-size", "8"]
        result = cli(*arguments)
        assert result.returncode == 0, (command, result.stderr)
    assert (tmp_path / "bimodal-report/report.html").is_file()
