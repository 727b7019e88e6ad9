"""Inference: threads decode the frames and crop the faces, the network classifies whole batches, the order is kept."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame
from bimodal.inference.results import NO_FACE, FaceResult, ImageResult
from bimodal.model_files.network import Network
from bimodal.progress import warn
from bimodal.settings import check_range
from bimodal.vision.faces import Detector, Face, Finder, align, detector_file
from bimodal.vision.pictures import THREADS, UnreadableError, decode, resize

JPEG_SIDE = 1280
"""A JPEG is decoded to at least this side, in pixels: twice the detector's, so that small faces stay sharp."""
_QUEUED = 3  # frames for each thread; with one thread none: a camera's frames are shown without delay


@dataclass(frozen=True)
class InferenceConfig:
    """Settings of inference.

    Attributes:
        detect: find and align the faces; False: each image is one cropped face.
        detector: the ONNX file of YuNet, the face detector; None: downloaded once.
        largest: keep only the largest face of each image.
        flip: also classify the mirrored faces and average the probabilities.
        batch_size: number of faces that the network classifies at once, 1 to 4096.
        keep_pixels: return the decoded pixels with each result.
        threads: number of threads that decode and detect; None: the number of cores, at most 4.
        make_detector: returns a face detector, called once for each thread; None: YuNet.

    Raises:
        InputError: a number is out of its range, or `detector` is given without `detect`.
    """

    detect: bool = True
    detector: Path | None = None
    largest: bool = False
    flip: bool = False
    batch_size: int = 64
    keep_pixels: bool = False
    threads: int | None = None
    make_detector: Callable[[], Finder] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_range("batch_size", self.batch_size, 1, 4096, whole=True)
        if self.detector is not None and not self.detect:
            raise InputError("--detector and --no-detect exclude each other; give one of them")


@dataclass(frozen=True, eq=False)
class _CroppedFrame:
    """A frame with its faces cropped; the attributes are those of `ImageResult`."""

    frame: Frame
    faces: tuple[Face | None, ...]  # None: the whole image is the face
    crops: NDArray[np.uint8]  # (n,S,S,3)
    scale: float = 1.0
    problem: str = ""
    pixels: NDArray[np.uint8] | None = None


def run_inference(frames: Iterable[Frame], network: Network, config: InferenceConfig) -> Iterator[ImageResult]:
    """Yield the result of each frame, in their order, in memory that does not grow with their number.

    Args:
        frames: images, frames of videos or of a camera; read a few ahead.
        network: from `bimodal.load`.
        config: the settings.

    Raises:
        InputError: the face detector cannot be downloaded or loaded.
    """
    if config.detect and not network.info.aligned:
        warn(
            f"{network.info.name} was trained on images without face alignment: its predictions on detected faces may be "
            "wrong; train on data prepared with --align, or give cropped faces and --no-detect"
        )
    threads = config.threads or min(THREADS, len(os.sched_getaffinity(0)))
    crop = _cropper(network, config, threads)
    queued = _QUEUED * threads if threads > 1 else 1
    batch: list[_CroppedFrame] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="crop") as pool:
        futures: deque[Future[_CroppedFrame]] = deque()
        stream = iter(frames)
        try:
            while True:
                futures.extend(pool.submit(crop, frame) for frame in islice(stream, queued - len(futures)))
                if not futures:
                    break
                batch.append(futures.popleft().result())
                if len(batch) >= config.batch_size or sum(len(c.crops) for c in batch) >= config.batch_size:
                    yield from _classify(batch, network, config)
                    batch = []
            yield from _classify(batch, network, config)
        finally:
            for future in futures:
                future.cancel()


def _cropper(network: Network, config: InferenceConfig, threads: int) -> Callable[[Frame], _CroppedFrame]:
    """Return a function, for any thread, that decodes a frame and crops its faces."""
    detectors: SimpleQueue[Finder] | None = None  # a detector must not be used by two threads at once
    if config.detect:
        make = config.make_detector
        if make is None:
            make = partial(Detector, detector_file(config.detector), coarse=True)
        detectors = SimpleQueue()
        for _ in range(threads):
            detectors.put(make())
    size, template = network.info.image_size, network.template
    no_crops = np.zeros((0, size, size, 3), dtype=np.uint8)

    def crop(frame: Frame) -> _CroppedFrame:
        if frame.source is None:
            return _CroppedFrame(frame, (), no_crops, problem=frame.problem)
        scale = 1.0
        if isinstance(frame.source, Path):
            try:
                pixels, scale = _decode(frame.source, may_shrink=config.detect)
            except UnreadableError as error:
                return _CroppedFrame(frame, (), no_crops, problem=f"unreadable: {error}")
        else:
            pixels = frame.source
        kept = pixels if config.keep_pixels else None
        frame = replace(frame, source=None)  # a waiting batch would keep the pixels in memory
        if detectors is None:
            return _CroppedFrame(frame, (None,), resize(pixels, size)[None], scale, pixels=kept)
        detector = detectors.get()
        try:
            faces = detector.detect(pixels)[: 1 if config.largest else None]
        finally:
            detectors.put(detector)
        if not faces:
            return _CroppedFrame(frame, (), no_crops, scale, NO_FACE, kept)
        crops = np.stack([align(pixels, face.landmarks, size, template) for face in faces])
        return _CroppedFrame(frame, tuple(faces), crops, scale, pixels=kept)

    return crop


def _decode(file: Path, may_shrink: bool) -> tuple[NDArray[np.uint8], float]:
    """Return the pixels of an image, and how many pixels of the file one of them stands for, along a side."""
    pixels = decode(file, JPEG_SIDE if may_shrink else 0)
    longest = max(pixels.shape[:2])
    if not may_shrink or longest < JPEG_SIDE:
        return pixels, 1.0
    try:
        with Image.open(file) as image:  # reads the header only, which `decode` has checked
            return pixels, max(1.0, float(round(max(image.size) / longest)))
    except (OSError, ValueError) as error:
        raise UnreadableError("the file changed while it was read") from error


def _classify(batch: Sequence[_CroppedFrame], network: Network, config: InferenceConfig) -> Iterator[ImageResult]:
    crops = [cropped.crops for cropped in batch if len(cropped.crops)]
    faces = np.concatenate(crops) if crops else np.zeros((0, 1, 1, 3), dtype=np.uint8)
    parts = [
        network.probabilities(faces[start : start + config.batch_size], config.flip)
        for start in range(0, len(faces), config.batch_size)
    ]
    probabilities = np.concatenate(parts) if parts else np.zeros((0, len(network.info.emotions)))
    start = 0
    for one in batch:
        rows = probabilities[start : start + len(one.crops)]
        start += len(one.crops)
        results = tuple(_face_result(face, row, one.scale) for face, row in zip(one.faces, rows, strict=True))
        yield ImageResult(one.frame, results, one.problem, one.pixels, one.scale)


def _face_result(face: Face | None, probabilities: NDArray[np.float64], scale: float) -> FaceResult:
    if face is None:
        return FaceResult(None, None, probabilities)
    left, top, width, height = (float(value) * scale for value in face.box)
    return FaceResult((left, top, width, height), face.score, probabilities)
