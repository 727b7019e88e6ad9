"""Frames of a video or a camera, one after the other, and a video out of annotated frames."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a broken stream is told once, by us
os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame, shown
from bimodal.vision.pictures import MAX_PIXELS

_MISSING_SHARE = 0.02
"""Of the frames that a container states may be missing: it often states a few too many."""
_MOST_FPS, _SLOWEST = 1000, 0.1
_LISTS = (b"ffconcat", b"#EXTM3U", b"[playlist]")
"""How files begin that name other files, which FFmpeg would open in their place."""


def video_shots(file: Path, every: int = 1) -> Iterator[Frame]:
    """Yield every `every`-th frame of a video with its time; a last shot says what is wrong, if something is.

    Args:
        file: the video.
        every: 1: all frames.
    """
    name = shown(file)
    problem = _unfit(file)
    if problem:
        yield Frame(name, None, problem=problem)
        return
    with _opened(file) as capture:
        width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            yield Frame(
                name, None, problem=f"too large: {width} x {height}, at most {MAX_PIXELS // 10**6} megapixels are read"
            )
            return
        stated = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        number = -1
        for number, seconds in _grabbed(capture):
            if number % every:
                continue
            done, frame = capture.retrieve()
            if not done or frame is None:
                yield Frame(name, None, number, seconds, "this frame is damaged")
                continue
            yield Frame(name, _to_rgb(frame), number, seconds)
        count = number + 1
        if not count:
            yield Frame(name, None, problem="no video that can be read, or one without frames")
        elif count < (1 - _MISSING_SHARE) * stated - 1:
            yield Frame(name, None, count, None, f"the stream breaks off after {count:,} of {stated:,} frames")


def camera_shots(number: int) -> Iterator[Frame]:
    """Yield frames of a camera until somebody stops asking, or it gives no more; times count from the first.

    Raises:
        InputError: there is no such camera, or it gives nothing.
    """
    with _opened(number) as capture:
        if not capture.isOpened():
            raise InputError(f"no camera {number}, or another program has it; cameras count from 0")
        start = None
        frame_number = 0
        while True:
            done, frame = capture.read()
            if not done:
                if start is None:
                    raise InputError(f"camera {number} gives no pictures")
                return
            start = time.monotonic() if start is None else start
            yield Frame(f"camera {number}", _to_rgb(frame), frame_number, time.monotonic() - start)
            frame_number += 1


def frame_count(file: Path) -> int:
    """Return how many frames a video states that it has, or 0 where it does not say."""
    if _unfit(file):
        return 0
    with _opened(file) as capture:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def frames_a_second(file: Path) -> float:
    """Return the frame rate that a video states; 25 where it states none that could be true."""
    with _opened(file) as capture:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    return rate if 0 < rate <= _MOST_FPS else 25.0


class VideoWriter:
    """Writes frames as an MP4 file; the size is that of the first frame."""

    def __init__(self, file: Path, rate: float) -> None:
        # the codec counts time in parts of a second, and no more than 65,535 of them a frame
        self._file, self._rate = file, round(max(rate, _SLOWEST), 3 if rate < 65 else 2 if rate < 655 else 0)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (H,W,3) RGB.

        Raises:
            OSError: it cannot be written.
        """
        if self._writer is None:
            # the codec wants even sides
            self._size = (max(2, frame.shape[1] // 2 * 2), max(2, frame.shape[0] // 2 * 2))
            self._writer = cv2.VideoWriter(
                str(self._file.absolute()), cv2.VideoWriter.fourcc(*"mp4v"), self._rate, self._size
            )
            if not self._writer.isOpened():
                raise OSError(5, "the annotated video cannot be written", str(self._file))
        if frame.shape[1::-1] != self._size:
            frame = np.asarray(cv2.resize(frame, self._size), dtype=np.uint8)
        self._writer.write(np.ascontiguousarray(frame[..., ::-1]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.release()


def _unfit(file: Path) -> str:
    try:
        if not file.is_file():
            return "not a regular file" if file.exists() else "no such file"
        if not file.stat().st_size:
            return "an empty file"
        with file.open("rb") as stream:
            if stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_LISTS):
                return "a list of other files; give those"
    except OSError as error:
        return error.strerror or "cannot be read"
    return ""


@contextmanager
def _opened(source: Path | int) -> Iterator[cv2.VideoCapture]:
    # a file by FFmpeg alone: other readers of OpenCV take patterns and addresses for names; and from the root on, since
    # FFmpeg takes what stands before a colon (`12:30.mp4`, or worse `http:/...`) for a protocol
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong we say ourselves
    try:
        capture = (
            cv2.VideoCapture(source)
            if isinstance(source, int)
            else cv2.VideoCapture(str(source.absolute()), cv2.CAP_FFMPEG)
        )
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        yield capture
    finally:
        capture.release()


def _grabbed(capture: cv2.VideoCapture) -> Iterator[tuple[int, float]]:
    """Yield number and time of each frame that can be grabbed; `retrieve` gives the frame itself."""
    number = 0
    while capture.isOpened() and capture.grab():
        yield number, max(0.0, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        number += 1


def _to_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frame.ndim == 2:
        return np.repeat(frame[..., None], 3, axis=2)
    return np.ascontiguousarray(frame[..., ::-1])
