"""Docstrings and documents: each module has a docstring, all examples run, and every link leads somewhere."""

import ast
import doctest
import importlib
import json
import re
import shlex
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bimodal
from bimodal.removal import RULES
from bimodal.review.store import Store
from tests.conftest import ROOT, Outcome, write_data
from tests.review.page.server import Server

SOURCES = {
    ".".join(("bimodal", *path.relative_to(ROOT / "src/bimodal").with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted((ROOT / "src/bimodal").rglob("*.py"))
}
WITH_EXAMPLES = [name for name, path in SOURCES.items() if ">>> " in path.read_text(encoding="utf-8")]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("name", SOURCES)
def test_each_module_has_a_docstring(name: str) -> None:
    assert ast.get_docstring(ast.parse(SOURCES[name].read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_docstring_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def test_docs_python_shows_each_public_name() -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    for name in set(bimodal.__all__) - {"__version__"}:
        assert re.search(rf"\bbimodal\.{name}\b", page), name


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


def readme_was_right(names: dict[str, Any], folder: Path) -> None:
    assert isinstance(names["removal"], bimodal.BimodalDistributionRemoval)


def audit_was_right(names: dict[str, Any], folder: Path) -> None:
    assert (folder / "AUDIT/suspects.html").is_file()
    assert names["result"].ranking.verdict["faces"] == 70


def study_was_right(names: dict[str, Any], folder: Path) -> None:
    assert np.shape(names["probabilities"]) == (21, 7)
    assert (folder / "STUDY/report.html").is_file()


def predictions_were_right(names: dict[str, Any], folder: Path) -> None:
    assert np.shape(names["probabilities"]) == (2, 7)


def removal_was_right(names: dict[str, Any], folder: Path) -> None:
    del RULES["highest-tenth"]
    assert len(names["step"].rows) == 10
    assert names["issues"]["is_label_issue"].sum() > 40


def python_was_right(names: dict[str, Any], folder: Path) -> None:
    wrong = set(names["wrong"].tolist())
    issues = names["issues"]
    for rows in (issues.index[issues["is_label_issue"]], names["removed"], names["removed_rows"]):
        assert len(wrong & set(rows)) > 0.5 * len(rows) > 0
    assert (folder / "AUDIT/suspects.html").is_file()


def review_was_right(names: dict[str, Any], folder: Path) -> None:
    with Store.open(folder / "DATA-audit") as store:
        assert store.current()[["reviewer", "decision"]].to_numpy().tolist() == [["script", "unsure"]]


CHECKS = {
    "README.md": readme_was_right,
    "docs/audit.md": audit_was_right,
    "docs/predict.md": predictions_were_right,
    "docs/python.md": python_was_right,
    "docs/removal.md": removal_was_right,
    "docs/reproduce.md": study_was_right,
    "docs/review.md": review_was_right,
}


def test_all_documents_with_python_are_checked() -> None:
    assert {str(path.relative_to(ROOT)) for path in DOCUMENTS if blocks(path, "python")} == set(CHECKS)


def write_inputs(document: str, folder: Path) -> None:
    """Write the files that the Python blocks of a document read."""
    data = write_data(folder / "DATA", {"train": 70, "val": 21, "test": 21})
    if document == "docs/predict.md":
        shutil.copy(data / "images/test-0000.png", folder / "photo.png")
        small = {"epochs": 1, "removal": "none", "image_size": 32, "batch_size": 14}
        bimodal.train(data, folder / "RUN", bimodal.TrainSettings.preset("small", small))
    if document == "docs/python.md":
        for image, label in pd.read_csv(data / "manifest.csv")[["image", "label"]].itertuples(index=False):
            (folder / "faces" / label).mkdir(parents=True, exist_ok=True)
            shutil.move(data / image, folder / "faces" / label)
        shutil.rmtree(data)


@pytest.mark.slow
@pytest.mark.parametrize("document", CHECKS)
def test_the_python_of_documents_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs(document, tmp_path)
    names: dict[str, Any] = {}
    with review_server(tmp_path / "DATA") if document == "docs/review.md" else nullcontext("") as address:
        for block in blocks(ROOT / document, "python"):
            exec(compile(block.replace("http://127.0.0.1:8017", address), document, "exec"), names)
    CHECKS[document](names, tmp_path)


@contextmanager
def review_server(data: Path) -> Iterator[str]:
    """Yield the address of a page that reviews a data folder, once it is ready."""
    server = Server(data)
    try:
        for _ in range(600):
            with urllib.request.urlopen(server.address + "api/health") as answer:
                if json.load(answer)["state"] == "ready":
                    break
            time.sleep(0.2)
        yield server.address.rstrip("/")
    finally:
        server.kill()


SMALL = ["--preset", "small", "--epochs", "2", "--image-size", "32", "--batch-size", "8"]
"""Options in place of those of networks that take minutes to train."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "lines", "result"),
    [
        ("bimodal audit DATA", 4, "AUDIT/cleaned/manifest.csv"),
        ("bimodal train DATA", 5, "bimodal-report/report.html"),
    ],
)
def test_the_commands_of_the_readme_run(
    command: str,
    lines: int,
    result: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Outcome],
) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md", "") if command in block]
    assert len(block.strip().splitlines()) == lines
    monkeypatch.chdir(tmp_path)
    assert cli("draw", "faces", "--count", "60", "--size", "40").returncode == 0
    for line in block.strip().splitlines():
        if "decisions.csv" in line:
            suspect = pd.read_csv("AUDIT/suspects.csv")["image"][0]
            Path("decisions.csv").write_text(f"image,decision\n{suspect},remove\n")
        for text in line.partition("#")[0].split(";"):
            program, name, *arguments = shlex.split(text)
            assert program == ".venv/bin/bimodal"
            if name == "review":
                continue  # it serves until Ctrl-C; the test of docs/review.md runs it
            outcome = cli(name, *arguments, *(SMALL if name == "train" else []))
            assert outcome.returncode == 0, (text, outcome.stderr)
    assert (tmp_path / result).is_file()
