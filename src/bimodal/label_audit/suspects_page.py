"""The page of suspects: one self-contained file to look at, to decide on, and to save the decisions from."""

import base64
import hashlib
import shlex
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.label_audit.neighbours import features_of, nearest
from bimodal.label_audit.suspects import SURE, SUSPECT, Suspects
from bimodal.removal import TwoModes
from bimodal.rendering import plot
from bimodal.report import report_page
from bimodal.report.gallery import thumbnail
from bimodal.report.losses import Cut, histogram
from bimodal.runs.run import Run
from bimodal.vision.pictures import THREADS, quiet_about_size

GENERATOR = "bimodal audit"
SHOWN, DOUBTFUL, NEIGHBOURS = 40, 10, 3
"""Faces a label on the page: of those called wrong, or where nothing is; and well-labelled faces beside each."""

_TRUSTED = 0.2
"""A label is taken for right below this probability to be wrong."""
_LARGE, _SMALL = 112, 64
_CPU = torch.device("cpu")
_TEMPLATES = Path(__file__).parent / "templates"
_FLAGS = {
    "blank": "a picture of a single colour",
    "no-face": "no face was found",
    "duplicate": "the picture occurs more than once",
    "two-labels": "a copy has another label",
    "also-in-val": "a copy is in validation",
    "also-in-test": "a copy is in test",
    "rare": "a rare emotion here",
}

Pictures = tuple[str | None, ...]
"""Data URIs; None for what cannot be read."""


@dataclass(frozen=True)
class Card:
    """A doubtful label, with what it takes to decide."""

    image: str
    picture: str | None
    label: str
    rank: int
    probability: float
    suggested: str
    confidence: float
    notes: tuple[str, ...]
    alike: tuple[tuple[str, Pictures], ...]
    """Labels, each with the well-labelled faces of that label that look most like this one."""


@dataclass(frozen=True)
class Section:
    """The faces that were given a label."""

    label: str
    faces: int
    called: int
    suggestion: str
    """What the network would most often call those that are called wrong."""
    cards: tuple[Card, ...]
    more: int
    """Called wrong, but not on the page."""


def write_page(run: Run, manifest: Manifest, suspects: Suspects, file: Path, device: torch.device = _CPU) -> None:
    """Write the page; it asks for nothing from elsewhere, and pictures that cannot be read leave a gap.

    Args:
        run: the audit's training.
        manifest: of its faces.
        suspects: from `list_suspects`.
        file: the page, in the audit's folder.
        device: where to look for neighbours.

    Raises:
        OSError: it cannot be written.
    """
    text = render(run, manifest, suspects, file.parent, device)
    write_atomically(file, lambda part: part.write_bytes(text.encode(errors="replace")))


def render(run: Run, manifest: Manifest, suspects: Suspects, out: Path, device: torch.device = _CPU) -> str:
    """Make the page of an audit in the folder `out`."""
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES, Path(report_page.__file__).parent / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sure"] = _sure
    script = (_TEMPLATES / "audit.js").read_text(encoding="utf-8")
    modes = suspects.modes
    sections, why_alone = _sections(run, manifest, suspects, device)
    caption = _caption(modes)
    picture = plot.svg(_histogram(modes))
    return environment.get_template("audit.html.j2").render(
        generator=GENERATOR,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        data=manifest.root.name,
        fingerprint=str(run.environment.get("data_fingerprint", "")),
        command=shlex.join(["bimodal", "audit", str(manifest.root), "--out", str(out.absolute()), "--decisions"]),
        verdict=_verdict(suspects),
        tests=_tests(modes),
        expected=_share(float(modes.probability[modes.called].mean())) if modes.called.any() else "",
        found=modes.found,
        sure=len(suspects.sure),
        is_small=run.config.get("preset") == "small" and not run.config.get("pretrained"),
        figure=Markup(plot.inline(picture, "scores", escape(caption))),  # ours, and escaped
        caption=caption,
        sections=sections,
        why_alone=why_alone,
        names=NAMES,
        large=_LARGE,
        small=_SMALL,
        neighbours=NEIGHBOURS,
    )


