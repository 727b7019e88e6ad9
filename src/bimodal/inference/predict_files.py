"""Predict files, folders, videos or a camera, and write the table and the annotated copies: `bimodal predict`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame, check_inputs, display_name, find_files, is_video_name
from bimodal.inference.load import load
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import ImageResult, Summary, table_columns, table_rows
from bimodal.inference.table_file import TableFile, table_format
from bimodal.inference.video import camera_frames, file_frames, frame_count
from bimodal.model_files.network import Network
from bimodal.progress import track
from bimodal.settings import check_range
from bimodal.vision.faces import detector_file
from bimodal.vision.pictures import no_size_warnings

if TYPE_CHECKING:
    from bimodal.inference.annotation_writer import AnnotationWriter

_ANNOTATION_BATCH = 8  # images whose pixels wait in memory to be annotated


@dataclass(frozen=True)
class Output:
    """The files that `predict_files` writes: the table of predictions, and a folder of annotated images and videos.

    `resume` continues an interrupted table; `overwrite` replaces the table, and adds to the folder.

    Raises:
        InputError: the options exclude each other, or the table has another suffix than `.csv` and `.jsonl`.
    """

    table: Path | None = None
    draw: Path | None = None
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise InputError("--resume and --overwrite exclude each other; give one of them")
        if self.table is not None:
            table_format(self.table)
        if self.resume and self.table is None:
            raise InputError("--resume continues an interrupted table; name it with --out")


def predict_files(
    inputs: Sequence[str | Path],
    model: Network | str | Path | None = None,
    config: InferenceConfig | None = None,
    output: Output | None = None,
    *,
    camera: int | None = None,
    every: int = 1,
    on_result: Callable[[ImageResult, list[dict[str, Any]]], None] | None = None,
) -> Summary:
    """Predict the emotion of each face, in memory that does not grow with the number of images.

    Args:
        inputs: files, folders and patterns, see `find_files`; empty if a camera is given.
        model: a network from `bimodal.load`, or what `bimodal.load` takes.
        camera: the number of a camera to read until Ctrl-C, from 0, with one thread and a batch size of 1.
        every: read each `every`-th frame of a video or camera, at least 1.
        on_result: is called with each result and its rows of the table.

    Raises:
        InputError: an input does not exist, nothing can be read, or the model, detector or output cannot be used.
    """
    config, output = config or InferenceConfig(), output or Output()
    if camera is not None:
        if inputs:
            raise InputError("--camera and input files exclude each other; give one of them")
        if output.resume:
            raise InputError("a camera's table cannot be resumed; choose another --out (its .part file has the rows)")
        if config.track:
            raise InputError("--camera and --track exclude each other: --track waits for the next frames")
        config = replace(config, batch_size=1, threads=1)
    elif not inputs:
        raise InputError("no inputs; expected images, videos, folders, patterns or a camera: bimodal predict photo.jpg")
    check_range("every", every, 1, float("inf"), whole=True)
    check_inputs(inputs)
    network = model if isinstance(model, Network) else load(model)
    if config.detect and config.make_detector is None:
        config = replace(config, detector=detector_file(config.detector))
    emotions, summary = network.info.emotions, Summary()
    with ExitStack() as stack:
        stack.enter_context(no_size_warnings())
        annotations = None
        if output.draw is not None:
            from bimodal.inference.annotation_writer import AnnotationWriter

            folder = AnnotationWriter.open_folder(output.draw, may_add=output.resume or output.overwrite)
            annotations = stack.enter_context(AnnotationWriter(folder, emotions, every))
            config = replace(config, keep_pixels=True, batch_size=min(config.batch_size, _ANNOTATION_BATCH))
        table = None
        if output.table is not None:
            identity = {  # all rows of a table must share these
                "model": network.info.to_json(),
                "weights": network.digest,
                "detect": config.detect,
                "detector": None if config.detector is None else sha256_of(config.detector),
                "detect_side": config.detect_side,
                "largest": config.largest,
                "flip": config.flip,
                "every": every,
                "draw": annotations is not None,
                "camera": camera,
            }
            if config.track:  # tables of earlier versions can be resumed
                identity["track"] = config.track_every
            table = TableFile(output.table, table_columns(emotions), identity, output.resume, output.overwrite)
            stack.enter_context(table)
        if camera is None:
            frames = _frames(inputs, every, table.done if table else frozenset(), annotations, summary)
            total = None if table and table.done else _frame_total(inputs, every)
            results: Iterable[ImageResult] = track(run_inference(frames, network, config), "classifying images", total)
        else:
            results = run_inference(islice(camera_frames(camera), 0, None, every), network, config)
        try:
            for result in results:
                rows = list(table_rows(result, emotions))
                summary.add(result, emotions)
                if annotations:
                    annotations.write(result)  # before the rows, because a file with rows counts as done
                if table:
                    table.write(rows)
                if on_result:
                    on_result(result, rows)
        except KeyboardInterrupt:
            if camera is None:
                raise
        if annotations:
            annotations.finish()
        if summary.unreadable and not summary.images and not summary.skipped:
            if table:
                table.discard()
            raise InputError("no input could be read: " + "; ".join(summary.problems))
        if table:
            table.finish()
    return summary


def _frames(
    inputs: Sequence[str | Path],
    every: int,
    done: frozenset[str],
    annotations: "AnnotationWriter | None",
    summary: Summary,
) -> Iterator[Frame]:
    for file in find_files(inputs):
        is_done = display_name(file) in done
        if annotations:
            annotations.expect(file, is_done)
        if is_done:
            summary.skipped += 1
        else:
            yield from file_frames(file, every)


def _frame_total(inputs: Sequence[str | Path], every: int) -> int | None:
    """Return the number of frames, as far as the videos state it; None for folders and patterns."""
    if not all(Path(given).is_file() for given in inputs):
        return None
    return sum(-(-frame_count(Path(given)) // every) if is_video_name(given) else 1 for given in inputs) or None
