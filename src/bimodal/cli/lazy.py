"""Commands whose modules are imported when they are called, so that `bimodal --help` starts fast."""

import inspect
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group

from bimodal.cli.names import Command


class LazyCommand(TyperCommand):
    """Stands in the list of commands for a function of `bimodal.cli`, which it loads when the command is called.

    Args:
        name: of the command, and of the function or of the Typer application `app` in its module.
        module: the module in `bimodal.cli`.
        summary: the first paragraph of the function's docstring; a test holds them equal.
        panel: the heading under which `bimodal --help` lists it.
    """

    def __init__(self, name: str, module: str, summary: str, panel: str) -> None:
        super().__init__(name, callback=None, help=summary, rich_help_panel=panel)
        self._module = module

    def load(self) -> Any:
        """Return the command itself."""
        module = import_module(f"bimodal.cli.{self._module}")
        if hasattr(module, "app"):
            return get_group(module.app)
        function = getattr(module, str(self.name))
        single = typer.Typer(add_completion=False)
        single.command(self.name, cls=Command, help=_paragraphs(function.__doc__))(function)
        return typer.main.get_command(single)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the loaded command, which is called instead of this one."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


def _paragraphs(text: str | None) -> str:
    """Return a docstring with each paragraph on one line, which the terminal wraps to its own width."""
    return "\n\n".join(" ".join(part.splitlines()) for part in inspect.cleandoc(text or "").split("\n\n"))
