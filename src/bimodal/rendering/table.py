"""Tables of text, written once and rendered for the terminal, Markdown, LaTeX and (`table.html.j2`) HTML."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import rich.table
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from bimodal.errors import InputError

Row = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """The heading of a column, and whether it holds numbers, which are aligned to the right."""

    name: str
    number: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under a common heading; the heading may be empty."""

    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose cells are text: columns, groups of rows, a title above them, and sentences below; rich prints it."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        head: Sequence[str],
        rows: Iterable[Sequence[str]],
        title: str = "",
        notes: Sequence[str] = (),
        text: Sequence[str] | None = None,
    ) -> Self:
        """Make a table of one group of rows; the columns that `text` does not name (by default: all but the first) hold numbers.

        >>> print(to_markdown(Table.of(["emotion", "faces"], [["happy", "12"], ["sad", "3"]])), end="")
        | emotion | faces |
        |---|---:|
        | happy | 12 |
        | sad | 3 |
        """
        cells = tuple(tuple(row) for row in rows)
        for row in cells:
            if len(row) != len(head):
                raise InputError(f"expected {len(head)} cells in each row, got {len(row)}: {row}")
        left = head[:1] if text is None else text
        return cls(tuple(Column(name, name not in left) for name in head), (Group(cells),), title, tuple(notes))

    @property
    def head(self) -> Row:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table for rich; on a terminal too narrow for its columns, a block for each row."""
        if self.title:
            yield Text(self.title, style="bold")
        wide = [self._side_by_side(group) for group in self.groups]
        unlimited = options.update(width=10_000)
        fits = all(Measurement.get(console, unlimited, own).maximum <= options.max_width for own in wide)
        for group, columns in zip(self.groups, wide, strict=True):
            if group.heading:
                yield Text(group.heading, style="italic")
            yield from [columns] if fits else self._blocks(group)
        for note in self.notes:
            yield Text(note, style="dim")

    def _side_by_side(self, group: Group) -> rich.table.Table:
        wide = rich.table.Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
        for column in self.columns:
            name = Text(column.name.replace(", ", ",\n"))
            wide.add_column(name, justify="right" if column.number else "left", no_wrap=True)
        for row in group.rows:
            wide.add_row(*map(Text, row))
        return wide

    def _blocks(self, group: Group) -> Iterable[Text]:
        for first, *others in group.rows:
            yield Text(f"\n{first}", style="bold")
            for name, cell in zip(self.head[1:], others, strict=True):
                if cell:
                    yield Text(f"  {name}: {cell}")
        yield Text()


def print_table(table: Table) -> None:
    """Print a table on the terminal."""
    Console(highlight=False).print(table)


def to_markdown(table: Table) -> str:
    """Return a table as Markdown, with its title above, a heading above each group and its notes as a list."""
    rule = "|".join("---:" if column.number else "---" for column in table.columns)
    parts = [f"**{markdown(table.title)}**\n"] if table.title else []
    for group in table.groups:
        rows = [f"| {' | '.join(map(markdown, row))} |" for row in (table.head, *group.rows)]
        heading = f"{_ended(markdown(group.heading), ':')}\n\n" if group.heading else ""
        parts.append(heading + "\n".join([rows[0], f"|{rule}|", *rows[1:]]) + "\n")
    if table.notes:
        parts.append("".join(f"- {markdown(note)}\n" for note in table.notes))
    return "\n".join(parts)


def to_latex(table: Table) -> str:
    """Return a `table` environment for each group; it needs no package.

    Letters beyond the European ones become question marks.
    """
    return "\n".join(_latex_group(table, group) for group in table.groups)


def one_line(text: str) -> str:
    """Replace every run of spaces, line breaks and unprintable letters by one space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def markdown(text: str) -> str:
    r"""Escape every letter that has a meaning in Markdown, or in mathematics within it.

    >>> markdown("a*b | c_d")
    'a\\*b \\| c\\_d'
    """
    return re.sub(r"([\\`*_{}\[\]<>|#~&$])", r"\\\1", one_line(text))


def latex(text: str) -> str:
    r"""Escape text for LaTeX.

    >>> latex("5 % of a_b")
    '5 \\% of a\\_b'
    """
    return "".join(letter if letter < "ſ" or letter == "…" else "?" for letter in one_line(text)).translate(_LATEX)


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "…": r"\ldots{}",
    }
    | {letter: f"\\{letter}" for letter in "&%$#_{}"}
)


def _latex_group(table: Table, group: Group) -> str:
    columns = "".join("r" if column.number else "l" for column in table.columns)
    if len(columns) > 1 and columns.endswith("l"):
        columns = f"{columns[:-1]}p{{2.3cm}}"  # a column of remarks
    heading = _ended(group.heading, ".") if group.heading else ""
    head, *rows = (" & ".join(map(latex, row)) + r" \\" for row in (table.head, *group.rows))
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex(f'{heading} {table.title}')}}}",
            r"\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\begin{{tabular}}{{{columns}}}",
            *(r"\hline", head, r"\hline", *rows, r"\hline"),
            "\\end{tabular}\n\\end{table}\n",
        ]
    )


def _ended(heading: str, mark: str) -> str:
    return heading if heading.endswith("?") else f"{heading}{mark}"
