"""`bimodal review`."""

from pathlib import Path
from typing import Annotated

import typer


def review(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="DATA|AUDIT",
            help="Audit folder, made by bimodal audit, or a data folder, which is audited first.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Audit folder of DATA. (default: beside it, DATA-audit)", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port of the page, 0 to 65535; 0: any free one. (default: 8017, or the next free one)"),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address of this machine on which others may open the page, such as 0.0.0.0. They need the token in the "
            "address that is shown. Nothing is encrypted. (default: only this machine, without a token)"
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose runs the tab Runs shows side by side. (default: that of the audit)", show_default=False
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Network of the tab Try: a run folder, a published folder, an .onnx file, or a Hugging Face repository "
            "owner/name. The page also offers all runs of the tab Runs. (default: bimodal/face-s)",
            show_default=False,
        ),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file of the face detector YuNet, for pictures that are uploaded. (default: downloaded once)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Review suspects on a local page, and see the ranking learn from each decision.

    Opens a page on this machine: the face, why its label is suspected, and keys to keep, relabel or remove it. After each
    decision the labels are ranked again. Decisions are in AUDIT/review.sqlite before the page says so; several people can
    review the same audit. Nothing is loaded from or sent to other servers.

    bimodal review DATA                                audit, then review

    bimodal review AUDIT                               continue an earlier review
    """
    from rich.console import Console

    from bimodal.errors import InputError
    from bimodal.inference.load import load
    from bimodal.review.run_list import RunList
    from bimodal.review.server import serve
    from bimodal.review.workspace import Workspace, folders_of

    console = Console(highlight=False, soft_wrap=True)
    folder, data = folders_of(path, out)
    if detector is not None and not detector.is_file():
        raise InputError(f"--detector must be YuNet's ONNX file, but there is none at {detector}")
    run_list = None if runs is None else RunList.of(runs)
    serve(
        Workspace(folder, data, detector, None if model is None else load(model)),
        host,
        port,
        announce=lambda address: console.print(f"review: {address}\nstop: Ctrl-C", markup=False),
        run_list=run_list,
    )
