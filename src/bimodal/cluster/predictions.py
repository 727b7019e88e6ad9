"""Predict the files of folders and buckets in shards: the table is that of `bimodal.inference.predict_files`."""

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from bimodal.buckets import copy_file, is_bucket, list_files
from bimodal.cluster.shards import run_shards
from bimodal.errors import InputError
from bimodal.experiments.jobs.job import Job
from bimodal.files import sha256_of, write_atomically, write_text
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame, display_name, find_files, is_video_name
from bimodal.inference.load import load
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import MAX_PROBLEMS, Summary, table_columns, table_rows
from bimodal.inference.table_file import TableFile, table_format
from bimodal.inference.video import file_frames
from bimodal.locks import locked
from bimodal.model_files.network import Network
from bimodal.settings import check_range
from bimodal.untrusted import plain_json, read_small_json, read_small_text
from bimodal.vision.faces import detector_file
from bimodal.vision.formats import is_picture_name
from bimodal.vision.pictures import map_in_threads, no_size_warnings

SHARD = 512
"""Number of files in a shard; those of a bucket are on this machine together, while their shard is predicted."""
_IDENTITY, _FILES, _SUMMARY = "identity.json", ".files.json", ".summary.json"
_MAX_LIST = 64 * 2**20


def predict_shards(
    inputs: Sequence[str | Path],
    out: Path,
    model: str | Path | None = None,
    config: InferenceConfig | None = None,
    *,
    address: str | None = None,
    every: int = 1,
    resume: bool = False,
    overwrite: bool = False,
) -> Summary:
    """Predict the emotion of each face in many files, shard by shard, and write one table.

    Args:
        inputs: files, folders, patterns and addresses in buckets, such as `s3://bucket/faces`.
        out: the table, `.csv` or `.jsonl`. Until it is complete, `OUT.shards` beside it holds the finished shards.
        model: what `bimodal.load` takes; with a cluster, a path that all its machines have.
        config: settings of inference.
        address: of a Ray cluster: `auto`, `host:port` or `local`; None: in this process.
        every: read each `every`-th frame of a video.
        resume: continue an interrupted table: finished shards stay.
        overwrite: replace `out`.

    Raises:
        InputError: an input, the model, the address or the output cannot be used, or nothing can be read.
    """
    config = config or InferenceConfig()
    ending = table_format(out)
    check_range("every", every, 1, float("inf"), whole=True)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; choose another --out, or replace it with --overwrite")
    network = load(model)
    if config.detect and config.make_detector is None:
        config = replace(config, detector=detector_file(config.detector))
    folder = out.absolute().with_name(f"{out.name}.shards")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        identity = _identity(inputs, network, config, every)
        _open_folder(folder, identity, resume, overwrite)
        begun = any(folder.glob(f"*{_SUMMARY}"))
        try:
            shards = _write_lists(inputs, folder)
        except InputError:
            if not begun:
                shutil.rmtree(folder)
            raise
        arguments = {"model": model, "config": config, "every": every, "ending": ending}
        jobs = [
            Job(
                f"files {SHARD * number + 1:,} to {SHARD * number + count:,}",
                predict_shard,
                {"shard": shard, **arguments},
                shard.with_suffix(".log"),
                result=shard.with_suffix(_SUMMARY),
            )
            for number, (shard, count) in enumerate(shards)
            if not shard.with_suffix(_SUMMARY).is_file()
        ]
        run_shards(jobs, "classifying images", address, len(shards))
        summary = _merged([read_small_json(shard.with_suffix(_SUMMARY)) for shard, _ in shards])
        if summary.unreadable and not summary.images:
            shutil.rmtree(folder)
            raise InputError("no input could be read: " + "; ".join(summary.problems))
        write_atomically(
            out, lambda part: _join([shard.with_suffix(f".{ending}") for shard, _ in shards], part, ending)
        )
        shutil.rmtree(folder)
    return summary


def predict_shard(shard: Path, model: str | Path | None, config: InferenceConfig, every: int, ending: str) -> None:
    """Predict the files of one shard, and write its table and then its summary. A job."""
    network, summary = load(model), Summary()
    emotions = network.info.emotions
    files = plain_json(read_small_text(shard.with_suffix(_FILES), _MAX_LIST))
    table = TableFile(shard.with_suffix(f".{ending}"), table_columns(emotions), {}, overwrite=True)
    with tempfile.TemporaryDirectory(prefix="bimodal-bucket-") as copies, no_size_warnings(), table:
        for result in run_inference(_frames(files, Path(copies), every), network, config):
            summary.add(result, emotions)
            table.write(list(table_rows(result, emotions)))
        table.finish()
    write_text(shard.with_suffix(_SUMMARY), json.dumps(vars(summary)))


