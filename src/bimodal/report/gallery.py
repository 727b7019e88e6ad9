"""The faces that were thrown out: which, how often over the seeds, what they were called and what they look like."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

from bimodal.data.manifest import leaves_folder
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.report.conditions import Condition
from bimodal.runs.run import Run
from bimodal.vision.pictures import UnreadableError, decode

SHOWN = 96
NO_FACE = "no face"
_SIDE = 96


@dataclass(frozen=True)
class Removed:
    """One example that went, over the runs of a condition."""

    image: str
    label: str
    row: int
    times: int
    """In how many of the runs it went."""
    loss: float
    """Mean over these runs, at the removal."""
    predicted: str
    """What most of these networks thought; empty if it was not kept."""
    confidence: float | None
    """Mean probability of what they thought."""
    true_label: str
    """The true label where it is known, else empty."""

    @property
    def known_wrong(self) -> bool:
        """Whether the given label is known to be wrong."""
        return self.true_label not in ("", self.label)


@dataclass(frozen=True)
class Truth:
    """How the removals of a condition fare against labels that are known to be wrong; counts by run."""

    wrong: int
    """Training examples whose label is known to be wrong."""
    removed: tuple[int, ...]
    removed_wrong: tuple[int, ...]

    @property
    def precision(self) -> float | None:
        """Share of the removed that were wrong, over all runs."""
        return sum(self.removed_wrong) / sum(self.removed) if sum(self.removed) else None

    @property
    def recall(self) -> float:
        """Share of the wrong that were removed, over all runs."""
        return sum(self.removed_wrong) / (self.wrong * len(self.removed))


def removed_examples(condition: Condition) -> list[Removed]:
    """Gather what the runs of a condition removed: what went most often first, then the highest loss."""
    tables = [run.removed for run in condition.runs if not run.removed.empty]
    if not tables:
        return []
    together = pd.concat(tables, ignore_index=True)
    truth = true_labels(condition.runs[0])
    examples = []
    for (image, label, row), rows in together.groupby(["image", "label", "row"], sort=False):
        thoughts = rows["predicted"][rows["predicted"] != ""] if "predicted" in rows else pd.Series(dtype=str)
        predicted = str(thoughts.mode().iloc[0]) if len(thoughts) else ""
        sure = rows["confidence"].dropna() if "confidence" in rows else pd.Series(dtype=float)
        examples.append(
            Removed(
                image=str(image),
                label=str(label),
                row=int(str(row)),
                times=len(rows),
                loss=float(rows["loss"].mean()),
                predicted=predicted,
                confidence=float(sure.mean()) if len(sure) else None,
                true_label=truth.get(str(image), ""),
            )
        )
    return sorted(examples, key=lambda example: (-example.times, -example.loss, example.row))


def true_labels(run: Run) -> dict[str, str]:
    """Return the true labels by image, where the manifest's `true_label` knows them: an emotion, or `no face`."""
    if "true_label" not in run.manifest:
        return {}
    known: dict[str, str] = {}
    for image, label in zip(run.manifest["image"], run.manifest["true_label"], strict=True):
        if label == NO_FACE:
            known[image] = NO_FACE
        elif label:
            try:
                known[image] = NAMES[code_of(label)]
            except InputError:  # no emotion that we know: it says nothing
                continue
    return known


def against_truth(condition: Condition) -> Truth | None:
    """Count the removals that were right, or return `None` where no training label is known to be wrong."""
    run = condition.runs[0]
    truth = true_labels(run)
    train = run.manifest[run.manifest["split"] == "train"]
    wrong = {
        image for image, label in zip(train["image"], train["label"], strict=True) if truth.get(image, label) != label
    }
    if not wrong:
        return None
    gone = [list(run.removed["image"]) for run in condition.runs]
    return Truth(len(wrong), tuple(map(len, gone)), tuple(len(wrong.intersection(images)) for images in gone))


def thumbnails(run: Run, images: Sequence[str]) -> dict[str, str]:
    """Return small JPEG pictures as data URIs, by image; what is missing or cannot be read is left out."""
    made = {image: thumbnail(run.data, image, _SIDE) for image in images}
    return {image: picture for image, picture in made.items() if picture is not None}


def thumbnail(root: Path, image: str, side: int) -> str | None:
    """Return a square JPEG picture as a data URI; None for what is missing, cannot be read, or lies outside of `root`."""
    if leaves_folder(image):  # the table is not to be trusted
        return None
    try:
        picture = Image.fromarray(decode(root / image))
    except UnreadableError:
        return None
    buffer = BytesIO()
    ImageOps.fit(picture, (side, side)).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
