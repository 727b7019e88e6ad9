"""The judgement of an audit as a file, so that a repeated call has nothing to compute."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.label_audit.judge import Judgement, PlantedCheck
from bimodal.removal import TwoModes
from bimodal.removal.noise_model import LabelNoise
from bimodal.runs.read import Array, read_npz

_ARRAYS = ("rows", "labels", "pred_probs", "other_probs", "decided")
_KINDS = {kind.__name__: kind for kind in (TwoModes, LabelNoise)}
_MAX_BYTES, _MAX_BYTES_OF_A_FACE = 64 * 2**20, 2**15  # features of a face: 4 KiB for 2,048 numbers
_MAX_COMPRESSED = 64 * 2**20

_CLASS, _PROBABILITY = Array("iu", low=0, high=len(NAMES) - 1), Array("f", low=0, high=1)
_PROBS = Array("f", len(NAMES), low=0, high=1 + 1e-6)
_BY_FACE = {
    "labels": _CLASS, "pred_probs": _PROBS, "decided": Array("b"),
    "issues_score": Array("f"), "issues_probability": _PROBABILITY, "issues_confidence": _PROBABILITY,
    "issues_is_label_issue": Array("b"), "issues_remove": Array("b"), "issues_suggested": _CLASS,
}  # fmt: skip
_SCALARS = {
    "issues_has_label_issues": Array("b"), "issues_noise_rate": Array("f", low=0, high=1), "issues_threshold": Array("f"),
    "issues_p_value": Array("f", low=0, high=1, allows_nan=True),
    "issues_antimode": Array("f"), "accuracy": Array("f", low=0, high=1),
    **dict.fromkeys(
        ("issues_contradicted", "issues_p_contradicted", "issues_unrelated", "issues_p_unrelated"),
        Array("f", low=0, high=1),
    ),
}  # fmt: skip


def write_judgement(file: Path, judgement: Judgement) -> None:
    """Write a judgement as `.npz`."""
    issues = judgement.issues
    arrays: dict[str, Any] = {f"issues_{each.name}": getattr(issues, each.name) for each in fields(issues)}
    arrays |= {"kind": type(issues).__name__, "features": judgement.features}
    arrays |= {name: getattr(judgement, name) for name in (*_ARRAYS, "identity")}
    if judgement.check is not None:
        arrays |= {"accuracy": judgement.accuracy, "check": [judgement.check.planted, judgement.check.found]}
    save = (
        np.savez_compressed if judgement.features.nbytes < _MAX_COMPRESSED else np.savez
    )  # hardly smaller, and minutes
    write_atomically(file, lambda part: save(part, **arrays))


def read_judgement(file: Path, identity: str, rows: NDArray[np.int64], others: int) -> Judgement | None:
    """Return a stored judgement; None if there is none, it is damaged, or something else was judged.

    Args:
        file: the file.
        identity: of the judgement that is wanted.
        rows: (n,), the rows of the judged faces.
        others: the number of validation and test faces.
    """
    try:
        stored = read_npz(file, _MAX_BYTES + _MAX_BYTES_OF_A_FACE * (len(rows) + others))
        if str(stored["identity"]) != identity or not _is_whole(stored, rows, others):
            return None
        kind = _KINDS[str(stored["kind"])]
        values: dict[str, Any] = {each.name: stored[f"issues_{each.name}"] for each in fields(kind)}
        values = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
        arrays: dict[str, Any] = {name: stored[name] for name in _ARRAYS}
        judgement = Judgement(
            issues=kind(**values), features=stored["features"], identity=identity, is_stored=True, **arrays
        )
        if "check" not in stored:
            return judgement
        planted, found = stored["check"].tolist()
        return replace(judgement, accuracy=float(stored["accuracy"]), check=PlantedCheck(planted, found))
    except (OSError, InputError, KeyError):
        return None


def _is_whole(stored: dict[str, NDArray[Any]], rows: NDArray[np.int64], others: int) -> bool:
    """Return whether all arrays have the types, shapes and ranges of a judgement of these faces."""
    count, classes = len(rows), len(NAMES)
    features = stored["features"]
    return (
        np.array_equal(stored["rows"], rows)
        and stored["rows"].dtype.kind == "i"
        and all(_fits(stored[name], expected, (count,)) for name, expected in _BY_FACE.items())
        and all(_fits(stored[name], expected, ()) for name, expected in _SCALARS.items() if name in stored)
        and _fits(stored["other_probs"], _PROBS, (others,))
        and ("issues_transition" not in stored or _fits(stored["issues_transition"], _PROBS, (classes,)))
        and features.dtype == np.float16
        and features.shape[:1] == (count,)
        and features.ndim == 2
        and bool(np.isfinite(features).all())
        and ("check" not in stored or _fits(stored["check"], Array("iu", low=0), (2,)))
    )


def _fits(array: NDArray[Any], expected: Array, start: tuple[int, ...]) -> bool:
    shape = start if expected.width is None else (*start, expected.width)
    return array.dtype.kind in expected.kinds and array.shape == shape and expected.is_in_range(array)
