"""Decoding every picture of a source once: which are readable or blank, their digests, and their faces."""

from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from bimodal.data.face_crops import align_face, cut_face, wrong_box
from bimodal.data.inspection_log import Found, InspectionLog
from bimodal.data.manifest import BLANK
from bimodal.data.near_duplicates import SIDE, Thumbnails, thumbnail
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.boxes import BAD_BOX
from bimodal.data.sources.entry import Entry, Problem
from bimodal.errors import InputError
from bimodal.vision.faces import Detector, centre_square, detector_file
from bimodal.vision.pictures import THREADS, UnreadableError, decode_reduced, each_in_threads, pixel_digest, write_png


@dataclass(frozen=True, slots=True)
class Example:
    """An entry of a source with its class and the results of the inspection.

    Attributes:
        entry: the entry of the source.
        code: of the emotion, 0 to 6.
        digest: of the source's pixels, or of those in the entry's box; None for a single colour.
        stored_digest: of the pixels that the data folder will have; another one only if the face was aligned.
        flag: `blank`, `no-face`, `several-faces` or `""`.
        crop: the temporary file with the face that was aligned, or cut out by its box, if there is one.
        thumbnail: the row of the thumbnail of the pixels that `digest` is of, in the array of `inspect`.
    """

    entry: Entry
    code: int
    digest: bytes | None = None
    stored_digest: bytes | None = None
    flag: str = ""
    crop: Path | None = None
    thumbnail: int = -1


def inspect(
    examples: list[Example], log: InspectionLog, options: PrepareOptions
) -> tuple[list[Example], list[Problem], Thumbnails]:
    """Decode every picture; cut out its face if the entry has a box, and align it if asked for.

    What the log knows is not inspected again. Cut faces are in its folder. Returns the examples that can be used, a problem
    for each other one, and the thumbnails of the former, float16 (N, 256).

    Raises:
        InputError: `options.link` is set, and an entry has a box.
    """
    if options.link and any(example.entry.box for example in examples):
        raise InputError(
            "--link keeps the pictures as they are, and the source has boxes of faces to cut out; leave it out"
        )
    detectors: SimpleQueue[Detector] = SimpleQueue()  # threads cannot share a detector
    if options.align:
        model = detector_file(options.detector)
        for _ in range(THREADS):
            detectors.put(Detector(model))

    def look(entry: Entry, crop: Path) -> Found:
        try:
            content = entry.content
            if isinstance(content, np.ndarray):
                pixels, reduction = np.repeat(content[..., None], 3, axis=2), 1
            else:
                pixels, reduction = decode_reduced(content)
        except UnreadableError as error:
            return Found(problem="unreadable", detail=str(error))
        face = pixels
        box = entry.box
        if box is not None:
            if wrong := wrong_box(box, pixels.shape[1] * reduction, pixels.shape[0] * reduction):
                return Found(problem=BAD_BOX, detail=wrong)
            box = (box[0] / reduction, box[1] / reduction, box[2] / reduction, box[3] / reduction)
            face = cut_face(pixels, box, options.box_margin)
        digest = pixel_digest(face)
        flag = BLANK if digest is None else ""
        found = Found(digest, digest, flag, thumbnail=thumbnail(face).astype(np.float16))
        if options.align and not flag:
            detector = detectors.get()
            try:
                face, flag = align_face(pixels, box, detector, options.size, options.box_margin)
            finally:
                detectors.put(detector)
            found = replace(found, flag=flag, stored_digest=pixel_digest(face))
        elif options.align:
            face = centre_square(face, options.size)
        if options.align or box is not None:
            write_png(crop, face)
            found = replace(found, crop=True)
        return found

    def inspect_one(example: Example) -> tuple[Example, Thumbnails | None] | Problem:
        entry = example.entry
        key = b""
        if not isinstance(entry.content, np.ndarray) or options.align:
            key = log.key(entry)
            found = log.recall(key)
            if found is None:
                found = look(entry, log.crop(key))
                log.keep(key, found)
        else:  # pixels of a table take no longer to inspect than to find in the log
            found = look(entry, log.crop(key))
        if found.problem:
            return Problem(entry.name, entry.split, found.problem, found.detail, "left out")
        crop = log.crop(key) if found.crop else None
        stored = found.digest if found.stored_digest == found.digest else found.stored_digest  # one object, not two
        return Example(entry, example.code, found.digest, stored, found.flag, crop), found.thumbnail

    problems: list[Problem] = []
    usable: list[Example] = []
    thumbnails = np.zeros((len(examples), SIDE * SIDE), np.float16)
    for result in each_in_threads(inspect_one, examples, "inspecting pictures"):
        if isinstance(result, Problem):
            problems.append(result)
        else:
            thumbnails[len(usable)] = result[1]
            usable.append(replace(result[0], thumbnail=len(usable)))
    return usable, problems, thumbnails[: len(usable)]


def columns(examples: list[Example]) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Return the names, the splits and the codes of examples, one of each by example."""
    names = [example.entry.name for example in examples]
    splits = [example.entry.split for example in examples]
    return names, splits, np.array([example.code for example in examples], dtype=np.int64)
