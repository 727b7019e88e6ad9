"""What is refused before a command starts: hardly any memory; names that are no UTF-8, except where only pictures have them."""

import os
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from bimodal.errors import InputError
from bimodal.memory import check_memory

_ANY = ("inputs", "source")  # names of pictures are read as they are, and escaped in tables


class Command(TyperCommand):
    """A command whose folders and files must have names that can be written to tables, settings and TensorBoard."""

    def invoke(self, ctx: Any) -> Any:
        """Check the memory and the paths that the user gave, then run the command."""
        check_memory()
        for name, value in ctx.params.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            for path in values if name not in _ANY else ():
                if isinstance(path, Path):
                    check_name(path)
        return super().invoke(ctx)


def check_name(path: Path) -> None:
    """Raise an `InputError` unless the absolute path is UTF-8.

    >>> check_name(Path("caf\\udce9"))
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: expected a name in UTF-8, got 'caf\\udce9'; rename this file or folder
    """
    for part in Path(os.path.abspath(path)).parts:
        if not _is_utf8(part):
            raise InputError(f"expected a name in UTF-8, got {part!r}; rename this file or folder")


def _is_utf8(text: str) -> bool:
    try:
        os.fsencode(text).decode("utf-8")  # the bytes of the name, whatever the locale makes of them
    except UnicodeError:
        return False
    return True
