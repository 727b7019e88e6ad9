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
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.results import NO_FACE, FaceResult, ImageResult
from bimodal.inference.tracking import REGION, REGION_SCORE, find_in_frames
from bimodal.memory import check_memory
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
    crop = _cropper(network, config)
    queued = 1 if threads == 1 else 1 + threads if config.track else _QUEUED * threads
    batch: list[_CroppedFrame] = []
    check_memory()
    with ThreadPoolExecutor(threads, thread_name_prefix="crop") as pool:
        futures: deque[Future[list[_CroppedFrame]]] = deque()
        stream = _groups(frames, config.track_every if config.track else 1)
        try:
            while True:
                futures.extend(pool.submit(crop, group) for group in islice(stream, queued - len(futures)))
                if not futures:
                    break
                batch.extend(futures.popleft().result())
                if len(batch) >= config.batch_size or sum(len(c.crops) for c in batch) >= config.batch_size:
                    yield from _classify(batch, network, config)
                    batch = []
            yield from _classify(batch, network, config)
        finally:
            for future in futures:
                future.cancel()


def _groups(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Yield up to `size` consecutive frames of one video together, and each image alone."""
    group: list[Frame] = []
    for frame in frames:
        if group and (len(group) == size or frame.number is None or frame.file != group[0].file):
            yield group
            group = []
        group.append(frame)
    if group:
        yield group


def _cropper(network: Network, config: InferenceConfig) -> Callable[[Sequence[Frame]], list[_CroppedFrame]]:
    """Return a function, for any thread, that decodes an image or some frames of a video and crops the faces."""
    borrowed = _detectors(config) if config.detect else None
    least = max(JPEG_SIDE, config.detect_side or 0) if config.detect else 0
    size, template = network.info.image_size, network.template

    def crop(group: Sequence[Frame]) -> list[_CroppedFrame]:
        opened = [_open(frame, least) for frame in group]
        pictures = [one.pixels for one in opened if one.pixels is not None]
        found: Iterator[Sequence[Face | None]] = iter([[None]] * len(pictures))
        if borrowed is not None and pictures:
            found = iter(search(pictures, group[0].number is None))
        return [
            _CroppedFrame(one, (), none) if one.pixels is None else cut(one, one.pixels, next(found)) for one in opened
        ]

    def search(pictures: list[NDArray[np.uint8]], is_image: bool) -> list[list[Face]]:
        assert borrowed is not None
        with borrowed("image" if is_image else "frame") as detector:
            if len(pictures) == 1:
                return [detector.detect(pictures[0])]
            with borrowed("region") as near:
                return find_in_frames(pictures, detector.detect, near.detect)

    def cut(result: ImageResult, pixels: NDArray[np.uint8], found: Sequence[Face | None]) -> _CroppedFrame:
        if not config.keep_pixels:  # a waiting batch would keep them in memory
            result = replace(result, pixels=None)
        if borrowed is None:
            return _CroppedFrame(result, (None,), resize(pixels, size)[None])
        faces = [face for face in found if face is not None][: 1 if config.largest else None]
        if not faces:
            return _CroppedFrame(replace(result, problem=NO_FACE), (), none)
        crops = np.stack([align(pixels, face.landmarks, size, template) for face in faces])
        tiny = sum(face.scale < result.scale and face.box[2] * face.scale < TINY_FACE for face in faces)
        return _CroppedFrame(replace(result, tiny=tiny), tuple(faces), crops)

    none = np.zeros((0, size, size, 3), dtype=np.uint8)
    return crop


def _open(frame: Frame, least: int) -> ImageResult:
    """Return a result with the pixels of a frame, or with the reason why there are none."""
    if frame.source is None:
        return ImageResult(frame, problem=frame.problem)
    pixels, scale = frame.source, 1
    if isinstance(pixels, Path):
        try:
            pixels, scale = decode_reduced(pixels, least)
        except UnreadableError as error:
            return ImageResult(frame, problem=f"unreadable: {error}")
    return ImageResult(replace(frame, source=None), pixels=pixels, scale=scale)


def _detectors(config: InferenceConfig) -> Callable[[str], AbstractContextManager[Finder]]:
    """Return a function that lends a detector for an `image`, a `frame` or a `region` of one, since threads must not share one.

    Without `detect_side`, images are searched again for small faces where that may help. Frames are not, because a video has
    thousands of them.
    """
    file = detector_file(config.detector) if config.make_detector is None else Path()
    yunet, side = partial(Detector, file), config.detect_side
    make: dict[str, Callable[[], Finder]] = {
        "image": config.make_detector or partial(yunet, coarse=True, side=side),
        "frame": config.make_detector or partial(yunet, coarse=True, side=side or MAX_SIDE),
        "region": config.make_detector or partial(yunet, threshold=REGION_SCORE, least=REGION),
    }
    idle: dict[str, SimpleQueue[Finder]] = {kind: SimpleQueue() for kind in make}

    @contextmanager
    def borrowed(kind: str) -> Iterator[Finder]:
        try:
            detector = idle[kind].get_nowait()
        except Empty:  # loading one takes time, and most calls need one kind
            detector = make[kind]()
        try:
            yield detector
        finally:
            idle[kind].put(detector)

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
