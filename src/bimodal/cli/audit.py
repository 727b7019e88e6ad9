"""`bimodal audit`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bimodal.label_audit.audit import Audit


def audit(
    data: Annotated[Path, typer.Argument(help="Data folder, made by bimodal prepare.", show_default=False)],
    *,
    out: Annotated[
        Path,
        typer.Option(help="Audit folder: a new one, or an earlier audit of DATA to continue.", show_default=False),
    ],
    decisions: Annotated[
        Path | None,
        typer.Option(
            help="CSV file with your decisions: the columns image,decision and optionally label,by,why, where decision is "
            "keep, remove or relabel. Saved by AUDIT/suspects.html; AUDIT/proposals.csv has the same form. "
            "Writes the data folder AUDIT/cleaned.",
            show_default=False,
        ),
    ] = None,
    report_val_and_test: Annotated[
        bool,
        typer.Option(
            "--report-val-and-test",
            help="Also rank validation and test labels, in AUDIT/other-splits.csv. These labels are never changed.",
        ),
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Training recipe: paper, face or small, as in bimodal train. (default: a small network from random "
            "weights, with fewer epochs for more faces)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file of training settings that replace those of the recipe.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Random seed for weights, data order, augmentation and dropout. (default: 0)", show_default=False
        ),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="Device to compute on: auto, cpu or cuda.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier audit in --out.")] = False,
) -> None:
    """Find training labels that are probably wrong, review them, and clean the data.

    Trains one small network and writes AUDIT/suspects.csv (all training labels, the most probably wrong first),
    AUDIT/suspects.html (a page to review them) and AUDIT/proposals.csv (proposed decisions).

    bimodal audit DATA --out AUDIT                                     find label issues

    bimodal audit DATA --out AUDIT --decisions decisions.csv           write AUDIT/cleaned

    bimodal train AUDIT/cleaned --out RUN                              train on the cleaned data

    To resume an interrupted audit, run the same command again.
    """
    from rich.console import Console

    from bimodal.label_audit.audit import audit as run
    from bimodal.training.hardware import Hardware
    from bimodal.training.settings import load_yaml

    settings = load_yaml(config) if config else {}
    if preset is not None:
        settings["preset"] = preset
    console = Console(highlight=False, soft_wrap=True)
    try:
        result = run(
            data,
            out,
            settings or None,
            hardware=Hardware(accelerator),
            seed=seed,
            decisions=decisions,
            report_val_and_test=report_val_and_test,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        console.print("\ninterrupted; run the same command again to resume")
        raise
    console.print("\n".join(["", *_result_lines(result, data)]), markup=False)


def _result_lines(result: "Audit", data: Path) -> list[str]:
    """Return the result and the next step, in words."""
    ranking, modes = result.ranking, result.ranking.modes
    suspects, faces = len(ranking.suspects), len(ranking.rows)
    if modes.has_label_issues:
        lines = [
            f"{suspects:,} of {faces:,} training labels are probably wrong (suspects). "
            f"Estimated share of wrong labels: {modes.noise_rate:.0%}.",
            f"{modes.contradicted:.0%} of the labels contradict the predictions; of correct labels, 12 to 18 % do.",
            f"{len(ranking.removable):,} suspects can be removed without review: {result.out / 'proposals.csv'}",
        ]
    else:
        lines = [f"No sign of wrong labels among {faces:,}: there are no suspects. All labels are still ranked."]
    lines += ["", f"Review page: {result.page}", f"All labels, ranked: {result.out / 'suspects.csv'}"]
    if result.other_splits is not None:
        lines.append(f"Validation and test labels, ranked: {result.other_splits}")
    if result.cleaned is not None:
        cleaned = result.cleaned
        lines += [
            f"Cleaned data: {cleaned.folder} ({cleaned.removed:,} removed, {cleaned.relabelled:,} relabelled, "
            f"{cleaned.kept:,} kept by decision)",
            f"next: bimodal train {shlex.quote(str(cleaned.folder))} --out RUN",
        ]
    elif modes.has_label_issues:
        command = shlex.join(["bimodal", "audit", str(data), "--out", str(result.out), "--decisions", "decisions.csv"])
        lines.append(f"next: decide on the review page, then {command}")
    return lines
