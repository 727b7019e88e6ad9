"""`bimodal audit`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bimodal.cli.options import AddressOption, options_of, with_options
from bimodal.errors import InputError
from bimodal.label_audit.settings import AuditSettings

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
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Judge by features and by a short training of the packaged network: finds more, and takes a minute or more.",
        ),
    ] = False,
    training: Annotated[
        bool,
        typer.Option(
            "--training", help="Judge by one training of a small network from random weights instead of by features."
        ),
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Recipe of the training: paper, face or small, see bimodal train. Without --thorough, it implies "
            "--training. (default: a recipe for the number of faces)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of settings that replace those of the recipe. Without --thorough, it implies --training.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier audit in --out.")] = False,
    address: AddressOption = None,
    **values: Any,
) -> None:
    """Find training labels that are probably wrong, review them, and clean the data.

    Predicts each label from the other faces, by features of the packaged network, and writes AUDIT/suspects.csv (all
    training labels, the most probably wrong first), AUDIT/suspects.html (a page to review them) and AUDIT/proposals.csv
    (proposed decisions). Decisions can be handed in again and again; the next ranking trusts them.

    bimodal audit DATA --out AUDIT                                     find label issues

    bimodal audit DATA --out AUDIT --decisions decisions.csv           write AUDIT/cleaned

    bimodal train AUDIT/cleaned --out RUN                              train on the cleaned data

    To resume an interrupted audit, run the same command again.
    """
    if thorough and training:
        raise InputError("--thorough and --training exclude each other: choose one way to judge the labels")
    settings = {name: value for name, value in values.items() if value is not None}
    recipe: dict[str, Any] = {}
    if config is not None:
        from bimodal.training.settings import load_yaml

        recipe = load_yaml(config)
    if preset is not None:
        recipe["preset"] = preset
    if recipe:
        settings["recipe"] = recipe
    if thorough or training or recipe:
        settings["method"] = "thorough" if thorough else "training"
    from rich.console import Console

    from bimodal.label_audit.audit import audit as run

    console = Console(highlight=False, soft_wrap=True)
    try:
        if address is not None:
            _compute_features(data, settings, address)
        result = run(
            data,
            out,
            settings or None,
            decisions=decisions,
            report_val_and_test=report_val_and_test,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        console.print("\ninterrupted; run the same command again to resume")
        raise
    console.print("\n".join(["", *_result_lines(result, data)]), markup=False)


def _compute_features(data: Path, settings: dict[str, Any], address: str) -> None:
    """Compute the features that the audit needs, in shards; it then finds them in the cache of the data folder."""
    from bimodal.cluster.embedding import embed_shards
    from bimodal.label_audit.settings import AuditSettings

    chosen = AuditSettings(**settings)
    if chosen.method == "training":
        raise InputError(
            "--address shares the features among machines, and --training uses none; leave one of them out"
        )
    backbone, weights, size = chosen.backbone, chosen.weights, chosen.image_size
    embed_shards(data, chosen.model, backbone=backbone, weights=weights, image_size=size, address=address)


def _result_lines(result: "Audit", data: Path) -> list[str]:
    """Return the result and the next step, in words."""
    from bimodal.label_audit.verdict import evidence_sentences, verdict_sentence

    ranking = result.ranking
    lines = [verdict_sentence(ranking), *evidence_sentences(ranking)]
    if len(ranking.removable):
        lines.append(
            f"{len(ranking.removable):,} suspects can be removed without review: {result.out / 'proposals.csv'}"
        )
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
    else:
        command = shlex.join(["bimodal", "audit", str(data), "--out", str(result.out), "--decisions", "decisions.csv"])
        review = shlex.join(["bimodal", "review", str(result.out)])
        lines.append(f"next: {review}, or decide on {result.page.name}, then {command}")
    return lines


with_options(audit, options_of(AuditSettings))
