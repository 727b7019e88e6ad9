"""`bimodal report`: one page on what was removed, whether it helped, and how sure we are."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; several conditions and seeds are compared.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page. Default: the run folder; for several runs, bimodal-report."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report.")] = False,
) -> None:
    """Write a self-contained HTML page (report.html) and its figures (figures/*.png, *.svg)."""
    from rich.console import Console

    from bimodal.report.report_page import write_report

    console = Console()
    with console.status("drawing"):
        page = write_report(runs, out, overwrite)
    console.print(f"Report: {page}", markup=False, highlight=False, soft_wrap=True)
