"""Inference: threads decode the frames and crop the faces, the network classifies whole batches, the order is kept."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.results import NO_FACE, FaceResult, ImageResult
from bimodal.model_files.network import Network
from bimodal.progress import warn
from bimodal.vision.face import Face, Finder
from bimodal.vision.faces import MAX_SIDE, Detector, align, detector_file
from bimodal.vision.pictures import THREADS, UnreadableError, decode_reduced, resize

JPEG_SIDE = 1280
"""A JPEG is decoded to at least this side, in pixels: twice the detector's, so that small faces stay sharp."""
TINY_FACE = 24
"""A face of fewer pixels, as the detector sees it, is tiny: smaller ones are seldom found."""
_QUEUED = 3  # frames for each thread; with one thread none: a camera's frames are shown without delay


@dataclass(frozen=True, eq=False)
class _CroppedFrame:
    """A result without predictions, its faces (None: the whole image is the face), and their crops, (n,S,S,3)."""

    result: ImageResult
    faces: tuple[Face | None, ...]
    crops: NDArray[np.uint8]


def run_inference(frames: Iterable[Frame], network: Network, config: InferenceConfig) -> Iterator[ImageResult]:
    """Yield the result of each frame, in their order, in memory that does not grow with their number.

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
    borrowed = _detectors(config, threads) if config.detect else None
    least = max(JPEG_SIDE, config.detect_side or 0) if config.detect else 0
    size, template = network.info.image_size, network.template
    no_crops = np.zeros((0, size, size, 3), dtype=np.uint8)

    def crop(frame: Frame) -> _CroppedFrame:
        if frame.source is None:
            return _CroppedFrame(ImageResult(frame, problem=frame.problem), (), no_crops)
        pixels, scale = frame.source, 1
        if isinstance(pixels, Path):
            try:
                pixels, scale = decode_reduced(pixels, least)
            except UnreadableError as error:
                return _CroppedFrame(ImageResult(frame, problem=f"unreadable: {error}"), (), no_crops)
        frame = replace(frame, source=None)  # a waiting batch would keep the pixels in memory
        result = ImageResult(frame, pixels=pixels if config.keep_pixels else None, scale=scale)
        if borrowed is None:
            return _CroppedFrame(result, (None,), resize(pixels, size)[None])
        with borrowed(frame.number is None) as detector:
            faces = detector.detect(pixels)[: 1 if config.largest else None]
        if not faces:
            return _CroppedFrame(replace(result, problem=NO_FACE), (), no_crops)
        crops = np.stack([align(pixels, face.landmarks, size, template) for face in faces])
        tiny = sum(face.scale < scale and face.box[2] * face.scale < TINY_FACE for face in faces)
        return _CroppedFrame(replace(result, tiny=tiny), tuple(faces), crops)

    return crop


def _detectors(config: InferenceConfig, threads: int) -> Callable[[bool], AbstractContextManager[Finder]]:
    """Return a function that lends a detector for an image (True) or a frame, since threads must not share one.

    Without `detect_side`, images are searched again for small faces where that may help. Frames are not, because a video has
    thousands of them.
    """
    idle: dict[bool, SimpleQueue[Finder]] = {True: SimpleQueue(), False: SimpleQueue()}
    for is_image, queue in idle.items():
        side = config.detect_side if is_image else config.detect_side or MAX_SIDE
        make = config.make_detector or partial(Detector, detector_file(config.detector), coarse=True, side=side)
        for _ in range(threads):
            queue.put(make())

    @contextmanager
    def borrowed(is_image: bool) -> Iterator[Finder]:
        detector = idle[is_image].get()
        try:
            yield detector
        finally:
            idle[is_image].put(detector)

    return borrowed


def _classify(batch: Sequence[_CroppedFrame], network: Network, config: InferenceConfig) -> Iterator[ImageResult]:
    crops = [cropped.crops for cropped in batch if len(cropped.crops)]
    faces = np.concatenate(crops) if crops else np.zeros((0, 1, 1, 3), dtype=np.uint8)
    starts = range(0, len(faces), config.batch_size)
    parts = [network.probabilities(faces[start : start + config.batch_size], config.flip) for start in starts]
    rows = iter(np.concatenate(parts) if parts else ())
    for one in batch:
        results = [_face_result(face, next(rows), one.result.scale) for face in one.faces]
        yield replace(one.result, faces=tuple(results))


def _face_result(face: Face | None, probabilities: NDArray[np.float64], scale: float) -> FaceResult:
    if face is None:
        return FaceResult(None, None, probabilities)
    left, top, width, height = (float(value) * scale for value in face.box)
    return FaceResult((left, top, width, height), face.score, probabilities)
