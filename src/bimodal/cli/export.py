"""`bimodal export` and `bimodal publish`."""

from pathlib import Path
from typing import Annotated

import typer

from bimodal.errors import InputError


def export(
    run: Annotated[Path, typer.Argument(help="Folder that bimodal train or bimodal publish wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="ONNX file to write. (default: RUN/model.onnx, or RUN/model-int8.onnx)")
    ] = None,
    format: Annotated[str, typer.Option(help="Format of the file; only onnx is supported.")] = "onnx",
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Quantise to 8 bits, and measure the change in accuracy on the validation faces. (default: 32 bits)",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder that the run was trained on. (default: where it was during training)"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing ONNX file.")] = False,
) -> None:
    """Write a trained network as ONNX, which runs without PyTorch, and compare it with the original.

    bimodal export RUN                          writes RUN/model.onnx

    bimodal export RUN --int8 --out small.onnx  a quarter of the size

    bimodal predict photo.jpg --model RUN/model.onnx
    """
    if format != "onnx":
        raise InputError(f"--format must be onnx, got {format!r}")
    from bimodal.export.export import export_run

    out = out or run / ("model-int8.onnx" if int8 else "model.onnx")
    result = export_run(run, out, int8=int8, data=data, overwrite=overwrite)
    parity, what = result.parity, "validation faces" if result.on_faces else "images of random pixels"
    print(f"{result.file}: {result.bytes / 1e6:.1f} MB")
    print(
        f"largest difference from PyTorch on {parity.faces} {what}: {parity.logits:.1e} in the logits, "
        f"{parity.probabilities:.1e} in the probabilities" + (" (before quantisation)" if int8 else "")
    )
    if result.int8 is not None:
        change = result.int8.difference
        print(
            f"8 bits change the accuracy on {result.int8.n:,} validation faces by {100 * change.value:+.1f} points "
            f"(95 % interval {100 * change.low:+.1f} to {100 * change.high:+.1f})"
        )


def publish(
    run: Annotated[Path, typer.Argument(help="Run folder that bimodal train wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write (required).")] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME",
            help="Also upload the folder to this Hugging Face repository, public unless --private is given. HF_TOKEN must "
            "hold a token with write access. (default: no upload)",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository of --push private.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that was published before.")] = False,
) -> None:
    """Write a folder with a trained network for others: weights, settings and model card, but no images.

    bimodal publish RUN --out my-network

    bimodal publish RUN --out my-network --push me/my-network

    bimodal predict photo.jpg --model my-network
    """
    if out is None:
        raise InputError("--out is required: bimodal publish RUN --out FOLDER")
    from bimodal.export import publish

    folder = publish.publish(run, out, overwrite)
    print(f"{folder}: written and checked; read its README.md before you share it")
    if push:
        print(f"uploaded: {publish.push(folder, push, private)}")
