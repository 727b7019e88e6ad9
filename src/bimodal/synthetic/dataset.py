"""Data sets of drawn faces: labels, some of them wrong on purpose, and the true labels."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.data.sampling import SFEW
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import staged_folder
from bimodal.progress import track
from bimodal.synthetic.camera import check_range, check_size
from bimodal.synthetic.photograph import draw_face
from bimodal.synthetic.scenery import draw_scenery

NO_FACE = -1
"""The true label of a picture without a face."""

COLUMNS = ("image", "label", "true_label", "is_face")
"""The columns of `truth.csv`."""

_TRUTH = "truth.csv"
_STREAMS = {"train": 0, "val": 1, "test": 2}
_MOST = 1_000_000

Labels = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The given and the true labels of a set, (N,) each, as in `DrawnSet`."""


@dataclass(frozen=True)
class DrawnSet:
    """Drawn pictures with given labels and true labels.

    Attributes:
        images: RGB, uint8 (N, S, S, 3).
        given: the given labels, int64 (N,), 0 to 6.
        true: the drawn emotions, int64 (N,), or -1 (`NO_FACE`) for a picture without a face, so that `given != true`
            marks every picture that should be removed from a training set.
    """

    images: NDArray[np.uint8]
    given: NDArray[np.int64]
    true: NDArray[np.int64]

    @property
    def is_face(self) -> NDArray[np.bool_]:
        """Whether each picture shows a face, bool (N,)."""
        return np.asarray(self.true != NO_FACE)


def draw_set(
    count: int, wrong: float = 0.1, no_face: float = 0.01, seed: int = 0, size: int = 96, stream: int = 0
) -> DrawnSet:
    """Draw a set of faces with the class proportions of SFEW.

    A random share of the faces has a wrong label, each of the other six emotions with the same probability. A picture
    depends only on `seed`, `stream`, its position in the set and its emotion.

    Args:
        count: the number of pictures, 7 to 1,000,000.
        wrong: the share of faces with a wrong label, 0 to 0.9.
        no_face: the share of pictures without a face, which have a random label, 0 to 0.5.
        seed: random seed, 0 to 2^63 - 1; the same seed gives the same set, byte for byte.
        size: the side of a picture in pixels, 32 to 512.
        stream: sets with the same seed and different streams have no common face.

    Raises:
        InputError: a value is out of its range.

    >>> drawn = draw_set(20, size=32)
    >>> drawn.images.shape, int((drawn.given != drawn.true).sum())
    ((20, 32, 32, 3), 2)
    """
    given, true = _choose_labels(count, wrong, no_face, seed, stream)
    check_size(size)
    images = np.empty((count, size, size, 3), np.uint8)
    for index, image in enumerate(_draw(true, seed, stream, size)):
        images[index] = image
    return DrawnSet(images, given, true)


def write_set(
    out: str | Path,
    count: int,
    wrong: float = 0.1,
    no_face: float = 0.01,
    seed: int = 0,
    size: int = 96,
    val: int = 0,
    test: int = 0,
    overwrite: bool = False,
) -> None:
    """Draw a set and write it as one folder per class with `truth.csv`; an error or Ctrl-C leaves no part of it.

    Without `val` and `test` the class folders are in `out`, otherwise in `out/train`, `out/val` and `out/test`. Validation
    and test pictures are all faces with right labels. `truth.csv` has the columns `image,label,true_label,is_face`;
    `true_label` is empty for a picture without a face.

    Args:
        out: the folder to write.
        count: the number of training pictures, 7 to 1,000,000.
        wrong: the share of training faces with a wrong label, 0 to 0.9.
        no_face: the share of training pictures without a face, 0 to 0.5.
        seed: random seed, 0 to 2^63 - 1; the same seed gives the same files, byte for byte.
        size: the side of a picture in pixels, 32 to 512.
        val: the number of validation faces, 0 or at least 7.
        test: the number of test faces, 0 or at least 7.
        overwrite: replace an earlier drawn set in `out` that holds no other files.

    Raises:
        InputError: a value is out of its range, or the folder exists and may not be replaced.
    """
    out = Path(out)
    check_size(size)
    sets = {"train": _choose_labels(count, wrong, no_face, seed, _STREAMS["train"])}
    for split, faces in (("val", val), ("test", test)):
        if faces:
            sets[split] = _choose_labels(faces, 0.0, 0.0, seed, _STREAMS[split])
    if overwrite:
        _check_truth(out / _TRUTH)
    with staged_folder(out, overwrite, content=(_TRUTH, *NAMES, *_STREAMS), marks=(_TRUTH,)) as folder:
        _write(folder, sets, seed, size)


