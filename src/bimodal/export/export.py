"""`bimodal export`: a run in, an ONNX file out, with what it costs."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.evaluation.conclusion import Comparison, compare
from bimodal.export.int8 import write_int8
from bimodal.export.onnx import Parity, write_onnx
from bimodal.files import write_atomically
from bimodal.inference.onnx_network import load_onnx
from bimodal.inference.torch_network import info_of
from bimodal.runs.run import Run
from bimodal.training.predict import load_model
from bimodal.vision.pictures import UnreadableError, decode, resize

_COMPARED, _CALIBRATED = 64, 512
"""Faces on which parity is measured, and ranges of activations."""


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        file: that was written.
        bytes: its size.
        parity: of the network in single precision with PyTorch's.
        on_faces: whether it was measured on validation faces; where those are gone, on random pixels.
        int8: accuracy in eight bits minus that in single precision, on the validation faces; None: not asked for.
    """

    file: Path
    bytes: int
    parity: Parity
    on_faces: bool
    int8: Comparison | None = None


def export_run(
    folder: Path, out: Path, *, int8: bool = False, data: Path | None = None, overwrite: bool = False
) -> Exported:
    """Export the network of a run, or of a published folder, to ONNX.

    Args:
        folder: of the run.
        out: the `.onnx` file to write.
        int8: in eight bits: a quarter of the size, and faster on most processors. Needs the run's faces.
        data: where the run's data folder lies now.
        overwrite: replace `out`.

    Raises:
        InputError: the run cannot be read, `out` is there or no `.onnx`, the faces that int8 needs are gone, or the
            exported network differs from the original.
    """
    if out.suffix.casefold() != ".onnx":
        raise InputError(f"--out must end in .onnx, got {out.name!r}")
    if out.is_dir() or (out.exists() and not overwrite):
        raise InputError(f"{out} exists; choose another --out, or replace it with --overwrite")
    run = Run.open(folder)
    info = info_of(run)
    model = load_model(run)
    manifest = _faces_of(run, data)
    if int8 and manifest is None:
        raise InputError("int8 is fitted on the run's training faces, and they are gone; say where with --data")
    known = (run.path / "environment.json").is_file()  # a published folder does not tell
    if int8 and manifest is not None and known and not run.was_trained_on(manifest.fingerprint):
        raise InputError(f"{manifest.root} does not hold the very faces and labels that {folder} was trained on")
    out.parent.mkdir(parents=True, exist_ok=True)
    size = info.image_size
    if not int8 or manifest is None:
        compared = _compared(manifest, size, must=data is not None)
        on_faces = compared is not None
        if compared is None:
            compared = np.random.default_rng(0).integers(0, 256, (_COMPARED, size, size, 3), dtype=np.uint8)
        parity = write_onnx(model, info, out, compared)
        return Exported(out, out.stat().st_size, parity, on_faces)
    faces, labels = _some(manifest, "val", size)
    with tempfile.TemporaryDirectory() as work:
        single, small = Path(work) / "single.onnx", Path(work) / "small.onnx"
        parity = write_onnx(model, info, single, faces[:_COMPARED])
        write_int8(single, small, info, _some(manifest, "train", size, _CALIBRATED)[0])
        right = [_right(file, faces, labels) for file in (single, small)]
        write_atomically(out, lambda part: shutil.copyfile(small, part))
    return Exported(out, out.stat().st_size, parity, True, compare(right[0], right[1]))


def _faces_of(run: Run, data: Path | None) -> Manifest | None:
    """Return the faces of a run, if they are there; a published one does not say where its faces are."""
    if data is not None:
        return Manifest.read(data)
    try:
        return Manifest.read(run.data) if run.config["data"] and run.data.is_dir() else None
    except InputError:
        return None


def _compared(manifest: Manifest | None, size: int, must: bool) -> NDArray[np.uint8] | None:
    """Return some validation faces, (n,S,S,3), or None where they cannot be had and need not be."""
    try:
        return None if manifest is None else _some(manifest, "val", size, _COMPARED)[0]
    except InputError:
        if must:
            raise
        return None


def _some(
    manifest: Manifest, split: str, size: int, limit: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return faces of a split, (n,S,S,3), evenly over its rows, and their labels."""
    rows = manifest.rows(split)
    if not len(rows):
        raise InputError(f"{manifest.root} has no faces in split {split}; say where the run's faces are with --data")
    if limit is not None and len(rows) > limit:
        rows = rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
    try:
        faces = [resize(decode(manifest.path(row)), size) for row in rows]
    except UnreadableError as error:
        raise InputError(f"a face in {manifest.root} cannot be read ({error}); prepare it anew") from error
    return np.stack(faces), manifest.labels[rows]


def _right(file: Path, faces: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    network = load_onnx(file)
    parts = [network.probabilities(faces[start : start + 256]) for start in range(0, len(faces), 256)]
    return np.asarray(np.concatenate(parts).argmax(axis=1) == labels)
