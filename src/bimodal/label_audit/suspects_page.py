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

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit import neighbours
from bimodal.label_audit.cards import Section, build_sections
from bimodal.label_audit.judge import Judgement
from bimodal.label_audit.ranking import LabelRanking
from bimodal.label_audit.verdict import evidence_sentences, percent, verdict_sentence
from bimodal.memory import check_memory
from bimodal.removal.issues import LabelIssues
from bimodal.rendering.html import environment, inline_figure, inline_picture
from bimodal.rendering.table import Table
from bimodal.report.losses import histogram
from bimodal.text import plural
from bimodal.vision.pictures import THREADS, no_size_warnings

GENERATOR = "bimodal audit"
_LARGE, _SMALL = 112, 64
"""Sides of the pictures of suspects and of similar faces, in pixels."""


def render_page(manifest: Manifest, ranking: LabelRanking, out: str | Path) -> str:
    """Return the page as HTML; it loads nothing from elsewhere, and a picture that cannot be read leaves a gap.

    Args:
        manifest: the audited faces.
        ranking: of the training labels.
        out: the folder of the audit.
    """
    issues = ranking.issues
    sections = build_sections(ranking)
    cards = [card for section in sections for card in section.cards]
    pictures = _pictures(manifest, {card.row for card in cards}, _LARGE)
    small_pictures = _pictures(manifest, {row for card in cards for _, rows in card.similar for row in rows}, _SMALL)
    caption = _caption(ranking.judgement)
    figure = _histogram(issues)
    svg = inline_figure(figure, "scores", caption)
    script = _script()
    templates = environment("bimodal.label_audit")
    templates.filters |= {"bounded": _bounded, "faces": lambda count: plural(count, "face")}
    text = templates.get_template("audit.html.j2").render(
        generator=GENERATOR,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        data=manifest.root.name,
        fingerprint=manifest.fingerprint,
        command=shlex.join(["bimodal", "audit", str(manifest.root), "--out", os.path.abspath(out), "--decisions"]),
        verdict=verdict_sentence(ranking),
        evidence=evidence_sentences(ranking),
        expected=percent(float(issues.probability[issues.is_label_issue].mean()))
        if issues.is_label_issue.any()
        else "",
        found=issues.has_label_issues,
        removable=len(ranking.removable),
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


def _script() -> str:
    """Return the script of the page: the keys, which the page of `bimodal review` loads as a module, and its own part."""
    folder = Path(__file__).parent / "templates"
    keys, own = ((folder / name).read_text(encoding="utf-8") for name in ("keys.js", "audit.js"))
    return '"use strict";\n' + keys.replace("export const", "const") + own


def _pictures(manifest: Manifest, rows: Iterable[int], side: int) -> dict[int, str]:
    """Return square JPEG pictures as data URIs, by row, without those that cannot be read."""
    files = {row: manifest.picture(row) for row in rows}
    check_memory()
    with no_size_warnings(), ThreadPoolExecutor(THREADS) as pool:
        pictures = pool.map(lambda file: inline_picture(file, side), files.values())
        return {row: picture for row, picture in zip(files, pictures, strict=True) if picture is not None}


def _table(sections: list[Section]) -> Table:
    rows = []
    for section in sections:
        share = f"{100 * section.suspects / section.faces:.1f} %"
        rows.append((section.label, f"{section.faces:,}", f"{section.suspects:,}", share, section.suggestion))
    head = ("given label", "faces", "suspects", "share", "most frequent suggestion")
    return Table.of(head, rows, text=(head[0], head[-1]))


def _bounded(probability: float) -> str:
    """Return a probability in per cent, never 0 or 100.

    >>> _bounded(0.999), _bounded(0.5), _bounded(0.001)
    ('over 99 %', '50 %', 'under 1 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "under 1 %"


def _histogram(issues: LabelIssues) -> Figure:
    threshold = issues.threshold if issues.has_label_issues else float("inf")
    span = (float(np.floor(issues.score.min())), float(np.floor(issues.score.max())) + 1)
    label = "log-odds that the given label is wrong"
    return histogram(issues.score, threshold, span, "Log-odds against each given label", label, includes_threshold=True)


def _caption(judgement: Judgement) -> str:
    issues = judgement.issues
    what = "Training faces by the log-odds that the given label is wrong"
    if not issues.has_label_issues:
        return (
            f"{what}, if some labels are wrong. The test found no evidence of wrong labels, so the log-odds only rank the "
            "labels, and there is no threshold."
        )
    above = issues.score >= issues.threshold
    decided = int((above & judgement.decided).sum())
    rare = int(above.sum() - issues.is_label_issue.sum()) - decided
    reasons = []
    if rare:
        reasons.append(f"{rare:,} that may score high only because their emotion is rare")
    if decided:
        reasons.append(f"{decided:,} that were decided earlier")
    exempt = f", except for {' and '.join(reasons)}" if reasons else ""
    return f"{what}. Above 0, a label is more probably wrong than right. Labels at or above the threshold are suspects{exempt}."
