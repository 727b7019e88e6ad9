"""One table in four forms: each says what it is, who failed, and takes no letter for markup."""

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
from bimodal.experiments.paper_table.grid import EVERYTHING, MARK, NARROW, UNCONVERGED, method_grid
from bimodal.experiments.paper_table.methods import METHODS
from bimodal.experiments.paper_table.results import Study
from bimodal.experiments.paper_table.table import (
    QUICK,
    Results,
    pairs_of,
    tabulate,
    title_of,
    to_csv,
    to_latex,
    to_markdown,
    to_terminal,
)
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


def _words(text: str) -> str:
    return " ".join(text.split())


def _forms(results: Results) -> dict[str, str]:
    return {"terminal": _terminal(results), "markdown": to_markdown(results), "latex": to_latex(results)}


def test_rows_hold_what_was_planted() -> None:
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


def test_a_failed_row_stands_in_all_four_forms_and_says_why(quick: Results) -> None:
    why = "failed: vgg16, own, seed 0: CUDA out of memory"
    for form, text in _forms(quick).items():
        assert "vgg16" in text, form
        assert "Failed: vgg16, own, seed 0: CUDA out of memory" in _words(text), form
    assert why in to_markdown(quick)
    assert why in to_latex(quick)
    table = pd.read_csv(StringIO(to_csv(quick.methods)))
    failed = table[table["method"] == "vgg16"]
    assert list(failed["remark"]) == [why]
    assert failed["accuracy"].isna().all()
    assert list(failed["seeds"]) == [0]


def test_a_row_that_failed_in_part_counts_its_runs() -> None:
    results = _tabulate(study([row("simple-nn", failures=["seed 5: killed", "seed 6: killed"])]))
    assert list(results.methods["remark"]) == ["2 failed: seed 5: killed"]
    assert list(results.methods["failed_runs"]) == [2]
    assert "Failed: seed 6: killed" in results.notes


def test_an_unconverged_row_is_marked_in_all_four_forms(quick: Results) -> None:
    for form, text in _forms(quick).items():
        (line, *_) = [line for line in text.splitlines() if "resnet50-scratch" in line]
        mark = MARK if form == "terminal" else UNCONVERGED
        assert mark in line, form
        (line, *_) = [line for line in text.splitlines() if "deep-nn-bn-dropout" in line]
        assert mark not in line, form
        assert "not shown to beat majority" in _words(text), form
    table = pd.read_csv(StringIO(to_csv(quick.methods)))
    assert set(table.loc[table["method"] == "resnet50-scratch", "remark"]) == {UNCONVERGED}


def test_every_form_says_quick_and_what_the_papers_column_is(quick: Results) -> None:
    full = _tabulate(study([row("simple-nn")]))
    for form, text in _forms(quick).items():
        assert QUICK in _words(text), form
        assert "on its own sets with its own protocols" in _words(text), form
        assert f"891 training, 215 validation, {FACES} test faces" in _words(text), form
        assert "group-disjoint" in text, form
    for form, text in _forms(full).items():
        assert "Quick" not in text, form
        assert "Full sizes." in _words(text), form
    assert set(pd.read_csv(StringIO(to_csv(quick.methods)))["quick"]) == {True}
    assert to_latex(quick).count(r"\caption") == to_latex(quick).count("Quick sizes") > 2


def test_folds_are_counted_apart() -> None:
    title = title_of(replace(study([]), counts=((400, 100, 500), (410, 90, 500)), protocol="person-independent"))
    assert "fold 1: 400 training, 100 validation, 500 test faces; fold 2: 410 training" in title


def test_csv_reads_back(quick: Results) -> None:
    table = pd.read_csv(StringIO(to_csv(quick.methods)))
    assert len(table) == len(METHODS)
    assert table["accuracy"].to_numpy() == pytest.approx(
        quick.methods["accuracy"].astype(float).to_numpy(), abs=1e-6, nan_ok=True
    )
    _, comparisons = whole_compared()
    pairs = pd.read_csv(StringIO(to_csv(pairs_of((*comparisons.claims, *comparisons.others)))))
    ran = len(METHODS) - 1  # one failed
    assert len(pairs) == ran * (ran - 1) / 2
    assert (pairs["p_holm"] >= pairs["p"]).all()
    assert pairs["conclusion"].str.len().min() > 40


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_holds_it_in_its_width(quick: Results, width: int) -> None:
    lines = _terminal(quick, width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for name in quick.methods["method"]:
        assert re.search(rf"^ ?{name}(?: \*)? +\d", text, flags=re.MULTILINE), name  # whole, on the line of its numbers
    assert re.search(r"two-stage-bdr +3 +[\d.]+ \([\d.]+ to [\d.]+\) +[+-][\d.]+ \([+-][\d.]+ to [+-][\d.]+\)", text)


def test_markdown_has_as_many_cells_in_every_row(quick: Results) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", to_markdown(quick), flags=re.MULTILINE)
    assert len(tables) == 1 + 4  # one share of wrong labels, four questions
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_each_share_of_wrong_labels_is_a_table_of_its_own() -> None:
    results = _tabulate(study([row("simple-nn"), row("simple-nn", noise=0.2), row("simple-nn", noise=0.4)]))
    for form, text in _forms(results).items():
        places = [_words(text).index(f"With {what}") for what in ("the labels as", "20", "40")]
        assert places == sorted(places), form
    assert to_latex(results).count(r"\begin{tabular}") == 3


def test_columns_that_nobody_has_are_left_out() -> None:
    results = _tabulate(study([row("majority", None), row("svm-lpq", 0.3)]))
    head = method_grid(results.methods, EVERYTHING).head
    assert "by removal, points" not in head
    assert "remark" not in head
    assert "paper, %" in head
    noisy = _tabulate(study([row("simple-nn", noise=0.2), row("simple-nn-bdr", noise=0.2)]))
    assert "of these known wrong" in method_grid(noisy.methods, EVERYTHING).head
    assert method_grid(noisy.methods, NARROW).groups[0].heading == "With 20 % wrong labels"


def test_speed_is_a_row_of_its_own(tmp_path: Path) -> None:
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


def test_no_letter_is_taken_for_markup() -> None:
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
    assert pd.read_csv(StringIO(to_csv(results.methods)))["data"].iloc[0] == HOSTILE


def test_latex_compiles(tmp_path: Path, quick: Results) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    hostile = _tabulate(replace(study([row("vgg16", seeds=0, failures=[HOSTILE])]), data=HOSTILE))
    body = to_latex(quick) + to_latex(hostile)
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}\\begin{{document}}\n{body}\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]


def test_an_empty_study_is_a_table_without_rows() -> None:
    results = _tabulate(study([row("vgg16", seeds=0, failures=["gone"])]))
    assert "failed: gone" in to_markdown(results)
    assert results.claims.empty
    assert to_csv(results.claims).startswith("question,b,a,")
