"""One look at every picture: whether it can be read, whether it is blank, where the face is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from PIL import Image

from bimodal.data.options import PrepareOptions
from bimodal.data.sources import Entry, Problem
from bimodal.progress import track
from bimodal.vision.faces import Detector, align, centre_square, detector_file
from bimodal.vision.pictures import THREADS, UnreadableError, decode, is_blank, pixel_hash, quiet_about_size


@dataclass(frozen=True)
class Example:
    """An entry with what its label means and what a look at its pixels told."""

    entry: Entry
    code: int
    digest: bytes | None = None  # None: blank, and so like no other
    flag: str = ""
    aligned: Path | None = None


def look_at(examples: list[Example], folder: Path, options: PrepareOptions, problems: list[Problem]) -> list[Example]:
    """Decode every picture once: what can be read, what is blank, where the face is."""
    detectors: SimpleQueue[Detector] = SimpleQueue()  # one may not work for two threads at once
    if options.align:
        model = detector_file(options.detector)
        for _ in range(THREADS):
            detectors.put(Detector(model))
        (folder / "aligned").mkdir()

    def look(numbered: tuple[int, Example]) -> Example | str:
        row, example = numbered
        try:
            content = example.entry.content
            pixels = decode(content) if isinstance(content, Path) else np.repeat(content[..., None], 3, axis=2)
        except UnreadableError as error:
            return str(error)
        blank = is_blank(pixels)
        example = replace(example, digest=None if blank else pixel_hash(pixels), flag="blank" if blank else "")
        if not options.align:
            return example
        detector = detectors.get()
        faces = [] if blank else detector.detect(pixels)
        detectors.put(detector)
        if faces:
            face = align(pixels, faces[0].landmarks, options.size)
        else:
            face = centre_square(pixels, options.size)
            example = replace(example, flag=example.flag or "no-face")
        path = folder / "aligned" / f"{row}.png"
        Image.fromarray(face).save(path)
        return replace(example, aligned=path)

    with quiet_about_size():
        looked = in_threads(look, list(enumerate(examples)), "inspecting pictures")
    kept = []
    for example, result in zip(examples, looked, strict=True):
        if isinstance(result, str):
            entry = example.entry
            problems.append(Problem(entry.name, entry.split, "unreadable", result, "left out"))
        else:
            kept.append(result)
    return kept


def in_threads(function: Callable[[Any], Any], items: list[Any], what: str) -> list[Any]:
    """Map in a pool of threads (decoding releases the interpreter's lock); Ctrl-C does not wait for the rest."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        return list(track(pool.map(function, items), what, len(items)))
    finally:
        pool.shutdown(cancel_futures=True)
