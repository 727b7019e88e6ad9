"""`bimodal report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; several conditions and seeds are compared.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report. (default: the run folder of a single run; bimodal-report for several runs)"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report.")] = False,
) -> None:
    """Write a report: which examples were removed, whether removal helped, and how certain the results are.

    The report is a self-contained HTML page (report.html) with its figures beside it (figures/*.png, *.svg).
    """
    from rich.console import Console

    from bimodal.report.report_page import write_report

    with Console().status("drawing the figures"):
        page = write_report(runs, out, overwrite)
    print(f"Report: {page}")
