"""The page of suspects: one self-contained HTML file to review labels and to save decisions."""

import base64
import hashlib
import os
import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit import neighbours
from bimodal.label_audit.cards import Section, build_sections
from bimodal.label_audit.ranking import LabelRanking
from bimodal.removal import TwoModes
from bimodal.removal.rule import RULES
from bimodal.rendering.html import environment, inline_figure, inline_picture
from bimodal.rendering.numbers import p_value
from bimodal.rendering.table import Table
from bimodal.report.losses import histogram
from bimodal.runs.run import Run
from bimodal.text import plural
from bimodal.vision.pictures import THREADS, no_size_warnings

GENERATOR = "bimodal audit"
_LARGE, _SMALL = 112, 64
"""Sides of the pictures of suspects and of similar faces, in pixels."""


def render_page(
    run: Run, manifest: Manifest, ranking: LabelRanking, features: NDArray[np.float32], out: str | Path
) -> str:
    """Return the page as HTML; it loads nothing from elsewhere, and a picture that cannot be read leaves a gap.

    Args:
        run: the training of the audit.
        manifest: its faces.
        ranking: of the training labels.
        features: (n,F), of the training faces, in the order of `ranking.rows`.
        out: the folder of the audit.
    """
    modes = ranking.modes
    sections = build_sections(manifest, ranking, features)
    cards = [card for section in sections for card in section.cards]
    pictures = _pictures(manifest, {card.row for card in cards}, _LARGE)
    small_pictures = _pictures(manifest, {row for card in cards for _, rows in card.similar for row in rows}, _SMALL)
    caption = _caption(modes)
    figure = _histogram(modes)
    svg = inline_figure(figure, "scores", caption)
    script = (Path(__file__).parent / "templates/audit.js").read_text(encoding="utf-8")
    templates = environment("bimodal.label_audit")
    templates.filters |= {"bounded": _bounded, "faces": lambda count: plural(count, "face")}
    text = templates.get_template("audit.html.j2").render(
        generator=GENERATOR,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        data=manifest.root.name,
        fingerprint=str(run.environment.get("data_fingerprint", "")),
        command=shlex.join(["bimodal", "audit", str(manifest.root), "--out", os.path.abspath(out), "--decisions"]),
        verdict=_verdict(ranking),
        tests=_tests(modes),
        expected=_percent(float(modes.probability[modes.is_label_issue].mean())) if modes.is_label_issue.any() else "",
        found=modes.has_label_issues,
        removable=len(ranking.removable),
        is_small=run.config.get("preset") == "small" and not run.config.get("pretrained"),
        figure=svg,
        caption=caption,
        table=_table(sections),
        sections=sections,
        pictures=pictures,
        small_pictures=small_pictures,
        names=NAMES,
        large=_LARGE,
        small=_SMALL,
        neighbours=neighbours.COUNT,
    )
    return text.encode(errors="replace").decode()  # file names can hold bytes that are not UTF-8


def _pictures(manifest: Manifest, rows: Iterable[int], side: int) -> dict[int, str]:
    """Return square JPEG pictures as data URIs, by row, without those that cannot be read."""
    images = {row: str(manifest.table["image"].iat[row]) for row in rows}
    with no_size_warnings(), ThreadPoolExecutor(THREADS) as pool:
        pictures = pool.map(lambda image: inline_picture(manifest.root, image, side), images.values())
        return {row: picture for row, picture in zip(images, pictures, strict=True) if picture is not None}


def _verdict(ranking: LabelRanking) -> str:
    """Return the main result in one sentence."""
    faces, count = len(ranking.rows), len(ranking.suspects)
    if not ranking.modes.has_label_issues:
        return f"There is no sign of wrong labels among the {faces:,} training labels."
    verb = "label is" if count == 1 else "labels are"
    return (
        f"{count:,} of {faces:,} training {verb} probably wrong. "
        f"The estimated share of wrong labels is {_percent(ranking.modes.noise_rate)}."
    )


def _table(sections: list[Section]) -> Table:
    rows = []
    for section in sections:
        share = f"{100 * section.suspects / section.faces:.1f} %"
        rows.append((section.label, f"{section.faces:,}", f"{section.suspects:,}", share, section.suggestion))
    head = ("given label", "faces", "suspects", "share", "most frequent suggestion")
    return Table.of(head, rows, text=(head[0], head[-1]))


def _tests(modes: TwoModes) -> tuple[str, ...]:
    """Return the results of the three tests for wrong labels, in words."""
    has_antimode = np.isfinite(modes.antimode)
    return (
        f"For {_percent(modes.contradicted)} of the faces, another emotion has at least 1.65 times the predicted probability "
        f"of the given label. Of correct labels, 12 to 18 % are like this. p-value: {p_value(modes.p_contradicted)}.",
        f"{_percent(modes.unrelated)} of the labels are estimated to be unrelated to their faces. Data with clean labels have "
        f"at most 1 % of them. p-value: {p_value(modes.p_unrelated)}.",
        f"The log-odds against the labels {'have' if has_antimode else 'do not have'} two separate modes.",
    )


def _percent(value: float) -> str:
    """Return a share in per cent.

    >>> _percent(0.234), _percent(0.014), _percent(0.0)
    ('23 %', '1.4 %', '0 %')
    """
    return f"{100 * value:.1f} %" if 0 < value < 0.0995 else f"{100 * value:.0f} %"


def _bounded(probability: float) -> str:
    """Return a probability in per cent, never 0 or 100.

    >>> _bounded(0.999), _bounded(0.5), _bounded(0.001)
    ('over 99 %', '50 %', 'under 1 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "under 1 %"


def _histogram(modes: TwoModes) -> Figure:
    threshold = modes.threshold if modes.has_label_issues else float("inf")
    span = (float(np.floor(modes.score.min())), float(np.floor(modes.score.max())) + 1)
    return histogram(modes.score, RULES["two-modes"], threshold, span, "Log-odds against each given label")


def _caption(modes: TwoModes) -> str:
    what = (
        "Training faces by the log-odds of the most probable other emotion against the given label, from predicted "
        "probabilities averaged over the epochs. Above 0, the other emotion is more probable."
    )
    if not modes.has_label_issues:
        return f"{what} There is no threshold, because no label issues were found."
    exempt = int((modes.score >= modes.threshold).sum() - modes.is_label_issue.sum())
    rare = f", except for {exempt:,} that may score high only because their emotion is rare" if exempt else ""
    return f"{what} Labels at or above the threshold are suspects{rare}."