def _frames(files: Sequence[Sequence[str]], folder: Path, every: int) -> Iterator[Frame]:
    """Yield the frames of files, (name, place); those of a bucket are first copied into the folder."""
    copies = [
        (place, folder / f"{number}{Path(name).suffix}" if is_bucket(place) else Path(place))
        for number, (name, place) in enumerate(files)
    ]
    remote = [copy for copy in copies if is_bucket(copy[0])]
    problems = dict(map_in_threads(_copied, remote, "copying from the bucket")) if remote else {}
    for (name, _), (place, file) in zip(files, copies, strict=True):
        if problems.get(place):
            yield Frame(name, None, problem=problems[place])
        else:
            for frame in file_frames(file, every):
                yield replace(frame, file=name)


def _copied(copy: tuple[str, Path]) -> tuple[str, str]:
    """Copy an object; return its address and what is wrong with it, or an empty text."""
    try:
        copy_file(*copy)
    except InputError as error:
        return copy[0], f"unreadable: {error}"
    return copy[0], ""


def _find(inputs: Sequence[str | Path]) -> Iterator[tuple[str, str]]:
    """Yield each file of the inputs once, as the table names it and as any working folder finds it."""
    seen: set[int] = set()  # hashes: a million names would take ten times the memory
    for given in inputs:
        is_empty = True
        for name, place in _files_of(given):
            is_empty = False
            if hash(place) not in seen:
                seen.add(hash(place))
                yield display_name(name), place
        if is_empty:
            raise InputError(f"{display_name(given)} has no images and no videos")


def _files_of(given: str | Path) -> Iterator[tuple[str, str]]:
    if is_bucket(given):
        for found in list_files(given):
            if is_picture_name(found.address) or is_video_name(found.address):
                yield found.address, found.address
    else:
        for file in find_files([given]):
            yield str(file), os.path.abspath(file)


def _write_lists(inputs: Sequence[str | Path], folder: Path) -> list[tuple[Path, int]]:
    """Write the list of files of each shard; return the shards with the number of their files.

    Raises:
        InputError: an interrupted call had other files.
    """
    files = _find(inputs)
    shards: list[tuple[Path, int]] = []
    while chunk := list(islice(files, SHARD)):
        shard = folder / f"{len(shards):06}"
        text = json.dumps(chunk)
        listed = shard.with_suffix(_FILES)
        if listed.is_file() and read_small_text(listed, _MAX_LIST) != text:
            raise InputError(f"the inputs have other files than when {folder} was begun; start again with --overwrite")
        write_text(listed, text)
        shards.append((shard, len(chunk)))
    if len(list(folder.glob(f"*{_FILES}"))) != len(shards):
        raise InputError(f"the inputs have fewer files than when {folder} was begun; start again with --overwrite")
    return shards


def _open_folder(folder: Path, identity: str, resume: bool, overwrite: bool) -> None:
    """Make the folder of the shards, or check that it belongs to this call."""
    mark = folder / _IDENTITY
    if folder.exists():
        if not mark.is_file():
            raise InputError(f"{folder} is not a folder of bimodal; move it, or choose another --out")
        if overwrite:
            shutil.rmtree(folder)
        elif not resume:
            raise InputError(f"{folder} is left from an interrupted call; use --resume or --overwrite")
        elif read_small_text(mark) != identity:
            raise InputError(f"{folder} was begun with another model or other options; repeat them, or use --overwrite")
    folder.mkdir(exist_ok=True)
    write_text(mark, identity)


def _identity(inputs: Sequence[str | Path], network: Network, config: InferenceConfig, every: int) -> str:
    """Return what all shards of a table must share, as text."""
    values = {
        "inputs": hashlib.sha256("\0".join(map(str, inputs)).encode(errors="surrogateescape")).hexdigest(),
        "model": network.info.to_json(),
        "weights": network.digest,
        "detector": None if config.detector is None else sha256_of(config.detector),
        "options": [config.detect, config.detect_side, config.largest, config.flip, every, SHARD],
    }
    return json.dumps(values, indent=1)


def _merged(summaries: Iterable[dict[str, Any]]) -> Summary:
    total = Summary()
    for one in (Summary(**values | {"emotions": Counter(values["emotions"])}) for values in summaries):
        for name in ("images", "faces", "tiny", "without_face", "unreadable"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.emotions.update(one.emotions)
        total.problems += one.problems[: MAX_PROBLEMS - len(total.problems)]
    return total


def _join(tables: Sequence[Path], out: Path, ending: str) -> None:
    """Write one table from those of the shards, block by block."""
    with out.open("wb") as target:
        for number, table in enumerate(tables):
            with table.open("rb") as source:
                if ending == "csv" and number:
                    source.readline()
                shutil.copyfileobj(source, target, 2**20)
