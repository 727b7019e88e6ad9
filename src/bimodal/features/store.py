"""The features of all pictures of a data folder, computed once and kept in its cache."""

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from bimodal.data.cache import cache_folder, decoded, read_rows
from bimodal.data.manifest import Manifest
from bimodal.evaluation.calibration import log_softmax
from bimodal.features.embedder import Embedder
from bimodal.files import matches_checksum, write_checksum, write_text
from bimodal.memory import check_memory
from bimodal.progress import track
from bimodal.untrusted import read_small_json

BATCH, _SAVE_EVERY = 64, 2048


@dataclass(frozen=True, eq=False)
class Features:
    """Features of N pictures.

    Attributes:
        values: (N,F) float16, a read-only memory map: pooled features, averaged over the picture and its mirror image.
        log_probs: (N,K) float16: log probabilities of `classes` by the network that gave the features; K may be 0.
        classes: K names of emotions.
        network: name of the network.
    """

    values: NDArray[np.float16]
    log_probs: NDArray[np.float16]
    classes: tuple[str, ...]
    network: str


def features_of(manifest: Manifest, embedder: Embedder) -> Features:
    """Return the features of all pictures of a manifest; the first call computes and caches them.

    The file lies in `.cache/` of the data folder and is named by the network's checksum and the fingerprint of the
    pictures. An interrupted call resumes. A file that does not match its checksum is computed again.

    Args:
        manifest: N pictures.
        embedder: the network.

    Raises:
        InputError: a picture cannot be read.
        OSError: the disk is full.
    """
    file = cache_file(manifest, embedder)
    checksum = file.with_suffix(".sha256")
    with FileLock(file.with_suffix(".lock")):  # a second call waits for the first, and then reads its file
        if not matches_checksum(file, checksum):
            _compute(file, manifest, embedder)
            write_checksum(file, checksum)
    values: NDArray[np.float16] = np.load(file, mmap_mode="r", allow_pickle=False)
    width = values.shape[1] - len(embedder.classes)
    return Features(values[:, :width], values[:, width:], embedder.classes, embedder.name)


def cache_file(manifest: Manifest, embedder: Embedder) -> Path:
    """Return the file of the features; beside it are its `.sha256` and its `.lock`."""
    name = re.sub(r"[^\w.-]", "-", embedder.name.rpartition("/")[2])[:40]
    digests = f"{embedder.digest[:16]}-{embedder.image_size}-{manifest.pictures_fingerprint[:16]}"
    return cache_folder(manifest) / f"features-{name}-{digests}.npy"


def outputs_of(embedder: Embedder, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a batch's rows of the file: features, then log probabilities."""
    features, logits = embedder(pictures)
    return np.concatenate([features, log_softmax(logits)] if logits.shape[1] else [features], axis=1)


def _compute(file: Path, manifest: Manifest, embedder: Embedder) -> None:
    """Fill a partial file batch by batch; `.progress` says how many rows are finished, with a checksum of them."""
    pictures = decoded(manifest, embedder.image_size)
    part, progress = file.with_suffix(".part"), file.with_suffix(".progress")
    first = np.concatenate(embedder(read_rows(pictures, 0, 1)), axis=1)
    shape = (len(manifest), first.shape[1])
    done = _finished_rows(part, progress, shape)
    if not done:
        with suppress(FileNotFoundError):
            part.unlink()
        np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape).flush()
    values: NDArray[np.float16] = np.load(part, mmap_mode="r", allow_pickle=False)
    digest = hashlib.sha256(values[:done].data)
    with part.open("r+b") as handle:  # pages of a memory map would count as memory of this process
        handle.seek(values.offset + values[:done].nbytes)  # type: ignore[attr-defined]
        del values
        for start, batch in _batches(pictures, embedder, done):
            rows = batch.astype(np.float16).tobytes()
            handle.write(rows)
            digest.update(rows)
            if start % _SAVE_EVERY == 0:
                handle.flush()
                write_text(progress, json.dumps({"rows": start + len(batch), "sha256": digest.hexdigest()}))
    part.replace(file)
    progress.unlink(missing_ok=True)


def _batches(pictures: NDArray[np.uint8], embedder: Embedder, done: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    def compute(start: int) -> tuple[int, NDArray[np.float32]]:
        return start, outputs_of(embedder, read_rows(pictures, start, min(start + BATCH, len(pictures))))

    starts = range(done, len(pictures), BATCH)
    check_memory()
    with ThreadPoolExecutor(embedder.workers) as pool:
        waiting: deque[Future[tuple[int, NDArray[np.float32]]]] = deque()
        for start in track(starts, "computing features", len(starts)):  # a few batches ahead, so that memory stays flat
            waiting.append(pool.submit(compute, start))
            if len(waiting) > 2 * embedder.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _finished_rows(part: Path, progress: Path, shape: tuple[int, int]) -> int:
    """Return how many rows of a partial file are finished and undamaged."""
    try:
        state = read_small_json(progress)
        values = np.load(part, mmap_mode="r", allow_pickle=False)
        rows = int(state["rows"])
        if values.shape != shape or values.dtype != np.float16 or not 0 < rows <= len(values):
            return 0
        return rows if hashlib.sha256(values[:rows]).hexdigest() == state["sha256"] else 0
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return 0
