"""`bimodal`: hands each command to its file, and turns what a user got wrong into one line and exit code 2."""

import sys

import typer

from bimodal.cli import (
    audit,
    compare,
    demo,
    draw,
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

app = typer.Typer(
    help="Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels meanwhile.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_commands = (
    demo.demo,
    draw.draw,
    prepare.prepare,
    audit.audit,
    train.train,
    evaluate.evaluate,
    compare.compare,
    report.report,
    predict.predict,
    export.export,
    export.publish,
    reproduce.reproduce,
    pretrain.pretrain,
)
for _command in _commands:
    app.command()(_command)
app.add_typer(study.app, name="study")


def run() -> None:
    """Run the command line (the entry point `bimodal`)."""
    try:
        with shown_progress():
            app()
    except InputError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:  # disk full, no permission: the system's own words name the file
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(f"{where}{error.strerror}"))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(message.split()))
    print(f"bimodal: {line}", file=sys.stderr)  # a file's name may hold commands for the terminal
    return 2
