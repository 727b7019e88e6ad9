"""`bimodal audit`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bimodal.label_audit.audit import Audit


def audit(
    data: Annotated[Path, typer.Argument(help="Data folder, made by bimodal prepare.", show_default=False)],
    *,
    out: Annotated[Path, typer.Option("--out", help="Audit folder to write, or to go on with.", show_default=False)],
    decisions: Annotated[
        Path | None,
        typer.Option(
            help="CSV of what you decided: image,decision,label,by,why, where decision is keep, remove or relabel. Writes "
            "the data folder AUDIT/cleaned. The page makes such a file; proposals.csv is one, which removes only what is sure.",
            show_default=False,
        ),
    ] = None,
    report_val_and_test: Annotated[
        bool,
        typer.Option(
            "--report-val-and-test",
            help="Also list doubtful validation and test labels, as a report only: they are never changed.",
        ),
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Train as bimodal train does, paper, face or small, instead of the audit's own small network.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings that are to differ.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, order, augmentation and dropout. (Default: 0.)", show_default=False)
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the audit in --out.")] = False,
) -> None:
    """Find training labels that are probably wrong, by one training; look at them; clean.

    Writes AUDIT/suspects.csv (every training face, the most doubtful first), AUDIT/suspects.html (the suspects beside
    well-labelled faces like them) and AUDIT/proposals.csv (decisions to edit and hand in).

    bimodal audit DATA --out AUDIT                                     find

    bimodal audit DATA --out AUDIT --decisions decisions.csv           clean: AUDIT/cleaned

    bimodal train AUDIT/cleaned --out RUN                              train on what is left

    After Ctrl-C the same command goes on where it stopped.
    """
    from rich.console import Console
    from rich.markup import escape

    from bimodal.data.manifest import Manifest
    from bimodal.label_audit.audit import audit as run
    from bimodal.label_audit.settings import audit_settings
    from bimodal.training.settings import TrainSettings, load_yaml, merge
    from bimodal.training.train import Hardware

    settings = None
    if preset is not None or config is not None:
        file = load_yaml(config) if config else {}
        if preset is None and "preset" not in file:  # what the file leaves open is as in every audit
            file = audit_settings(len(Manifest.read(data).rows("train"))).to_dict() | file
        given: dict[str, Any] = {"seed": seed, "preset": preset}
        settings = TrainSettings.preset(*merge(file, {key: value for key, value in given.items() if value is not None}))
    console = Console(highlight=False, soft_wrap=True)
    try:
        done = run(
            data,
            out,
            settings,
            Hardware(accelerator),
            seed=seed,
            decisions=decisions,
            report_val_and_test=report_val_and_test,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        console.print("\ninterrupted; the same command goes on where it stopped")
        raise
    for line in _told(done, data):
        console.print(escape(line))


def _told(done: "Audit", data: Path) -> list[str]:
    """Say in words what was found, and what to do next."""
    modes, called = done.suspects.modes, done.suspects.called
    faces = len(done.suspects.rows)
    if modes.found:
        lines = [
            "",
            f"{len(called):,} of {faces:,} training labels are called wrong; {modes.share:.0%} of all are estimated to be.",
            f"{modes.contradicted:.0%} are contradicted by the network; of right labels 12 to 18 % are.",
            f"{len(done.suspects.sure):,} may be removed without a look: {done.out / 'proposals.csv'}",
        ]
    else:
        lines = [
            "",
            f"No sign of wrong labels among {faces:,}: nothing is called wrong. The ranking holds all the same.",
        ]
    lines += ["", f"Look: {done.page}", f"List: {done.out / 'suspects.csv'}"]
    if done.other_splits is not None:
        lines.append(f"Validation and test, a report only: {done.other_splits}")
    if done.cleaned is not None:
        own = done.cleaned
        lines += [
            f"Cleaned: {own.folder} ({own.removed:,} removed, {own.relabelled:,} relabelled, {own.kept:,} kept on purpose)",
            f"next: bimodal train {shlex.quote(str(own.folder))} --out RUN",
        ]
    elif modes.found:
        quoted = shlex.quote(str(done.out))
        lines.append(
            f"next: decide on the page, then bimodal audit {shlex.quote(str(data))} --out {quoted} --decisions decisions.csv"
        )
    return lines
