"""The folder of a cross-validation: its files, and the record of its data and settings."""

from pathlib import Path
from typing import Any

import yaml

from bimodal.errors import InputError
from bimodal.settings import plain_yaml
from bimodal.untrusted import read_small_text

RECORD = "folds.yaml"
"""The file by which such a folder is recognised: data folder, fingerprint of the data, number of folds, settings."""
PREDICTIONS, MEASURES = "predictions_out_of_fold.csv", "folds.csv"


def is_cross_validation(out: Path) -> bool:
    """Return whether a folder holds a cross-validation."""
    return (out / RECORD).is_file()


def read_record(out: Path) -> dict[str, Any]:
    """Return the data and settings of the cross-validation in a folder; empty if there is none.

    Raises:
        InputError: the record is damaged.
    """
    file = out / RECORD
    if not is_cross_validation(out):
        return {}
    try:
        record = dict(plain_yaml(read_small_text(file)))
        kinds = {"data": str, "fingerprint": str, "folds": int, "settings": dict}
        if all(isinstance(record[key], kind) for key, kind in kinds.items()):
            return record
    except (yaml.YAMLError, UnicodeError, TypeError, ValueError, KeyError):
        pass
    raise InputError(f"{file} is damaged; choose another --out, or start again with --overwrite")
