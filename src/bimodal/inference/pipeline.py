"""From shots to emotions: threads decode and find faces, the network is asked for whole batches, the order stays."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame
from bimodal.inference.network import Network
from bimodal.vision.faces import Detector, Face, Finder, align
from bimodal.vision.pictures import THREADS, UnreadableError, decode, resize

NO_FACE = "no face found"
ENOUGH = 1280
"""Pixels a side that a JPEG is decoded to: twice what the detector looks at, so that a small face has enough left."""
_AHEAD = 3  # shots that wait, for each thread; of one thread none: who looks through a camera wants to see now


@dataclass(frozen=True, eq=False)
class FaceResult:
    """A face and what it shows.

    Attributes:
        box: left, top, width, height in pixels of the picture; None: all of it.
        score: of the detector, 0 to 1; None where none was asked.
        probabilities: of each emotion, (K,).
    """

    box: tuple[float, float, float, float] | None
    score: float | None
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageResult:
    """A shot, looked at.

    Attributes:
        shot: which.
        faces: the largest first; none where `problem` says why.
        problem: why there is no face: none found, or nothing that can be read.
        readable: whether there was a picture.
        pixels: that were looked at, uint8 (H,W,3), where they were to be kept.
        scale: pixels of the picture for one of these.
    """

    shot: Frame
    faces: tuple[FaceResult, ...]
    problem: str
    readable: bool
    pixels: NDArray[np.uint8] | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class InferenceConfig:
    """How to look.

    Attributes:
        detector: the file of the face detector; None: the pictures are faces, cut out already.
        largest: only the largest face of each picture.
        flip: ask of the mirrored faces, too.
        batch_size: faces that the network is asked for at once.
        keep_pixels: hand the pictures on, to be drawn into.
        threads: that decode and find faces; None: one a core, at most 4.
        finder: makes what finds faces, one for each thread; None: `Detector` of that file.

    Raises:
        InputError: a number is out of range.
    """

    detector: Path | None = None
    largest: bool = False
    flip: bool = False
    batch_size: int = 64
    keep_pixels: bool = False
    threads: int | None = None
    finder: Callable[[], Finder] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= 4096:
            raise InputError(f"--batch-size must be from 1 to 4096, got {self.batch_size}")

    @property
    def finders(self) -> Callable[[], Finder] | None:
        """What makes a finder of faces, if faces are to be found."""
        file = self.detector
        return self.finder or (None if file is None else lambda: Detector(file, glance=True))


@dataclass(frozen=True, eq=False)
class _Cut:
    """A shot whose faces are cut out."""

    shot: Frame
    faces: tuple[Face | None, ...]
    crops: NDArray[np.uint8]  # (n,S,S,3)
    scale: float  # from pixels that were looked at to those of the picture
    problem: str
    pixels: NDArray[np.uint8] | None


def look_at(shots: Iterable[Frame], network: Network, look: InferenceConfig) -> Iterator[ImageResult]:
    """Yield what each shot shows, in their order; memory does not grow with their number.

    Args:
        shots: what to look at; asked for a few ahead.
        network: from `load`.
        look: how.

    Raises:
        InputError: the detector cannot be used.
    """
    threads = look.threads or min(THREADS, len(os.sched_getaffinity(0)))
    cut = _cutter(network, look, threads)
    ahead = _AHEAD * threads if threads > 1 else 1
    waiting: list[_Cut] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="look") as pool:
        futures: deque[Future[_Cut]] = deque()
        stream = iter(shots)
        try:
            while True:
                futures.extend(pool.submit(cut, shot) for shot in islice(stream, ahead - len(futures)))
                if not futures:
                    break
                waiting.append(futures.popleft().result())
                if len(waiting) >= look.batch_size or sum(len(c.crops) for c in waiting) >= look.batch_size:
                    yield from _ask(waiting, network, look)
                    waiting = []
            yield from _ask(waiting, network, look)
        finally:
            for future in futures:
                future.cancel()


def _cutter(network: Network, look: InferenceConfig, threads: int) -> Callable[[Frame], _Cut]:
    """Return what decodes a shot and cuts its faces out, in any thread."""
    finders: SimpleQueue[Finder] | None = None  # none may work for two threads at once
    if look.finders is not None:
        finders = SimpleQueue()
        for _ in range(threads):
            finders.put(look.finders())
    size, template = network.info.image_size, network.template
    nothing = np.zeros((0, size, size, 3), dtype=np.uint8)

    def cut(shot: Frame) -> _Cut:
        if shot.source is None:
            return _Cut(shot, (), nothing, 1, shot.problem, None)
        scale = 1.0
        if isinstance(shot.source, Path):
            try:
                pixels, scale = _decoded(shot.source, finders is not None)
            except UnreadableError as error:
                return _Cut(shot, (), nothing, 1, f"unreadable: {error}", None)
        else:
            pixels = shot.source
        kept = pixels if look.keep_pixels else None
        shot = replace(shot, source=None)  # or a frame would wait with its batch
        if finders is None:
            return _Cut(shot, (None,), resize(pixels, size)[None], scale, "", kept)
        finder = finders.get()
        try:
            found = finder.detect(pixels)
        finally:
            finders.put(finder)
        if look.largest:
            found = found[:1]
        if not found:
            return _Cut(shot, (), nothing, scale, NO_FACE, kept)
        crops = np.stack([align(pixels, face.landmarks, size, template) for face in found])
        return _Cut(shot, tuple(found), crops, scale, "", kept)

    return cut


def _decoded(file: Path, may_shrink: bool) -> tuple[NDArray[np.uint8], float]:
    """Decode a picture, and say how many of its pixels a side one of these stands for."""
    pixels = decode(file, ENOUGH if may_shrink else 0)
    longest = max(pixels.shape[:2])
    if not may_shrink or longest < ENOUGH:
        return pixels, 1.0
    return pixels, max(1.0, float(round(_longest_side(file) / longest)))


def _longest_side(file: Path) -> int:
    try:
        with Image.open(file) as image:  # its header alone; `decode` has just judged it
            return max(image.size)
    except (OSError, ValueError) as error:
        raise UnreadableError("it changed while it was read") from error


def _ask(waiting: Sequence[_Cut], network: Network, look: InferenceConfig) -> Iterator[ImageResult]:
    crops = [cut.crops for cut in waiting if len(cut.crops)]
    together = np.concatenate(crops) if crops else np.zeros((0, 1, 1, 3), dtype=np.uint8)
    parts = [
        network.probabilities(together[start : start + look.batch_size], look.flip)
        for start in range(0, len(together), look.batch_size)
    ]
    probabilities = np.concatenate(parts) if parts else np.zeros((0, len(network.info.emotions)))
    start = 0
    for cut in waiting:
        own = probabilities[start : start + len(cut.crops)]
        start += len(cut.crops)
        faces = tuple(
            FaceResult(_box(cut, face), None if face is None else face.score, row)
            for face, row in zip(cut.faces, own, strict=True)
        )
        readable = not cut.problem or cut.problem == NO_FACE
        yield ImageResult(cut.shot, faces, cut.problem, readable, cut.pixels, cut.scale)


def _box(cut: _Cut, face: Face | None) -> tuple[float, float, float, float] | None:
    if face is None:
        return None
    left, top, width, height = (float(value) * cut.scale for value in face.box)
    return left, top, width, height
