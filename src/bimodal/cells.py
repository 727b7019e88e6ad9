"""Text in the cells of CSV files, written so that no spreadsheet takes it for a formula.

OWASP, CSV injection, 2024: a cell that begins with `=`, `+`, `-` or `@`, also after a tab or the end of a line, is run as a
formula. A `'` before it makes it text in Excel, LibreOffice and Google Sheets; what reads the cell takes the `'` away again.
"""

import re
from typing import Any

_START = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # the wide signs are formulas in Japanese and Chinese versions
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def to_cell(value: Any) -> Any:
    """Return a value as it is written to a cell: a text that could be a formula gets a `'` before it.

    Numbers, also those that are texts, stay as they are. `from_cell` is the inverse for texts.

    >>> to_cell("=1+1"), to_cell("@ann.png"), to_cell("ann.png"), to_cell("-0.5"), to_cell(-2)
    ("'=1+1", "'@ann.png", 'ann.png', '-0.5', -2)
    """
    if isinstance(value, str) and _START.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def from_cell(text: str) -> str:
    """Return the text that `to_cell` wrote to a cell.

    >>> from_cell("'=1+1"), from_cell("'tis.png"), from_cell(to_cell("''@ann"))
    ('=1+1', "'tis.png", "''@ann")
    """
    return text[1:] if text[:1] == "'" and _START.match(text) else text
