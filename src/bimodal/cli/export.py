"""`bimodal export` and `bimodal publish`."""

from pathlib import Path
from typing import Annotated

import typer

from bimodal.errors import InputError


def export(
    run: Annotated[Path, typer.Argument(help="Run folder, or a published one.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. (default: RUN/model.onnx, or RUN/model-int8.onnx)", show_default=False),
    ] = None,
    format: Annotated[str, typer.Option(help="onnx.")] = "onnx",
    int8: Annotated[
        bool, typer.Option("--int8", help="Weights and activations of eight bits; says what that costs.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Where the run's data folder lies now.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a trained network as ONNX, which runs without PyTorch; checked against the original.

    bimodal export RUN                          RUN/model.onnx

    bimodal export RUN --int8 --out small.onnx  a quarter of the size

    bimodal predict photo.jpg --model RUN/model.onnx
    """
    if format != "onnx":
        raise InputError(f"--format must be onnx, got {format!r}")
    from rich.console import Console
    from rich.markup import escape

    from bimodal.export.export import export_run

    out = out or run / ("model-int8.onnx" if int8 else "model.onnx")
    result = export_run(run, out, int8=int8, data=data, overwrite=overwrite)
    console = Console(highlight=False, soft_wrap=True)
    parity, on = result.parity, "validation faces" if result.on_faces else "pictures of random pixels"
    console.print(
        f"{escape(str(result.file))}  {result.bytes / 1e6:.1f} MB\n"
        f"largest difference from PyTorch on {parity.faces} {on}: {parity.logits:.1e} in the logits, "
        f"{parity.probabilities:.1e} in the probabilities" + (" (before it went to eight bits)" if int8 else "")
    )
    if result.int8 is not None:
        cost = result.int8.difference
        console.print(
            f"eight bits change the accuracy on {result.int8.n:,} validation faces by {100 * cost.value:+.1f} points "
            f"({100 * cost.low:+.1f} to {100 * cost.high:+.1f})"
        )


def publish(
    run: Annotated[Path, typer.Argument(help="Run folder, made by bimodal train.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder to write; must be given.", show_default=False)] = None,
    push: Annotated[
        str | None,
        typer.Option(
            help="Upload to this repository of the hub, too: owner/name. Public unless --private; needs a token in HF_TOKEN.",
            show_default=False,
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Only its owner sees the repository.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder published before.")] = False,
) -> None:
    """Make a folder of a trained network for others: weights, settings and model card, and nothing of the faces.

    bimodal publish RUN --out my-network

    bimodal publish RUN --out my-network --push me/my-network

    bimodal predict photo.jpg --model my-network
    """
    if out is None:
        raise InputError("say which folder to write: bimodal publish RUN --out FOLDER")
    from rich.console import Console
    from rich.markup import escape

    from bimodal.export import publish

    folder = publish.publish(run, out, overwrite)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{escape(str(folder))}  read back; look through its README.md before you share it")
    if push:
        console.print(f"uploaded: {escape(publish.push(folder, push, private))}")
