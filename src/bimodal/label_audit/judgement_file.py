"""The judgement of an audit as a file, so that a repeated call has nothing to compute."""

import zipfile
import zlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.files import write_atomically
from bimodal.label_audit.judge import Judgement, PlantedCheck
from bimodal.removal import TwoModes
from bimodal.removal.noise_model import LabelNoise

_ARRAYS = ("rows", "labels", "pred_probs", "other_probs", "decided")
_KINDS = {kind.__name__: kind for kind in (TwoModes, LabelNoise)}


def write_judgement(file: Path, judgement: Judgement) -> None:
    """Write a judgement as `.npz`."""
    issues = judgement.issues
    arrays: dict[str, Any] = {f"issues_{each.name}": getattr(issues, each.name) for each in fields(issues)}
    arrays |= {"kind": type(issues).__name__, "features": judgement.features.astype(np.float16)}
    arrays |= {name: getattr(judgement, name) for name in (*_ARRAYS, "identity")}
    if judgement.check is not None:
        arrays |= {"accuracy": judgement.accuracy, "check": [judgement.check.planted, judgement.check.found]}
    write_atomically(file, lambda part: np.savez_compressed(part, **arrays))


def read_judgement(file: Path, identity: str) -> Judgement | None:
    """Return a stored judgement; None if there is none, it is damaged, or something else was judged."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            if str(stored["identity"]) != identity:
                return None
            kind = _KINDS[str(stored["kind"])]
            values: dict[str, Any] = {each.name: stored[f"issues_{each.name}"] for each in fields(kind)}
            values = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
            judgement = Judgement(
                issues=kind(**values),
                features=stored["features"].astype(np.float32),
                identity=identity,
                is_stored=True,
                **{name: stored[name] for name in _ARRAYS},
            )
            if "check" not in stored:
                return judgement
            planted, found = stored["check"].tolist()
            return replace(judgement, accuracy=float(stored["accuracy"]), check=PlantedCheck(planted, found))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