def _sections(run: Run, manifest: Manifest, suspects: Suspects, device: torch.device) -> tuple[list[Section], str]:
    """Return the sections in the order of the labels; and why no face has neighbours, or nothing."""
    listed = suspects.called if suspects.modes.found else suspects.table
    limit = SHOWN if suspects.modes.found else DOUBTFUL
    shown = listed.groupby("label", sort=False).head(limit)
    alike, why_alone = _alike(run, manifest, suspects, shown, device)
    pictures = _pictures(manifest, shown.index.to_numpy(), _LARGE)
    near = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *alike.values()]))
    small = _pictures(manifest, near, _SMALL)
    called = suspects.called
    sections = []
    for label in NAMES:
        faces, own = suspects.table[suspects.table["label"] == label], called[called["label"] == label]
        if len(faces):
            part = shown[shown["label"] == label]
            cards = tuple(
                _card(row, record, pictures, small, alike)
                for row, record in zip(part.index.tolist(), part.to_dict("records"), strict=True)
            )
            more = max(len(own) - len(part), 0)
            sections.append(Section(label, len(faces), len(own), _most_frequent(own["suggested"]), cards, more))
    return sections, why_alone


def _card(
    row: int,
    record: Mapping[Hashable, Any],
    pictures: dict[int, str],
    small: dict[int, str],
    alike: dict[tuple[int, str], NDArray[np.int64]],
) -> Card:
    label, suggested = str(record["label"]), str(record["suggested"])
    flags = [flag for flag in str(record["flags"]).split(";") if flag not in ("", SUSPECT, SURE)]
    return Card(
        str(record["image"]),
        pictures.get(row),
        label,
        int(record["rank"]),
        float(record["probability"]),
        suggested,
        float(record["confidence"]),
        tuple(_FLAGS.get(flag, flag) for flag in flags),
        tuple(
            (name, tuple(small.get(other) for other in alike[row, name].tolist()))
            for name in (label, suggested)
            if (row, name) in alike
        ),
    )


def _most_frequent(suggestions: Iterable[str]) -> str:
    """Name the most frequent of some suggestions, and how frequent it is.

    >>> _most_frequent(["sad", "fear", "sad"]), _most_frequent([])
    ('sad (2)', 'none')
    """
    return next((f"{name} ({count:,})" for name, count in Counter(suggestions).most_common(1)), "none")


def _alike(
    run: Run, manifest: Manifest, suspects: Suspects, shown: pd.DataFrame, device: torch.device
) -> tuple[dict[tuple[int, str], NDArray[np.int64]], str]:
    """Return, by row and label, the rows of the nearest well-labelled faces; or why there are none."""
    try:
        features = (
            features_of(run, manifest, suspects.rows, device)
            if len(shown)
            else np.zeros((len(suspects.rows), 1), np.float32)
        )
    except (InputError, OSError) as error:  # pictures were lost since the training; the list still holds
        return {}, str(error)
    labels = manifest.labels[suspects.rows]
    good = _well_labelled(suspects.modes, labels)
    found: dict[tuple[int, str], NDArray[np.int64]] = {}
    for column in ("label", "suggested"):
        for code, name in enumerate(NAMES):
            rows = shown.index.to_numpy(dtype=np.int64)[shown[column].to_numpy() == name]
            near = nearest(features, np.searchsorted(suspects.rows, rows), good & (labels == code), NEIGHBOURS)
            found |= {(row, name): suspects.rows[own] for row, own in zip(rows.tolist(), near, strict=True)}
    return found, ""