def class_counts(count: int) -> NDArray[np.int64]:
    """Return the number of faces of each emotion, int64 (7,), in SFEW's proportions and at least one each.

    The numbers are rounded by the method of the largest remainder.

    Args:
        count: the number of all faces, at least 7.

    >>> class_counts(891).tolist() == list(SFEW["train"]), class_counts(7).tolist()
    (True, [1, 1, 1, 1, 1, 1, 1])
    """
    total = sum(SFEW["train"])
    shares = np.array(SFEW["train"], np.int64) * count  # times `total`: whole numbers make ties exact
    counts = np.maximum(shares // total, 1)
    while counts.sum() < count:
        counts[np.argmax(shares - counts * total)] += 1
    while counts.sum() > count:  # the minimum of one took more than the shares allow
        counts[np.argmax(np.where(counts > 1, counts * total - shares, -total))] -= 1
    return counts


def _choose_labels(count: int, wrong: float, no_face: float, seed: int, stream: int) -> Labels:
    """Choose the given and the true label of each picture of a set."""
    check_range("number of faces", count, len(NAMES), _MOST)
    check_range("share of wrong labels", wrong, 0, 0.9)
    check_range("share of pictures without a face", no_face, 0, 0.5)
    check_range("seed", seed, 0, 2**63 - 1)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))
    faces = max(count - round(no_face * count), len(NAMES))
    true = np.repeat(np.arange(len(NAMES)), class_counts(faces))
    true = rng.permutation(np.concatenate([true, np.full(count - faces, NO_FACE)]))
    given = true.copy()
    is_face = true != NO_FACE
    mistaken = rng.permutation(np.flatnonzero(is_face))[: round(wrong * faces)]
    given[mistaken] = (true[mistaken] + rng.integers(1, len(NAMES), len(mistaken))) % len(NAMES)
    given[~is_face] = rng.integers(0, len(NAMES), count - faces)
    return given, true


def _draw(true: NDArray[np.int64], seed: int, stream: int, size: int) -> Iterator[NDArray[np.uint8]]:
    for index, emotion in enumerate(true.tolist()):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, index)))
        yield draw_scenery(rng, size) if emotion == NO_FACE else draw_face(emotion, rng, size)


def _write(folder: Path, sets: dict[str, Labels], seed: int, size: int) -> None:
    """Write a set of pictures for each split, in a folder of its name, or in `folder` itself if there is one set only."""
    with (folder / _TRUTH).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for split, (given, true) in sets.items():
            images = track(_draw(true, seed, _STREAMS[split], size), f"drawing {split} pictures", len(true))
            rows = zip(given.tolist(), true.tolist(), images, strict=True)
            for number, (label, emotion, image) in enumerate(rows, start=1):
                path = Path(split if len(sets) > 1 else "", NAMES[label], f"{number:05d}.png")
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                _, code = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                (folder / path).write_bytes(code.tobytes())
                is_face = emotion != NO_FACE
                table.writerow((path.as_posix(), NAMES[label], NAMES[emotion] if is_face else "", int(is_face)))


def _check_truth(file: Path) -> None:
    """Raise if `truth.csv` is not of a drawn set, so that no photographs in class folders are replaced."""
    if file.is_file():
        with file.open("rb") as stream:
            if stream.readline(100).strip() != ",".join(COLUMNS).encode():
                raise InputError(
                    f"{file} is not of a drawn set, and --overwrite replaces only those; choose another folder"
                )
