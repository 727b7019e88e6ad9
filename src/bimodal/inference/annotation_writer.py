"""The folder of annotated pictures and videos, and a timeline for each video."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bimodal.data.naming import Names
from bimodal.inference.annotate import annotate, write_picture
from bimodal.inference.inputs import DRAWN, is_video_name, shown
from bimodal.inference.pipeline import ImageResult
from bimodal.inference.timeline import Timeline
from bimodal.inference.video import VideoWriter, frames_a_second

CAMERA_RATE = 15.0
"""Frames a second of the video that is drawn of a camera."""


class AnnotationWriter:
    """Draws what was seen, in the order in which it was seen.

    Args:
        folder: to draw into; it is there.
        emotions: K names.
        every: which frames of a video come.
    """

    def __init__(self, folder: Path, emotions: Sequence[str], every: int = 1) -> None:
        self._folder, self._emotions, self._every = folder, emotions, every
        self._names = Names()
        self._places: dict[str, tuple[Path, str]] = {}  # of files that are expected and not drawn yet
        self._video: _Video | None = None

    def expect(self, path: Path, is_done: bool = False) -> None:
        """Give a file its name in the folder; asked for all files in their order, so that a later call gives the same."""
        video = is_video_name(path)
        given = self._names.give("", path.name if not video else f"{path.name}.png", ".png")
        if not is_done:
            self._places[shown(path)] = path, given.removeprefix("/").removesuffix(".png")

    def draw(self, seen: ImageResult) -> None:
        """Draw a picture, or a frame of a video.

        Raises:
            OSError: it cannot be written.
        """
        name = seen.shot.file
        if self._video is not None and self._video.name != name:
            self._end_video()
        if seen.shot.frame is None:
            expected = self._places.pop(name, None)
            if seen.pixels is not None and expected is not None:
                write_picture(self._folder / f"{expected[1]}.jpg", annotate(seen, self._emotions))
            return
        if seen.pixels is None:
            return
        if self._video is None:
            path, place = self._places.pop(name, (None, name.replace(" ", "-")))
            rate = CAMERA_RATE if path is None else frames_a_second(path) / self._every
            self._video = _Video(self._folder, name, place, self._emotions, rate)
        self._video.add(seen)

    def finish(self) -> None:
        """Finish the last video."""
        self._end_video()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._video is not None:
            self._video.give_up()
        if kind is not None and os.listdir(self._folder) == [DRAWN]:  # nothing was drawn
            (self._folder / DRAWN).unlink()
            self._folder.rmdir()

    def _end_video(self) -> None:
        if self._video is not None:
            self._video.finish()
            self._video = None


class _Video:
    """One annotated video, in place only when it is whole."""

    def __init__(self, folder: Path, name: str, place: str, emotions: Sequence[str], rate: float) -> None:
        self.name, self._emotions = name, emotions
        self._final = folder / f"{place}.mp4"
        self._figure = folder / f"{place}-timeline.png"
        self._part = folder / f".bimodal-{secrets.token_hex(6)}.mp4"
        self._writer = VideoWriter(self._part, rate)
        self._timeline = Timeline(emotions)

    def add(self, seen: ImageResult) -> None:
        self._writer.write(annotate(seen, self._emotions))
        self._timeline.add(seen)

    def finish(self) -> None:
        self._writer.__exit__()
        self._part.replace(self._final)
        self._timeline.write(self._figure, Path(self.name).name)

    def give_up(self) -> None:
        self._writer.__exit__()
        self._part.unlink(missing_ok=True)
