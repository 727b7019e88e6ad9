"""The table in four forms: each has the title, the notes and the failed runs, and shows names as text."""

import re
import shutil
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bimodal.experiments.paper_table.comparisons import compare_rows
from bimodal.experiments.paper_table.frames import MARK, QUICK, UNCONVERGED, Results, pair_frame, tabulate
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.tables import (
    EVERYTHING,
    NARROW,
    method_table,
    to_latex_page,
    to_markdown_page,
    to_terminal,
)
from bimodal.files import write_csv
from tests.experiments.paper_table.fakes import FACES, row, study, whole_compared, write_course

HOSTILE = "50 % of $x$ & _my_ #1 {faces}\\ ~^ | <script>alert(1)</script> *b* `c` [d](e) \n\x1b[31mé ふ"


def _tabulate(own: Study) -> Results:
    return tabulate(own, compare_rows(own))


@pytest.fixture(scope="module")
def quick() -> Results:
    own, comparisons = whole_compared()
    return tabulate(replace(own, quick=True), comparisons)


def _terminal(results: Results, width: int = 100) -> str:
    console = Console(width=width, file=StringIO(), force_terminal=False)
    console.print(to_terminal(results))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _read_back(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    write_csv(folder / "table.csv", frame, "%.6g")
    return pd.read_csv(folder / "table.csv")


def _words(text: str) -> str:
    return " ".join(text.split())


def _forms(results: Results) -> dict[str, str]:
    return {"terminal": _terminal(results), "markdown": to_markdown_page(results), "latex": to_latex_page(results)}


def test_rows_have_the_known_numbers() -> None:
    own = study([row("majority", None), row("simple-nn", 0.3, noise=0), row("simple-nn-bdr", 0.5, seeds=3)])
    comparisons = compare_rows(own)
    frame = tabulate(own, comparisons).methods.set_index("method")
    removing = own.rows[2]
    line = frame.loc["simple-nn-bdr"]
    assert line["accuracy"] == pytest.approx(removing.correct.mean())
    assert (line["accuracy_low"], line["accuracy_high"]) == (removing.accuracy.low, removing.accuracy.high)  # type: ignore[union-attr]
    assert line["gain"] == pytest.approx(removing.correct.mean() - own.rows[1].correct[:3].mean())
    assert line["gain_low"] < line["gain"] < line["gain_high"]
    assert line["gain_p_holm"] == comparisons.claims[0].comparison.p_holm
    assert (line["seeds"], line["test_faces"], line["removed"], line["paper_accuracy"]) == (3, FACES, 25, 0.273)
    assert frame.loc["simple-nn", "removed"] is None or pd.isna(frame.loc["simple-nn", "removed"])
    assert pd.isna(frame.loc["simple-nn", "gain"])
    assert pd.isna(frame.loc["majority", "paper_accuracy"])
    assert list(frame["remark"]) == ["", "", ""]


def test_a_failed_row_is_in_all_four_forms_and_says_why(quick: Results, tmp_path: Path) -> None:
    why = "failed: vgg16, own, seed 0: CUDA out of memory"
    for form, text in _forms(quick).items():
        assert "vgg16" in text, form
        assert "Failed: vgg16, own, seed 0: CUDA out of memory" in _words(text), form
    assert why in to_markdown_page(quick)
    assert why in to_latex_page(quick)
    table = _read_back(quick.methods, tmp_path)
    failed = table[table["method"] == "vgg16"]
    assert list(failed["remark"]) == [why]
    assert failed["accuracy"].isna().all()
    assert list(failed["seeds"]) == [0]


def test_a_row_that_failed_in_part_counts_its_runs() -> None:
    results = _tabulate(study([row("simple-nn", failures=["seed 5: killed", "seed 6: killed"])]))
    assert list(results.methods["remark"]) == ["2 failed: seed 5: killed"]
    assert list(results.methods["failed_runs"]) == [2]
    assert "Failed: seed 6: killed" in results.notes


def test_an_unconverged_row_is_marked_in_all_four_forms(quick: Results, tmp_path: Path) -> None:
    for form, text in _forms(quick).items():
        (line, *_) = [line for line in text.splitlines() if "resnet50-scratch" in line]
        mark = MARK if form == "terminal" else UNCONVERGED
        assert mark in line, form
        (line, *_) = [line for line in text.splitlines() if "deep-nn-bn-dropout" in line]
        assert mark not in line, form
        assert "not shown to beat majority" in _words(text), form
    table = _read_back(quick.methods, tmp_path)
    assert set(table.loc[table["method"] == "resnet50-scratch", "remark"]) == {UNCONVERGED}


def test_every_form_explains_quick_sizes_and_the_papers_column(quick: Results, tmp_path: Path) -> None:
    full = _tabulate(study([row("simple-nn")]))
    for form, text in _forms(quick).items():
        assert QUICK in _words(text), form
        assert "on its own data and protocol" in _words(text), form
        assert f"891 training, 215 validation, {FACES} test faces" in _words(text), form
        assert "group-disjoint" in text, form
    for form, text in _forms(full).items():
        assert "Quick" not in text, form
        assert "Full sizes." in _words(text), form
    assert set(_read_back(quick.methods, tmp_path)["quick"]) == {True}
    assert to_latex_page(quick).count(r"\caption") == to_latex_page(quick).count("Quick sizes") > 2


def test_folds_are_counted_apart() -> None:
    own = replace(study([row("majority", None)]), counts=((400, 100, 500), (410, 90, 500)))
    title = _tabulate(replace(own, protocol="person-independent")).title
    assert "fold 1: 400 training, 100 validation, 500 test faces; fold 2: 410 training" in title


def test_csv_reads_back(quick: Results, tmp_path: Path) -> None:
    table = _read_back(quick.methods, tmp_path)
    assert len(table) == len(METHODS)
    assert table["accuracy"].to_numpy() == pytest.approx(
        quick.methods["accuracy"].astype(float).to_numpy(), abs=1e-6, nan_ok=True
    )
    _, comparisons = whole_compared()
    pairs = _read_back(pair_frame((*comparisons.claims, *comparisons.others)), tmp_path)
    ran = len(METHODS) - 1  # one failed
    assert len(pairs) == ran * (ran - 1) / 2
    assert (pairs["p_holm"] >= pairs["p"]).all()
    assert pairs["conclusion"].str.len().min() > 40


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_table_fits_its_width(quick: Results, width: int) -> None:
    lines = _terminal(quick, width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for name in quick.methods["method"]:
        assert re.search(rf"^ ?{name}(?: \*)? +\d", text, flags=re.MULTILINE), name  # whole, on the line of its numbers
    assert re.search(r"two-stage-bdr +3 +[\d.]+ \([\d.]+ to [\d.]+\) +[+-][\d.]+ \([+-][\d.]+ to [+-][\d.]+\)", text)


def test_markdown_has_as_many_cells_in_every_row(quick: Results) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", to_markdown_page(quick), flags=re.MULTILINE)
    assert len(tables) == 1 + 4  # one share of wrong labels, four questions
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_each_share_of_wrong_labels_has_its_own_table() -> None:
    results = _tabulate(study([row("simple-nn"), row("simple-nn", noise=0.2), row("simple-nn", noise=0.4)]))
    for form, text in _forms(results).items():
        places = [_words(text).index(f"With {what}") for what in ("the given labels", "20", "40")]
        assert places == sorted(places), form
    assert to_latex_page(results).count(r"\begin{tabular}") == 3


def test_empty_columns_are_left_out() -> None:
    results = _tabulate(study([row("majority", None), row("svm-lpq", 0.3)]))
    head = method_table(results, EVERYTHING).head
    assert "effect of removal, points" not in head
    assert "remark" not in head
    assert "paper, %" in head
    noisy = _tabulate(study([row("simple-nn", noise=0.2), row("simple-nn-bdr", noise=0.2)]))
    assert "known wrong among these" in method_table(noisy, EVERYTHING).head
    assert method_table(noisy, NARROW).groups[0].heading == "With 20 % wrong labels"


def test_speed_has_its_own_table(tmp_path: Path) -> None:
    rows = []
    for name, losses in (("resnet50", [1.9, 1.5, 1.2]), ("resnet50-bdr", [1.2, 1.3, 1.3])):
        runs = [[write_course(tmp_path / name / str(seed), losses)] for seed in range(3)]
        rows.append(row(name, 0.4, 3, runs=runs))
    results = _tabulate(study(rows))
    (line,) = results.speeds.to_dict("records")
    assert (line["b"], line["a"], line["steps"]) == ("resnet50-bdr", "resnet50", pytest.approx(3))
    for form, text in _forms(results).items():
        assert "Does removal speed up training?" in text, form
        assert "3.00 (3.00 to 3.00)" in text, form


def test_no_letter_is_taken_for_markup(tmp_path: Path) -> None:
    own = replace(
        study([row("resnet50", network=HOSTILE), row("vgg16", seeds=0, failures=[HOSTILE])], notes=[HOSTILE]),
        data=HOSTILE,
    )
    results = _tabulate(own)
    terminal, markdown, latex = _forms(results).values()
    assert "\x1b" not in terminal + markdown + latex
    assert "[d](e)" in _words(terminal)  # rich would take brackets for a style
    assert "<script>" not in re.sub(r"\\.", "", markdown)
    assert not re.search(r"(?<!\\)[$#&_]", re.sub(r" & |\\\\$", " ", latex).replace("\\_", ""))
    assert (
        r"50 \% of \$x\$ \& \_my\_ \#1 \{faces\}\textbackslash{} \textasciitilde{}\textasciicircum{} \textbar{}"
        in latex
    )
    assert "é ?" in latex
    assert _read_back(results.methods, tmp_path)["data"].iloc[0] == HOSTILE


def test_latex_compiles(tmp_path: Path, quick: Results) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    hostile = _tabulate(replace(study([row("vgg16", seeds=0, failures=[HOSTILE])]), data=HOSTILE))
    body = to_latex_page(quick) + to_latex_page(hostile)
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}\\begin{{document}}\n{body}\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]


def test_an_empty_study_is_a_table_without_rows() -> None:
    results = _tabulate(study([row("vgg16", seeds=0, failures=["gone"])]))
    assert "failed: gone" in to_markdown_page(results)
    assert results.claims.empty
    assert list(results.claims)[:3] == ["question", "b", "a"]
