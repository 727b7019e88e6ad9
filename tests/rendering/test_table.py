"""One table on wide and narrow terminals, in Markdown, LaTeX and HTML."""

from io import StringIO

import pytest
from rich.console import Console

from bimodal.errors import InputError
from bimodal.rendering.html import environment
from bimodal.rendering.table import Column, Group, Table, latex, markdown, to_latex, to_markdown

HEAD = ("condition", "accuracy", "removed", "wrong labels among these")
ROWS = (
    ("without removal", "72.4 % (70.0 to 74.8)", "0", ""),
    ("with removal (wang)", "71.7 % (69.8 to 73.6)", "43 / 65 / 44", "29 / 28 / 28"),
)
TABLE = Table.of(HEAD, ROWS, "Accuracy on 446 test faces", ["A note."])


def _terminal(table: Table, width: int) -> str:
    console = Console(width=width, file=StringIO(), force_terminal=False)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [120, 100, 80, 50, 40])
def test_no_cell_is_cut_at_any_width(width: int) -> None:
    text = _terminal(TABLE, width)
    assert max(map(len, text.splitlines())) <= width
    for cell in ("Accuracy on 446 test faces", "A note.", *(cell for row in ROWS for cell in row)):
        assert cell in text


def test_a_narrow_terminal_shows_a_block_for_each_row() -> None:
    lines = _terminal(TABLE, 50).splitlines()
    assert "with removal (wang)" in lines
    assert "  removed: 43 / 65 / 44" in lines
    assert "  removed: 43 / 65 / 44" not in _terminal(TABLE, 120).splitlines()


def test_groups_have_headings_in_every_form() -> None:
    table = Table(
        (Column("method"), Column("accuracy", True)), (Group((("a", "1"),), "First"), Group((("b", "2"),), "Second"))
    )
    for text in (_terminal(table, 80), to_markdown(table), to_latex(table)):
        assert text.index("First") < text.index("Second")
    assert to_latex(table).count(r"\begin{tabular}{lr}") == 2


def test_rows_must_have_a_cell_for_each_column() -> None:
    with pytest.raises(InputError, match="expected 2 cells in each row, got 1"):
        Table.of(("a", "b"), [("x",)])


def test_markup_is_escaped_in_every_form() -> None:
    hostile = "50 % <b>a_b</b> | [red]x[/red] $1$\n\\"
    table = Table.of(("name", "number"), [(hostile, "1")])
    assert "[red]x[/red]" in _terminal(table, 120)
    (line,) = [line for line in to_markdown(table).splitlines() if "50" in line]
    assert line == rf"| {markdown(hostile)} | 1 |"
    assert r"\<b\>a\_b\</b\> \| \[red\]x\[/red\] \$1\$ \\" in line
    assert r"50 \% \textless{}b\textgreater{}a\_b" in latex(hostile)
    page = environment("bimodal.report").from_string('{% import "macros.html.j2" as ui %}{{ ui.table(table) }}')
    html = page.render(table=table)
    assert "&lt;b&gt;a_b&lt;/b&gt;" in html
    assert "<b>" not in html


def test_the_html_table_names_its_cells_for_narrow_pages() -> None:
    page = environment("bimodal.report").from_string(
        '{% import "macros.html.j2" as ui %}{{ ui.table(table, colours) }}'
    )
    html = page.render(table=TABLE, colours=["red", "blue"])
    assert 'class="scroll stacked"' in html
    assert html.count('data-name="wrong labels among these"') == 2
    assert html.index("background: red") < html.index("without removal") < html.index("background: blue")
    assert '<p class="note">A note.</p>' in html
