"""`bimodal predict`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bimodal.errors import InputError

if TYPE_CHECKING:
    from bimodal.inference.pipeline import ImageResult
    from bimodal.inference.predict_files import Summary

_SHOWN = 40
"""Rows that the terminal shows."""


def predict(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Pictures, folders, patterns, videos.", show_default=False),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="The network that comes with bimodal; or a run folder, a published folder, an .onnx file, or a hub "
            "repository owner/name."
        ),
    ] = "bimodal/face-s",
    out: Annotated[
        Path | None,
        typer.Option(help="Write the table here: .csv or .jsonl. (default: the terminal)", show_default=False),
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(help="Folder for annotated pictures, videos and timelines.", show_default=False)
    ] = None,
    camera: Annotated[
        int | None, typer.Option(help="Look through this camera instead, until Ctrl-C.", show_default=False)
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect/--no-detect", help="Find the faces, or take each picture for one.")
    ] = True,
    detector: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file. (default: fetched once)", show_default=False)
    ] = None,
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest face of each picture.")] = False,
    flip: Annotated[
        bool, typer.Option("--flip", help="Ask of the mirrored faces, too, and average: a little better, slower.")
    ] = False,
    every: Annotated[int, typer.Option(help="Look at every so many-th frame of a video only.")] = 1,
    batch_size: Annotated[int, typer.Option(help="Faces per batch; changes the pace alone.")] = 64,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted --out.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out, and draw into a --draw that is there.")
    ] = False,
) -> None:
    """Say what the faces in pictures and videos show, with calibrated probabilities.

    bimodal predict photo.jpg                                 a table in the terminal

    bimodal predict faces/ --model RUN --out faces.csv        a folder, by a network of yours

    bimodal predict talk.mp4 --draw drawn                     a video, annotated, with a timeline
    """
    if not inputs and camera is None:
        raise InputError("expected pictures, folders, patterns or videos: bimodal predict photo.jpg; or --camera 0")
    if inputs and camera is not None:
        raise InputError("--camera takes the place of files: give one or the other")
    from bimodal.inference.load import load
    from bimodal.inference.pipeline import InferenceConfig
    from bimodal.inference.predict_files import Output, predict_files
    from bimodal.inference.table_file import part_of
    from bimodal.vision.faces import detector_file

    output = Output(out, draw, resume, overwrite)
    if detector is not None and not detect:
        raise InputError("--detector and --no-detect exclude each other")
    network = load(model)
    look = InferenceConfig(
        detector=detector_file(detector) if detect else None,
        largest=largest,
        flip=flip,
        batch_size=1 if camera is not None else batch_size,
        threads=1 if camera is not None else None,
    )
    if detect and not network.info.aligned:
        _say(
            f"{network.info.name} was trained on pictures as they came, not on faces that bimodal cut out: what it says of "
            "such faces may be off; train on data prepared with --align, or give cut-out faces with --no-detect"
        )
    shown = _Shown(network.info.emotions, live=camera is not None)
    try:
        with _Progress(inputs or [], every, quiet=camera is not None) as progress:

            def take(seen: "ImageResult", rows: list[dict[str, Any]]) -> None:
                progress.advance(seen)
                if out is None:
                    shown.take(rows)

            tally = predict_files(inputs or [], network, look, output, camera=camera, every=every, take=take)
    except KeyboardInterrupt:
        if out is not None and part_of(out).exists():
            again = shlex.join(
                [*(word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")), "--resume"]
            )
            _say(f"\ninterrupted; go on with: bimodal {again}")
        raise
    if out is None:
        shown.end()
    _summarise(tally, out, draw)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _summarise(tally: "Summary", out: Path | None, draw: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=out is None, highlight=False, soft_wrap=True)
    parts = [f"{tally.faces:,} faces in {tally.pictures:,} pictures"]
    if tally.without:
        parts.append(f"{tally.without:,} without a face")
    if tally.unreadable:
        parts.append(f"{tally.unreadable:,} that could not be read")
    if tally.skipped:
        parts.append(f"{tally.skipped:,} files were done before")
    console.print("; ".join(parts))
    for problem in tally.problems:
        console.print(f"  {escape(problem)}")
    if tally.unreadable > len(tally.problems):
        console.print("  ...")
    if out is not None:
        common = ", ".join(f"{name} {count:,}" for name, count in tally.emotions.most_common())
        console.print((f"{escape(common)}\n" if common else "") + f"table: {escape(str(out))}")
    if draw is not None:
        console.print(f"drawn: {escape(str(draw))}")


class _Progress:
    """A bar on the terminal: its end is known where all inputs are files."""

    def __init__(self, inputs: list[str], every: int, quiet: bool) -> None:
        self._inputs, self._every = inputs, every
        self._bar: Any = None
        self._quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> "_Progress":
        if not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("looking", total=self._total())
        return self

    def advance(self, seen: "ImageResult") -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=1)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _total(self) -> int | None:
        from bimodal.inference.inputs import is_video_name

        if not all(Path(given).is_file() for given in self._inputs):
            return None
        videos = [Path(given) for given in self._inputs if is_video_name(given)]
        if not videos:
            return len(self._inputs)
        from bimodal.inference.video import frame_count

        return len(self._inputs) - len(videos) + sum(-(-frame_count(video) // self._every) for video in videos) or None


class _Shown:
    """The table in the terminal: the first rows; of a camera each row as it comes."""

    def __init__(self, emotions: tuple[str, ...], live: bool) -> None:
        self._emotions, self._live = emotions, live
        self._rows: list[dict[str, Any]] = []
        self._more = 0

    def take(self, rows: list[dict[str, Any]]) -> None:
        if self._live:
            for row in rows:
                what = f"{row['emotion']} {row['p_' + row['emotion']]:.2f}" if row["emotion"] else row["note"]
                print(f"{row['time'] or 0:8.2f} s  {what}", flush=True)
            return
        room = max(0, _SHOWN - len(self._rows))
        self._rows += rows[:room]
        self._more += len(rows[room:])

    def end(self) -> None:
        if not self._rows:
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        timed = any(row["time"] is not None for row in self._rows)
        table = Table()
        table.add_column("file", overflow="fold", min_width=16)
        if timed:
            table.add_column("s", justify="right", no_wrap=True)
        for heading in ("face at", "size", "emotion", "", "next"):
            table.add_column(
                heading, justify="left" if heading in ("emotion", "next") else "right", no_wrap=heading != "emotion"
            )
        for row in self._rows:
            start: list[Any] = [Text(row["file"]), *([_number(row["time"], 2)] if timed else [])]
            if row["emotion"] is None:
                table.add_row(*start, "", "", Text(row["note"].partition(":")[0], style="dim"))
                continue
            ranked = sorted(self._emotions, key=lambda name, row=row: -row[f"p_{name}"])  # type: ignore[misc]
            first, second = (f"{100 * row[f'p_{name}']:.0f} %" for name in ranked[:2])
            place = (
                ("all", "")
                if row["x"] is None
                else (f"{row['x']:.0f}, {row['y']:.0f}", f"{row['width']:.0f}×{row['height']:.0f}")
            )
            table.add_row(*start, *place, Text(ranked[0], style="bold"), first, Text(f"{ranked[1]} {second}"))
        console = Console(highlight=False)
        console.print(table)
        if self._more:
            console.print(f"and {self._more:,} rows more; all of them with --out FILE.csv")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
