"""The page begins with the answers, is complete and self-contained, and shows names as text."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from bimodal.experiments.paper_table.comparisons import Comparisons, compare_rows
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.study_page import GENERATOR, write_page
from bimodal.report import report_page
from tests.experiments.paper_table.fakes import row, study, whole_compared, write_course
from tests.report.test_report_page import _Checker

SECTIONS = ["summary", "figure", "table", "pairs", "failures", "making"]
FILES = ["claims.csv", "figures", "pairs.csv", "report.html", "speeds.csv", "table.csv", "table.md", "table.tex"]
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}$x$"


def _write(own: Study, folder: Path, comparisons: Comparisons | None = None) -> tuple[str, _Checker]:
    page = write_page(own, comparisons or compare_rows(own), folder)
    assert page == folder / "report.html"
    html = page.read_text(encoding="utf-8")
    checker = _Checker(html)
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert "http" not in html.replace("http-equiv", "")
    assert not {"script", "link", "iframe", "object", "form", "img"} & set(checker.tags)
    assert all(source.startswith("#") for source in checker.sources)
    assert f'name="generator" content="{GENERATOR}"' in html
    return html, checker


def test_a_whole_study(tmp_path: Path) -> None:
    own, comparisons = whole_compared()
    _, page = _write(own, tmp_path, comparisons)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert sorted(file.name for file in tmp_path.iterdir()) == FILES
    assert sorted(file.name for file in (tmp_path / "figures").iterdir()) == ["methods.png", "methods.svg"]
    for pair in (*comparisons.claims, *comparisons.others):
        assert page.text.count(pair.conclusion) == (3 if pair.question else 2), pair.conclusion  # under both rows
    questions = ["Does removal help?", "Does pretraining help?", "Does alignment help?", "Does an ensemble help?"]
    places = [page.text.index(question) for question in questions]
    assert places == sorted(places)
    assert places[-1] < page.text.index("Figure 1.")
    assert "failed: vgg16, own, seed 0: CUDA out of memory" in page.text
    assert "bimodal reproduce faces --out study" in page.text
    assert "two cores" in page.text
    assert "resnet50, 224 px, pretrained" in page.text
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert len(pairs) == len(comparisons.claims) + len(comparisons.others)
    assert list(pairs["difference"]) == pytest.approx(
        [pair.comparison.difference.value for pair in (*comparisons.claims, *comparisons.others)], abs=1e-6
    )


def test_the_verdict_counts_what_was_found(tmp_path: Path) -> None:
    rows = [
        row("majority", None),
        row("simple-nn", 0.3),
        row("simple-nn-bdr", 0.5),
        row("resnet50", 0.4),
        row("resnet50-bdr", 0.405),
        row("two-stage", 0.6),
        row("two-stage-bdr", 0.4),
    ]
    _, page = _write(study(rows), tmp_path)
    assert "Of 3 comparisons: it helps in 1, it harms in 1, nothing can be concluded in 1." in page.text
    rows[1] = row("simple-nn", 0.15)
    _, page = _write(study(rows), tmp_path)
    assert "it harms in 1, nothing can be concluded in 1, training may not have converged in 1." in page.text


def test_without_runs_the_answer_is_unknown(tmp_path: Path) -> None:
    _, page = _write(study([row("majority", None)]), tmp_path)
    assert "Unknown: the rows that are needed were not run, or failed." in page.text
    assert "Does alignment help?" not in page.text
    assert "None: every run succeeded." in page.text
    failed = study([row("resnet50"), row("resnet50-bdr", seeds=0, failures=["gone"])])
    _, page = _write(failed, tmp_path)
    assert "resnet50-bdr cannot be compared with resnet50: no run of resnet50-bdr succeeded." in page.text


def test_questions_on_speed_are_answered_if_there_are_learning_curves(tmp_path: Path) -> None:
    rows = [
        row(name, 0.4, 3, runs=[[write_course(tmp_path / "runs" / name / str(seed), losses)] for seed in range(3)])
        for name, losses in (("resnet50", [1.9, 1.5, 1.2]), ("resnet50-bdr", [1.2, 1.3, 1.3]))
    ]
    _, page = _write(study(rows), tmp_path)
    assert "Does removal speed up training?" in page.text
    assert "resnet50-bdr needs fewer steps" in page.text
    assert len(pd.read_csv(tmp_path / "speeds.csv")) == 1


def test_quick_sizes_are_named(tmp_path: Path) -> None:
    _, page = _write(study([row("simple-nn")], quick=True), tmp_path)
    assert page.text.count("Quick sizes: ") >= 4  # at the head, in the answers, over the table
    _, page = _write(study([row("simple-nn")]), tmp_path)
    assert "Quick" not in page.text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    rows = [row("resnet50", network=HOSTILE), row("vgg16", seeds=0, failures=[HOSTILE])]
    own = replace(study(rows, data=HOSTILE, notes=[HOSTILE]), environment={HOSTILE: HOSTILE, "command": HOSTILE})
    html, page = _write(own, tmp_path)
    assert "<script>" not in html
    assert unescape(html).count("<script>alert(1)</script>") == page.text.count("alert(1)") >= 8
    assert "49" not in html.partition("</h1>")[0].partition("<h1>")[2]


def test_an_earlier_report_is_replaced_and_nothing_else_touched(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("mine")
    _write(study([row("simple-nn", 0.3)]), tmp_path)
    first = (tmp_path / "report.html").read_bytes()
    _write(study([row("simple-nn", 0.5)]), tmp_path)
    assert (tmp_path / "report.html").read_bytes() != first
    _write(study([row("simple-nn", 0.3)]), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == first
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*FILES, "study.json"])


def test_a_full_disk_leaves_the_earlier_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(study([row("simple-nn", 0.3)]), tmp_path)
    before = (tmp_path / report_page.PAGE).read_bytes()

    def full(file: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    own = study([row("simple-nn", 0.5)])
    with pytest.raises(OSError, match="No space"):
        write_page(own, compare_rows(own), tmp_path)
    assert (tmp_path / report_page.PAGE).read_bytes() == before
    assert not list(tmp_path.glob(".bimodal-*"))
