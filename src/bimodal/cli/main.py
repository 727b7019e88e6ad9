"""The entry point `bimodal`: one file a command; an `InputError` becomes one line and exit code 2."""

import inspect
import sys
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
    study,
    train,
)
from bimodal.cli.progress import shown_progress
from bimodal.errors import InputError
from bimodal.version import __version__


def _paragraphs(text: str | None) -> str:
    """Return a docstring with each paragraph on one line, which the terminal wraps to its own width."""
    return "\n\n".join(" ".join(part.splitlines()) for part in inspect.cleandoc(text or "").split("\n\n"))


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_COMMANDS = {
    "Find wrong labels": (prepare.prepare, audit.audit, demo.demo),
    "Train and measure": (train.train, evaluate.evaluate, compare.compare, report.report),
    "Predict and share": (predict.predict, embed.embed, export.export, export.publish),
    "Experiments": (reproduce.reproduce, pretrain.pretrain, draw.draw),
}
for _panel, _functions in _COMMANDS.items():
    for _function in _functions:
        app.command(rich_help_panel=_panel, help=_paragraphs(_function.__doc__))(_function)
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
    try:
        with shown_progress():
            app()
    except InputError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:  # a full disk or a missing permission: the system's message is clear
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(f"{where}{error.strerror}"))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(message.split()))
    print(f"bimodal: {line}", file=sys.stderr)  # escaped: a file name can contain terminal commands
    return 2
