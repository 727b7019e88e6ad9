"""`bimodal predict` from end to end: inputs to rows, and to annotated pictures, video and timelines if asked."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.inference.inputs import DRAWN, Frame, check_inputs, find_files, is_video_name, shown
from bimodal.inference.network import Network
from bimodal.inference.pipeline import ImageResult, InferenceConfig, look_at
from bimodal.inference.rows import columns_of, rows_of
from bimodal.inference.table_file import TableFile, format_of
from bimodal.vision.pictures import quiet_about_size

_DRAWING_BATCH = 8  # pictures that wait in memory to be drawn into


@dataclass
class Summary:
    """What was seen, counted.

    Attributes:
        pictures: shots looked at, frames of videos included.
        faces: found.
        without: shots that show no face.
        unreadable: shots that could not be read.
        skipped: files that an interrupted call had finished.
        problems: the first few reasons, as `name: reason`.
        emotions: how often each came out.
    """

    pictures: int = 0
    faces: int = 0
    without: int = 0
    unreadable: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    emotions: Counter[str] = field(default_factory=Counter)

    def add(self, seen: ImageResult, emotions: Sequence[str]) -> None:
        """Count a shot."""
        self.pictures += seen.readable
        self.faces += len(seen.faces)
        self.unreadable += not seen.readable
        self.without += seen.readable and not seen.faces
        if not seen.readable and len(self.problems) < 5:
            self.problems.append(f"{seen.shot.file}: {seen.problem}")
        self.emotions.update(emotions[int(face.probabilities.argmax())] for face in seen.faces)


@dataclass(frozen=True)
class Output:
    """Where predictions go.

    Attributes:
        table: `.csv` or `.jsonl`; None: nowhere, the caller takes the rows.
        draw: folder for annotated pictures and videos.
        resume, overwrite: see `TableFile`.

    Raises:
        InputError: they exclude each other.
    """

    table: Path | None = None
    draw: Path | None = None
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise InputError("--resume and --overwrite exclude each other: go on with the file, or replace it")
        if self.table is not None:
            format_of(self.table)
        if self.resume and self.table is None:
            raise InputError("--resume goes on with a file of predictions; say which with --out")


def predict_files(
    inputs: Sequence[str],
    network: Network,
    look: InferenceConfig,
    output: Output | None = None,
    *,
    camera: int | None = None,
    every: int = 1,
    take: Callable[[ImageResult, list[dict[str, Any]]], None] = lambda seen, rows: None,
) -> Summary:
    """Look at files, videos or a camera, and write what is seen.

    Args:
        inputs: files, folders and patterns, see `find_files`.
        network: from `load`.
        look: how.
        output: files to write; None: none.
        camera: number of a camera to look through, in place of inputs, until Ctrl-C.
        every: of a video's frames, every so many-th.
        take: is handed each shot and its rows.

    Raises:
        InputError: an input, the detector or an output cannot be used.
        OSError: an output cannot be written.
    """
    output = output or Output()
    if every < 1:
        raise InputError(f"--every must be 1 or more, got {every}")
    if camera is not None and output.resume:
        raise InputError(
            "what a camera saw cannot be resumed; choose another --out (rows of before are in its .part file)"
        )
    check_inputs(inputs)
    emotions, tally = network.info.emotions, Summary()
    with ExitStack() as stack:
        stack.enter_context(quiet_about_size())
        artist = None
        if output.draw is not None:
            from bimodal.inference.annotation_writer import AnnotationWriter

            artist = stack.enter_context(AnnotationWriter(_begin_drawing(output), emotions, every))
            look = _keeping(look)
        table = None
        if output.table is not None:
            identity = _identity(network, look, every) | {"draw": artist is not None, "camera": camera}
            table = stack.enter_context(
                TableFile(output.table, columns_of(emotions), identity, output.resume, output.overwrite)
            )
        done = table.done if table else frozenset()
        shots = (
            islice(_camera(camera), 0, None, every)
            if camera is not None
            else _shots(inputs, every, done, artist, tally)
        )
        try:
            for seen in look_at(shots, network, look):
                rows = list(rows_of(seen, emotions))
                tally.add(seen, emotions)
                if artist:
                    artist.draw(seen)  # first: a file whose rows are there counts as done
                if table:
                    table.write(rows)
                take(seen, rows)
        except KeyboardInterrupt:
            if camera is None:
                raise
        if artist:
            artist.finish()
        if tally.unreadable and not tally.pictures and not tally.skipped:
            if table:
                table.discard()
            raise InputError("nothing could be read: " + "; ".join(tally.problems))
        if table:
            table.finish()
    return tally


def _shots(inputs: Sequence[str], every: int, done: frozenset[str], artist: Any, tally: Summary) -> Iterator[Frame]:
    from bimodal.inference.video import video_shots

    for path in find_files(inputs):
        name = shown(path)
        if artist:
            artist.expect(path, name in done)
        if name in done:
            tally.skipped += 1
        elif is_video_name(path):
            yield from video_shots(path, every)
        else:
            yield Frame(name, path)


def _camera(number: int) -> Iterator[Frame]:
    from bimodal.inference.video import camera_shots

    return camera_shots(number)


def _keeping(look: InferenceConfig) -> InferenceConfig:
    return replace(look, keep_pixels=True, batch_size=min(look.batch_size, _DRAWING_BATCH))


def _identity(network: Network, look: InferenceConfig, every: int) -> dict[str, Any]:
    file = look.detector
    return {
        "model": network.info.to_json(),
        "weights": network.digest,
        "detect": file is not None or look.finder is not None,
        "detector": sha256_of(file) if file is not None and file.is_file() else None,
        "largest": look.largest,
        "flip": look.flip,
        "every": every,
    }


def _begin_drawing(output: Output) -> Path:
    """Make the folder to draw into, or see that it is ours."""
    folder = output.draw
    assert folder is not None
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        if not (output.resume or output.overwrite):
            raise InputError(f"{folder} exists; choose another --draw, or add to it with --overwrite")
        if not (folder / DRAWN).is_file():
            raise InputError(f"--draw {folder} holds files that bimodal did not draw; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DRAWN).write_text("Pictures and videos in this folder were drawn by bimodal predict.\n", encoding="utf-8")
    return folder
