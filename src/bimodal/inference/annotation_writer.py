"""Write a folder of annotated images and videos, with a timeline of each video."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from PIL import Image

from bimodal.data.naming import Names
from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.inference.annotate import annotate
from bimodal.inference.inputs import ANNOTATED, display_name, is_video_name
from bimodal.inference.results import ImageResult
from bimodal.inference.timeline import Timeline
from bimodal.inference.video import VideoWriter, frame_rate
from bimodal.unfinished import unfinished

_CAMERA_RATE = 15.0  # frames a second
_JPEG_QUALITY = 92


class AnnotationWriter:
    """Writes annotated copies to a folder of `open_folder`; results come for each `every`-th frame of a video."""

    def __init__(self, folder: Path, emotions: Sequence[str], every: int = 1) -> None:
        self._folder, self._emotions, self._every = folder, emotions, every
        self._names = Names()
        self._expected: dict[str, tuple[Path, str]] = {}  # by display name: the file, and the stem of its copy
        self._video: _AnnotatedVideo | None = None

    @staticmethod
    def open_folder(folder: Path, may_add: bool) -> Path:
        """Create the folder and mark it; raise an `InputError` if it has other files, or copies although not `may_add`."""
        if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
            if not may_add:
                raise InputError(f"{folder} exists; choose another --draw, or add to it with --overwrite")
            if not (folder / ANNOTATED).is_file():
                raise InputError(f"--draw {folder} has files that bimodal did not write; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        text = "The images and videos in this folder were annotated by bimodal predict.\n"
        (folder / ANNOTATED).write_text(text, encoding="utf-8")
        return folder

    def expect(self, file: Path, is_done: bool = False) -> None:
        """Choose the name of a file's copy; call it for all files in their order, also those that an earlier call did."""
        old = f"{file.name}.png" if is_video_name(file) else file.name
        name = self._names.give("", old, ".png").removeprefix("/").removesuffix(".png")
        if not is_done:
            self._expected[display_name(file)] = file, name

    def write(self, result: ImageResult) -> None:
        """Write the copy of an image, or add a frame to the copy of a video."""
        file = result.frame.file
        if self._video is not None and self._video.file != file:
            self.finish()
        if result.frame.number is None:
            expected = self._expected.pop(file, None)
            if result.pixels is not None and expected is not None:
                image = Image.fromarray(annotate(result.pixels, result, self._emotions))
                copy = self._folder / f"{expected[1]}.jpg"
                write_atomically(copy, lambda part: image.save(part, "JPEG", quality=_JPEG_QUALITY))
        elif result.pixels is not None:
            if self._video is None:
                path, name = self._expected.pop(file, (None, file.replace(" ", "-")))
                rate = _CAMERA_RATE if path is None else frame_rate(path) / self._every
                self._video = _AnnotatedVideo(self._folder, file, name, self._emotions, rate)
            self._video.writer.write(annotate(result.pixels, result, self._emotions))
            self._video.timeline.add(result)

    def finish(self) -> None:
        """Complete the last video."""
        if self._video is not None:
            self._video.finish()
            self._video = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._video is not None:
            self._video.discard()
        if kind is not None and os.listdir(self._folder) == [ANNOTATED]:  # nothing was written
            (self._folder / ANNOTATED).unlink()
            self._folder.rmdir()


class _AnnotatedVideo:
    """One annotated video under a temporary name until it is complete, and its timeline."""

    def __init__(self, folder: Path, file: str, name: str, emotions: Sequence[str], rate: float) -> None:
        self.file = file
        self._final, self._figure = folder / f"{name}.mp4", folder / f"{name}-timeline.png"
        self._part = unfinished(self._final, ".mp4")
        self.writer, self.timeline = VideoWriter(self._part, rate), Timeline(emotions)

    def finish(self) -> None:
        self.writer.close()
        self._part.replace(self._final)
        self.timeline.write(self._figure, Path(self.file).name)

    def discard(self) -> None:
        self.writer.close()
        self._part.unlink(missing_ok=True)
