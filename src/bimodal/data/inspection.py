"""Decoding every picture of a source once: which are readable, blank or copies, and where the faces are."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bimodal.data.manifest import BLANK
from bimodal.data.near_duplicates import Thumbnails, thumbnail
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry, Problem
from bimodal.vision.faces import Detector, align, centre_square, detector_file
from bimodal.vision.pictures import THREADS, UnreadableError, decode, map_in_threads, pixel_digest

NO_FACE = "no-face"
"""The flag of a picture in which the detector found no face."""


@dataclass(frozen=True)
class Example:
    """An entry of a source with its class and the results of the inspection.

    Attributes:
        entry: the entry of the source.
        code: of the emotion, 0 to 6.
        digest: of the source's pixels; None for a picture of a single colour.
        stored_digest: of the pixels that the data folder will have; another one only if the face was aligned.
        flag: `blank`, `no-face` or `""`.
        aligned: the temporary file with the aligned face, if there is one.
        thumbnail: of the source's pixels, float32 (256,); None before the inspection.
    """

    entry: Entry
    code: int
    digest: bytes | None = None
    stored_digest: bytes | None = None
    flag: str = ""
    aligned: Path | None = None
    thumbnail: Thumbnails | None = field(default=None, compare=False, repr=False)


def inspect(examples: list[Example], folder: Path, options: PrepareOptions) -> tuple[list[Example], list[Problem]]:
    """Decode every picture and, if asked for, align its face in the subfolder `aligned` of the new data folder.

    Returns the readable examples, and a problem for each unreadable one.
    """
    detectors: SimpleQueue[Detector] = SimpleQueue()  # threads cannot share a detector
    if options.align:
        model = detector_file(options.detector)
        for _ in range(THREADS):
            detectors.put(Detector(model))
        (folder / "aligned").mkdir()

    def inspect_one(numbered: tuple[int, Example]) -> Example | str:
        row, example = numbered
        try:
            content = example.entry.content
            pixels = decode(content) if isinstance(content, Path) else np.repeat(content[..., None], 3, axis=2)
        except UnreadableError as error:
            return str(error)
        digest = pixel_digest(pixels)
        blank = digest is None
        example = replace(
            example, digest=digest, stored_digest=digest, flag=BLANK if blank else "", thumbnail=thumbnail(pixels)
        )
        if not options.align:
            return example
        detector = detectors.get()
        faces = [] if blank else detector.detect(pixels)
        detectors.put(detector)
        if faces:
            face = align(pixels, faces[0].landmarks, options.size)
        else:
            face = centre_square(pixels, options.size)
            example = replace(example, flag=example.flag or NO_FACE)
        path = folder / "aligned" / f"{row}.png"
        Image.fromarray(face).save(path)
        return replace(example, aligned=path, stored_digest=pixel_digest(face))

    results = map_in_threads(inspect_one, list(enumerate(examples)), "inspecting pictures")
    problems = [
        Problem(example.entry.name, example.entry.split, "unreadable", result, "left out")
        for example, result in zip(examples, results, strict=True)
        if isinstance(result, str)
    ]
    return [result for result in results if isinstance(result, Example)], problems


def columns(examples: list[Example]) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Return the names, the splits and the codes of examples, one of each by example."""
    names = [example.entry.name for example in examples]
    splits = [example.entry.split for example in examples]
    return names, splits, np.array([example.code for example in examples], dtype=np.int64)
