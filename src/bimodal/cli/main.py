"""The entry point `bimodal`: one file a command, imported when it is called; `ending.py` says how a command ends."""

import sys
from collections.abc import MutableMapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bimodal.cli.ending import exit_code_of
from bimodal.cli.lazy import LazyCommand

_COMMANDS = {  # the summaries repeat the docstrings, whose modules take a tenth of a second to import
    "Find wrong labels": {
        "prepare": "Make a data folder from labelled faces: check the pictures, split them, and write a manifest.",
        "audit": "Find training labels that are probably wrong, review them, and clean the data.",
        "review": "Review suspects on a local page, and see the ranking learn from each decision.",
        "demo": "Show all steps in a few minutes on drawn faces: find wrong labels, clean the data, and train before and after.",
    },
    "Train and measure": {
        "train": "Train a classifier; during training, remove examples that are probably mislabelled.",
        "evaluate": (
            "Measure a run on validation or test faces: accuracy and more with 95 % intervals; write the predictions as CSV."
        ),
        "compare": "Compare runs on the same examples, and say whether the difference is significant.",
        "report": "Write a report: which examples were removed, whether removal helped, and how certain the results are.",
    },
    "Predict and share": {
        "predict": "Predict the emotion of each face in images and videos, with calibrated probabilities.",
        "embed": "Compute the features of all pictures of a data folder by a frozen network.",
        "export": "Write a trained network as ONNX, which runs without PyTorch, and compare it with the original.",
        "publish": "Write a folder with a trained network for others: weights, settings and model card, but no images.",
    },
    "Experiments": {
        "reproduce": "Reproduce the paper's table: run every method on the same faces with several seeds, and compare them.",
        "pretrain": "Train the packaged network again, from random weights, on FER2013's faces and FERPlus's votes.",
        "draw": "Draw faces that show the seven emotions, some of them with wrong labels.",
        "study": "Studies that compare methods on faces with known labels. A whole study trains for days.",
    },
}
_MODULES = {"publish": "export"}  # of commands that are in the module of another one


class _Commands(TyperGroup):
    def __init__(self, *, commands: MutableMapping[str, Any] | None = None, **rest: Any) -> None:
        lazy = {
            name: LazyCommand(name, _MODULES.get(name, name), summary, panel)
            for panel, summaries in _COMMANDS.items()
            for name, summary in summaries.items()
        }
        super().__init__(commands={**(commands or {}), **lazy}, **rest)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        from bimodal.version import __version__

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