def _well_labelled(modes: TwoModes, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whose labels can be taken for right; of a class with too few such, the less doubtful half."""
    good = ~modes.called & (modes.probability < _TRUSTED)
    for code in np.unique(labels):
        own = np.flatnonzero((labels == code) & ~modes.called)
        if good[own].sum() < NEIGHBOURS:
            good[own[np.argsort(modes.score[own], kind="stable")][: (len(own) + 1) // 2]] = True
    return np.asarray(good)


def _pictures(manifest: Manifest, rows: NDArray[np.int64], side: int) -> dict[int, str]:
    """Return square JPEG pictures as data URIs, by row; what cannot be read is left out."""

    def shrink(row: int) -> str | None:
        return thumbnail(manifest.root, str(manifest.table["image"].iat[row]), side)

    with quiet_about_size(), ThreadPoolExecutor(THREADS) as pool:
        small = list(pool.map(shrink, rows.tolist()))
    return {row: picture for row, picture in zip(rows.tolist(), small, strict=True) if picture is not None}


def _verdict(suspects: Suspects) -> str:
    """Say in one sentence what was found."""
    faces = len(suspects.rows)
    if not suspects.modes.found:
        return f"There is no sign of wrong labels among the {faces:,} training labels."
    count = len(suspects.called)
    return (
        f"{count:,} of {faces:,} training labels {'is' if count == 1 else 'are'} called wrong; "
        f"{_share(suspects.modes.share)} of all are estimated to be."
    )


def _tests(modes: TwoModes) -> tuple[str, ...]:
    """Say in a sentence or two each what the three tests found."""
    seen = np.isfinite(modes.antimode)
    return (
        f"The network contradicts {_share(modes.contradicted)} of the labels; of right labels it contradicts 12 to 18 %. "
        f"The chance of so many, were all right: {_chance(modes.p_contradicted)}.",
        f"{_share(modes.stray)} of the labels seem to have nothing to do with their faces; in a clean set up to 1 % do. "
        f"The chance of so many in a clean set: {_chance(modes.p_stray)}.",
        f"Two modes can{'' if seen else 'not'} be seen in what the network holds against the labels.",
    )


def _share(value: float) -> str:
    """Say a share.

    >>> _share(0.234), _share(0.014), _share(0.0)
    ('23 %', '1.4 %', '0 %')
    """
    return f"{100 * value:.1f} %" if 0 < value < 0.0995 else f"{100 * value:.0f} %"


def _sure(probability: float) -> str:
    """Say how probable something is, never that it is certain.

    >>> _sure(0.999), _sure(0.5), _sure(0.001)
    ('over 99 %', '50 %', 'under 1 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "under 1 %"


def _chance(p: float) -> str:
    """Say a probability as far as it is worth knowing.

    >>> _chance(1e-9), _chance(0.0123), _chance(1.0)
    ('less than 0.001', '0.012', '1.000')
    """
    return "less than 0.001" if p < 0.001 else f"{p:.3f}"


def _histogram(modes: TwoModes) -> Figure:
    below = float(np.nextafter(modes.threshold, -np.inf)) if modes.found else np.inf  # the one at it is called, too
    nan = float("nan")
    span = (float(np.floor(modes.score.min())), float(np.floor(modes.score.max())) + 1)
    title = "What the network held against each label"
    figure = histogram(modes.score, Cut(0, "two-modes", nan, nan, nan, below, int(modes.called.sum())), span, title)
    if not modes.found:
        for legend in figure.legends:  # of two colours, of which one is not there
            legend.remove()
    return figure


def _caption(modes: TwoModes) -> str:
    what = (
        "The training faces by how far the network leans to another emotion than the given one, over the whole of "
        "training; above 0 it leans to the other."
    )
    if not modes.found:
        return f"{what} There is no threshold, since nothing is called wrong."
    spared = int((modes.score >= modes.threshold).sum() - modes.called.sum())
    rare = f", but for {spared:,} that may be there only because their emotion is rare" if spared else ""
    return f"{what} Labels from the threshold on are called wrong{rare}."
