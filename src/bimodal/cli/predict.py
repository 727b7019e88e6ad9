"""`bimodal predict`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bimodal.cli.options import AddressOption, options_of, with_options
from bimodal.errors import InputError
from bimodal.inference.config import MAX_DETECT_SIDE, InferenceConfig

if TYPE_CHECKING:
    from bimodal.inference.predict_files import Output
    from bimodal.inference.results import ImageResult, Summary
    from bimodal.rendering.table import Table

_MAX_ROWS = 40
"""The number of rows that the terminal shows."""
_MANY_TINY = 0.2
"""The share of tiny faces from which the terminal gives a hint."""


def predict(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Images, videos, folders, quoted patterns such as 'faces/**/*.jpg', or folders of buckets such as s3://bucket/faces. "
            "Required without --camera.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="Network: bimodal/face-s (comes with bimodal), bimodal/face-s-int8 (the same with 8 bits: faster, slightly less "
            "accurate), a run folder, a published folder, an .onnx file, or a "
            "Hugging Face repository owner/name."
        ),
    ] = "bimodal/face-s",
    out: Annotated[
        Path | None, typer.Option(help="File for the table of predictions, .csv or .jsonl. (default: print the table)")
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            help="Folder for annotated copies of the images and videos, and timelines of the videos. (default: none)"
        ),
    ] = None,
    camera: Annotated[
        int | None, typer.Option(help="Number of a camera, from 0, to read until Ctrl-C instead of files.")
    ] = None,
    every: Annotated[int, typer.Option(help="Read each N-th frame of a video or camera, N at least 1.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted table of --out.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the table of --out, and add to the folder of --draw.")
    ] = False,
    address: AddressOption = None,
    **values: Any,
) -> None:
    """Predict the emotion of each face in images and videos, with calibrated probabilities.

    bimodal predict photo.jpg                            prints a table

    bimodal predict faces/ --model RUN --out faces.csv   a folder, your network

    bimodal predict talk.mp4 --draw annotated            a copy with boxes, a timeline
    """
    from bimodal.buckets import is_bucket
    from bimodal.inference.predict_files import Output, predict_files
    from bimodal.inference.table_file import part_file

    config = InferenceConfig(**{name: value for name, value in values.items() if value is not None})
    rows: list[dict[str, Any]] = []
    count = 0

    def show(result: "ImageResult", of_result: list[dict[str, Any]]) -> None:
        nonlocal count
        if camera is not None:
            for row in of_result:
                what = f"{row['emotion']} {row['p_' + row['emotion']]:.2f}" if row["emotion"] else row["note"]
                print(f"{row['time'] or 0:8.2f} s  {what}", flush=True)
        else:
            count += len(of_result)
            rows.extend(of_result[: _MAX_ROWS - len(rows)])

    try:
        output = Output(out, draw, resume, overwrite)
        on_result = show if out is None else None
        if address is not None or any(map(is_bucket, inputs or [])):
            summary = _predict_shards(inputs or [], model, config, output, address, every, camera)
        else:
            summary = predict_files(
                inputs or [], model, config, output, camera=camera, every=every, on_result=on_result
            )
    except KeyboardInterrupt:
        if out is not None and (part_file(out).exists() or out.with_name(f"{out.name}.shards").exists()):
            words = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
            print(f"\ninterrupted; continue with: bimodal {shlex.join([*words, '--resume'])}", file=sys.stderr)
        raise
    if rows:
        from bimodal.rendering.table import print_table

        print_table(_table(rows))
    if count > len(rows):
        print(f"... and {count - len(rows):,} more rows; write all of them with --out FILE.csv")
    for line in [*_summary_lines(summary, config.detect_side), *([f"annotated copies: {draw}"] if draw else [])]:
        print(line, file=sys.stderr if out is None else None)
    if out is not None:
        if summary.emotions:
            print("predicted:", ", ".join(f"{name} {number:,}" for name, number in summary.emotions.most_common()))
        print(f"table: {out}")


def _predict_shards(
    inputs: list[str],
    model: str,
    config: InferenceConfig,
    output: "Output",
    address: str | None,
    every: int,
    camera: int | None,
) -> "Summary":
    """Predict on Ray, or the files of a bucket."""
    from bimodal.cluster.predictions import predict_shards

    if camera is not None or output.draw is not None:
        raise InputError(
            "--camera and --draw are for files of this machine, in one process; leave out --address and buckets"
        )
    if output.table is None:
        raise InputError("shards and buckets need a file for the table; name it with --out FILE.csv")
    chosen = {"resume": output.resume, "overwrite": output.overwrite}
    return predict_shards(inputs, output.table, model, config, address=address, every=every, **chosen)


def _summary_lines(summary: "Summary", detect_side: int | None) -> list[str]:
    from bimodal.inference.pipeline import TINY_FACE
    from bimodal.text import plural

    parts = [f"{plural(summary.faces, 'face')} in {plural(summary.images, 'image')}"]
    if summary.without_face:
        parts.append(f"{plural(summary.without_face, 'image')} without a face")
    if summary.unreadable:
        parts.append(f"{plural(summary.unreadable, 'image')} could not be read")
    if summary.skipped:
        parts.append(f"{plural(summary.skipped, 'file')} done before")
    lines = ["; ".join(parts), *(f"  {problem}" for problem in summary.problems)]
    side = 4096 if detect_side is None else 2 * detect_side
    if summary.tiny > _MANY_TINY * summary.faces and side <= MAX_DETECT_SIDE:
        lines.append(
            f"  {plural(summary.tiny, 'face')} had under {TINY_FACE} pixels where they were looked for; smaller ones may be "
            f"missing: --detect-side {side} looks closer, and takes longer"
        )
    if summary.unreadable > len(summary.problems):
        lines.append("  ...")
    return lines


def _table(rows: list[dict[str, Any]]) -> "Table":
    from bimodal.rendering.table import Table

    has_time = any(row["time"] is not None for row in rows)
    cells = []
    for row in rows:
        shares = {key[2:]: row[key] for key in row if key.startswith("p_") and row[key] is not None}
        ranked = sorted(shares, key=lambda name: shares[name], reverse=True)
        emotions = [f"{name} {100 * shares[name]:.0f} %" for name in ranked[:2]] or [row["note"].partition(":")[0], ""]
        face = "whole image" if shares else ""
        if row["x"] is not None:
            face = f"{row['width']:.0f}×{row['height']:.0f} at {row['x']:.0f}, {row['y']:.0f}"
        time = ["" if row["time"] is None else f"{row['time']:.2f}"] if has_time else []
        cells.append([row["file"], *time, face, *emotions])
    head = ["file", *(["time (s)"] if has_time else []), "face (px)", "emotion", "second"]
    return Table.of(head, cells, text=["file", "face (px)", "emotion", "second"])


with_options(predict, options_of(InferenceConfig))
