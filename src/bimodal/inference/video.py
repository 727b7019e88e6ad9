"""Frames of images, videos and cameras, and a writer of videos."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # we report a broken stream ourselves, once
os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame, display_name, is_video_name
from bimodal.vision.pictures import MAX_PIXELS

_MISSING_SHARE = 0.02
"""A video counts as broken if more than this share of its frames and of its time is missing. Containers often state a few
frames too many; where the rate varies, OpenCV computes their number from the time and the highest rate, which is too many."""
_MAX_RATE, _MIN_RATE, _DEFAULT_RATE = 1000, 0.1, 25.0  # frames a second
_PLAYLISTS = (b"ffconcat", b"#EXTM3U", b"[playlist]")
"""The first bytes of files that list other files, which FFmpeg would open."""


def file_frames(file: Path, every: int = 1) -> Iterator[Frame]:
    """Yield the frame of an image, or each `every`-th frame of a video."""
    if is_video_name(file):
        yield from video_frames(file, every)
    else:
        yield Frame(display_name(file), file)


def video_frames(file: Path, every: int = 1) -> Iterator[Frame]:
    """Yield each `every`-th frame of a video, from 0, with its time; if something is wrong, a last frame says what."""
    name = display_name(file)
    problem = _problem_of(file)
    if problem:
        yield Frame(name, None, problem=problem)
        return
    with _opened(file) as capture:
        width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            limit = f"at most {MAX_PIXELS // 10**6} megapixels are read"
            yield Frame(name, None, problem=f"too large: {width} x {height} pixels, {limit}")
            return
        stated = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        grabbed, seconds, gap = 0, 0.0, 0.0
        while capture.isOpened() and capture.grab():
            before, number = seconds, grabbed
            seconds = max(0.0, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            grabbed, gap = grabbed + 1, max(gap, seconds - before)
            if number % every:
                continue
            done, pixels = capture.retrieve()
            if done and pixels is not None:
                yield Frame(name, _to_rgb(pixels), number, seconds)
            else:
                yield Frame(name, None, number, seconds, "this frame is damaged")
        if not grabbed:
            yield Frame(name, None, problem="not a video that can be read, or a video without frames")
        elif _breaks_off(grabbed, seconds + gap, stated, capture.get(cv2.CAP_PROP_FPS)):
            yield Frame(name, None, grabbed, None, f"the video ends after {grabbed:,} of {stated:,} frames")


def _breaks_off(frames: int, end: float, stated: int, rate: float) -> bool:
    """Return whether a video ends before its container says.

    Args:
        frames: the number of frames that were read.
        end: the time in seconds at which the last frame should end: its start and the longest time between two frames.
        stated: the number of frames that the container states.
        rate: the frames a second that it states; 0 or less if it states none.
    """
    few = frames < (1 - _MISSING_SHARE) * stated - 1
    return few and (rate <= 0 or end < (1 - _MISSING_SHARE) * stated / rate)


def camera_frames(number: int) -> Iterator[Frame]:
    """Yield the frames of a camera until it gives no more; times are seconds since the first frame.

    Raises:
        InputError: there is no such camera, or it gives no images.
    """
    with _opened(number) as capture:
        if not capture.isOpened():
            raise InputError(f"no camera {number}, or another program uses it; cameras are numbered from 0")
        done, pixels = capture.read()
        if not done:
            raise InputError(f"camera {number} gives no images")
        start = time.monotonic()
        for frame_number in count():
            yield Frame(f"camera {number}", _to_rgb(pixels), frame_number, time.monotonic() - start)
            done, pixels = capture.read()
            if not done:
                return


def frame_count(file: Path) -> int:
    """Return the number of frames that a video states; 0 if it states none or cannot be read."""
    if _problem_of(file):
        return 0
    with _opened(file) as capture:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def frame_rate(file: Path) -> float:
    """Return the frames a second that a video states; 25 if it states none or an impossible number."""
    with _opened(file) as capture:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    return rate if 0 < rate <= _MAX_RATE else _DEFAULT_RATE


class VideoWriter:
    """Writes an MP4 file; the first frame sets the size."""

    def __init__(self, file: Path, rate: float) -> None:
        # MPEG-4 takes at most 65,535 time units for a second, so a high rate must have fewer decimals
        self._file, self._rate = file, round(max(rate, _MIN_RATE), 3 if rate < 65 else 2 if rate < 655 else 0)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (H,W,3) RGB."""
        if self._writer is None:
            # the codec needs even sides
            self._size = (max(2, frame.shape[1] // 2 * 2), max(2, frame.shape[0] // 2 * 2))
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._file.absolute()), codec, self._rate, self._size)
            if not self._writer.isOpened():
                raise OSError(5, "the annotated video cannot be written", str(self._file))
        if frame.shape[1::-1] != self._size:
            frame = np.asarray(cv2.resize(frame, self._size), dtype=np.uint8)
        self._writer.write(np.ascontiguousarray(frame[..., ::-1]))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


def _problem_of(file: Path) -> str:
    """Return why a file cannot be opened as a video; empty if it can."""
    try:
        if not file.is_file():
            return "not a regular file" if file.exists() else "no such file"
        if not file.stat().st_size:
            return "an empty file"
        with file.open("rb") as stream:
            if stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
                return "a list of other files; give those files"
    except OSError as error:
        return error.strerror or "cannot be read"
    return ""


@contextmanager
def _opened(source: Path | int) -> Iterator[cv2.VideoCapture]:
    # Only FFmpeg opens files: OpenCV's other readers interpret patterns and addresses. The path is absolute, because
    # FFmpeg interprets what stands before a colon (`12:30.mp4`, or `http:/...`) as a protocol.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # we report errors ourselves
    try:
        given = (source,) if isinstance(source, int) else (str(source.absolute()), cv2.CAP_FFMPEG)
        capture = cv2.VideoCapture(*given)
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        yield capture
    finally:
        capture.release()


def _to_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frame.ndim == 2:
        return np.repeat(frame[..., None], 3, axis=2)
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)  # 15 times as fast as numpy
