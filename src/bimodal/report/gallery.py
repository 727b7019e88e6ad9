"""The removed faces of a condition: how often each was removed over the seeds, and what is known of its label."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd

from bimodal.data.manifest import find_pictures
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.rendering.html import inline_picture
from bimodal.report.conditions import Condition
from bimodal.runs.run import Run

SHOWN = 96
NO_FACE = "no face"
_SIDE = 96


@dataclass(frozen=True)
class Removed:
    """One removed example, over the runs of a condition.

    Attributes:
        times: the number of runs that removed it.
        loss: mean over these runs, at the removal.
        predicted: the emotion that most of these runs predicted; empty if the predictions were not recorded.
        confidence: mean probability of the predicted emotion; None if it was not recorded.
        true_label: the true label; empty if it is not known.
    """

    image: str
    label: str
    row: int
    times: int
    loss: float
    predicted: str
    confidence: float | None
    true_label: str

    @property
    def known_wrong(self) -> bool:
        """Whether the given label is known to be wrong."""
        return self.true_label not in ("", self.label)


@dataclass(frozen=True)
class Truth:
    """Known wrong labels: among the training faces of all runs, among those of each, and among the faces that each removed."""

    wrong: int
    wrong_by_run: tuple[int, ...]
    removed: tuple[int, ...]
    removed_wrong: tuple[int, ...]

    @property
    def precision(self) -> float | None:
        """Share of the removed examples whose label is wrong, over all runs; None if nothing was removed."""
        return sum(self.removed_wrong) / sum(self.removed) if sum(self.removed) else None

    @property
    def recall(self) -> float:
        """Share of the wrong labels that were removed, over all runs."""
        return sum(self.removed_wrong) / sum(self.wrong_by_run)


def removed_examples(condition: Condition) -> list[Removed]:
    """Return the examples that a condition's runs removed: those removed most often first, then by highest loss."""
    together = pd.concat([run.removed for run in condition.runs], ignore_index=True)
    truth = true_labels(condition.runs[0])
    examples = []
    for (image, label, row), rows in together.groupby(["image", "label", "row"], sort=False):
        predicted = rows["predicted"][rows["predicted"] != ""].mode()
        confidence = rows["confidence"].dropna()
        examples.append(
            Removed(
                image=str(image),
                label=str(label),
                row=int(str(row)),
                times=len(rows),
                loss=float(rows["loss"].mean()),
                predicted=str(predicted.iloc[0]) if len(predicted) else "",
                confidence=float(confidence.mean()) if len(confidence) else None,
                true_label=truth.get(str(image), ""),
            )
        )
    return sorted(examples, key=lambda example: (-example.times, -example.loss, example.row))


def true_labels(run: Run) -> dict[str, str]:
    """Return the true labels by image, as far as the manifest's column `true_label` has them: an emotion or `no face`."""
    if "true_label" not in run.manifest:
        return {}
    known: dict[str, str] = {}
    for image, label in zip(run.manifest["image"], run.manifest["true_label"], strict=True):
        with suppress(InputError):  # empty, or not one of the seven emotions
            known[image] = NO_FACE if label == NO_FACE else NAMES[code_of(label)]
    return known


def training_faces(condition: Condition) -> pd.DataFrame:
    """Return the manifest's rows of the training faces; of folds, those of any fold."""
    manifests = [run.manifest for run in (condition.runs if condition.are_folds else condition.runs[:1])]
    train = [manifest[manifest["split"] == "train"] for manifest in manifests]
    return pd.concat(train).drop_duplicates("image").sort_index()


def wrong_labels(condition: Condition) -> set[str]:
    """Return the images whose training label is known to be wrong."""
    truth, train = true_labels(condition.runs[0]), training_faces(condition)
    labels = zip(train["image"], train["label"], strict=True)
    return {image for image, label in labels if truth.get(image, label) != label}


def compare_with_truth(condition: Condition) -> Truth | None:
    """Count the removed examples whose label is wrong; None if no training label is known to be wrong."""
    wrong = wrong_labels(condition)
    if not wrong:
        return None
    removed = [list(run.removed["image"]) for run in condition.runs]
    in_training = [len(wrong)] * len(condition.runs)
    if condition.are_folds:
        in_training = [
            len(wrong.intersection(run.manifest["image"][run.manifest["split"] == "train"])) for run in condition.runs
        ]
    found = tuple(len(wrong.intersection(images)) for images in removed)
    return Truth(len(wrong), tuple(in_training), tuple(map(len, removed)), found)


def thumbnails(run: Run, images: Sequence[str]) -> dict[str, str]:
    """Return small pictures as data URIs, by image; missing and unreadable ones are left out."""
    files = find_pictures(run.data, images)
    return {image: made for image, file in files.items() if (made := inline_picture(file, _SIDE)) is not None}
