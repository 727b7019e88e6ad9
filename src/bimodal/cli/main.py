"""The entry point `bimodal`: one file a command; `ending.py` says how a command ends."""

import inspect
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from bimodal.cli import (
    audit,
    compare,
    demo,
    draw,
    embed,
    evaluate,
    export,
    predict,
    prepare,
    pretrain,
    report,
    reproduce,
    review,
    study,
    train,
)
from bimodal.cli.ending import exit_code_of
from bimodal.cli.names import Command
from bimodal.version import __version__


def _paragraphs(text: str | None) -> str:
    """Return a docstring with each paragraph on one line, which the terminal wraps to its own width."""
    return "\n\n".join(" ".join(part.splitlines()) for part in inspect.cleandoc(text or "").split("\n\n"))


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Find wrong labels": (prepare.prepare, audit.audit, review.review, demo.demo),
    "Train and measure": (train.train, evaluate.evaluate, compare.compare, report.report),
    "Predict and share": (predict.predict, embed.embed, export.export, export.publish),
    "Experiments": (reproduce.reproduce, pretrain.pretrain, draw.draw),
}
for _panel, _functions in _COMMANDS.items():
    for _function in _functions:
        app.command(cls=Command, rich_help_panel=_panel, help=_paragraphs(_function.__doc__))(_function)
app.add_typer(study.app, name="study", rich_help_panel="Experiments")


def _show_version(is_requested: bool) -> None:
    if is_requested:
        print(f"bimodal {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels.

    Start with your own faces: bimodal prepare FACES DATA, then bimodal audit DATA --out AUDIT. Or try bimodal demo.
    """


def run() -> None:
    """Run the command line."""
    sys.exit(exit_code_of(app))
