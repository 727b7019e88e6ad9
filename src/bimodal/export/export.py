"""Export the network of a run as an ONNX file, in single precision or quantised to 8 bits."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.evaluation.comparison import Comparison, compare
from bimodal.export.int8 import write_int8
from bimodal.export.onnx import Parity, write_onnx
from bimodal.files import write_atomically
from bimodal.memory import check_memory
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.model_files.onnx_network import load_onnx
from bimodal.runs.run import Run
from bimodal.training.predict import load_model
from bimodal.vision.pictures import UnreadableError, decode, resize

_PARITY_FACES, _CALIBRATION_FACES = 64, 512


@dataclass(frozen=True)
class ExportResult:
    """The result of an export.

    Attributes:
        parity: the difference between the network in single precision and PyTorch.
        on_faces: True if the parity was measured on validation faces; False: on random pixels, without the run's data.
        int8: accuracy with 8 bits against single precision, on the validation faces; None: not quantised.
    """

    file: Path
    bytes: int
    parity: Parity
    on_faces: bool
    int8: Comparison | None = None


def export_run(
    folder: str | Path, out: str | Path, *, int8: bool = False, data: str | Path | None = None, overwrite: bool = False
) -> ExportResult:
    """Export the network of a run folder, or of a published folder, to ONNX.

    `int8` quantises to 8 bits: a quarter of the size, and faster on most processors. It needs the `data` folder that the
    run was trained on, by default where it was during training.

    Raises:
        InputError: the run cannot be read, `out` exists or has another suffix, the data that `int8` needs are missing,
            or the exported network differs from the original.
    """
    folder, out = Path(folder), Path(out)
    if out.suffix.casefold() != ".onnx":
        raise InputError(f"--out must end in .onnx, got {out.name!r}")
    if out.is_dir() or (out.exists() and not overwrite):
        raise InputError(f"{out} exists; choose another --out, or replace it with --overwrite")
    check_memory()
    run = Run.open(folder)
    info = ModelInfo.read(folder / INFO_FILE)
    model = load_model(run)
    manifest = _find_data(run, data)
    if int8 and manifest is None:
        raise InputError("--int8 needs the data folder that the run was trained on; give it with --data")
    has_fingerprint = (run.path / "environment.json").is_file()  # a published folder has none
    if int8 and manifest and has_fingerprint and not run.was_trained_on(manifest.fingerprint):
        raise InputError(f"{manifest.root} differs from the data that {folder} was trained on; give those with --data")
    out.parent.mkdir(parents=True, exist_ok=True)
    size = info.image_size
    if int8 and manifest is not None:
        faces, labels = _load_faces(manifest, "val", size)
        with tempfile.TemporaryDirectory() as work:
            single, quantised = Path(work) / "single.onnx", Path(work) / "int8.onnx"
            parity = write_onnx(model, info, single, faces[:_PARITY_FACES])
            write_int8(single, quantised, info, _load_faces(manifest, "train", size, _CALIBRATION_FACES)[0])
            comparison = compare(_is_correct(single, faces, labels), _is_correct(quantised, faces, labels))
            write_atomically(out, lambda part: shutil.copyfile(quantised, part))
        return ExportResult(out, out.stat().st_size, parity, True, comparison)
    found = None
    try:
        found = None if manifest is None else _load_faces(manifest, "val", size, _PARITY_FACES)[0]
    except InputError:
        if data is not None:
            raise
    random = np.random.default_rng(0).integers(0, 256, (_PARITY_FACES, size, size, 3), dtype=np.uint8)
    parity = write_onnx(model, info, out, random if found is None else found)
    return ExportResult(out, out.stat().st_size, parity, found is not None)


def _find_data(run: Run, data: str | Path | None) -> Manifest | None:
    """Return the manifest of the run's data; None if they are not where they were, or the run was published."""
    if data is not None:
        return Manifest.read(Path(data))
    try:
        return Manifest.read(run.data) if run.config["data"] and run.data.is_dir() else None
    except InputError:
        return None


def _load_faces(
    manifest: Manifest, split: str, size: int, limit: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return faces of a split, (n,S,S,3), spread evenly over its rows, and their labels, (n,)."""
    rows = manifest.rows(split)
    if not len(rows):
        raise InputError(f"{manifest.root} has no faces in split {split}; give the run's data folder with --data")
    if limit is not None and len(rows) > limit:
        rows = rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
    try:
        faces = [resize(decode(manifest.picture(row)), size) for row in rows]
    except UnreadableError as error:
        raise InputError(f"an image of {manifest.root} cannot be read ({error}); prepare the data again") from error
    return np.stack(faces), manifest.labels[rows]


def _is_correct(file: Path, faces: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    network = load_onnx(file)
    parts = [network.probabilities(faces[start : start + 256]) for start in range(0, len(faces), 256)]
    return np.asarray(np.concatenate(parts).argmax(axis=1) == labels)
