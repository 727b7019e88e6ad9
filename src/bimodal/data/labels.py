"""Translating a source's labels to the seven emotions, with the meanings that the user gives."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from bimodal.data.label_codes import number_of
from bimodal.data.tables import read_table
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.settings import plain_yaml

DROP = "drop"
_MAX_BYTES = 2**20


def parse_labels(labels: str | Mapping[str, str] | None) -> dict[str, str]:
    """Return the meaning of each label that the user explains: an emotion, or `drop` to leave those pictures out.

    Args:
        labels: pairs as text (`freude=happy,wut=angry`), the path of a YAML or CSV (`name,emotion`) file, or a mapping.

    Raises:
        InputError: the text or the file holds no such pairs, or an emotion is none of the seven.

    >>> parse_labels("freude=happy, contempt=drop")
    {'freude': 'happy', 'contempt': 'drop'}
    """
    pairs = _read_pairs(labels) if isinstance(labels, str) else labels or {}
    meanings = {name.strip(): emotion.strip().casefold() for name, emotion in pairs.items()}
    return {name: DROP if emotion == DROP else NAMES[code_of(emotion)] for name, emotion in meanings.items()}


def translate(label: str, meanings: Mapping[str, str]) -> int | None:
    """Return the code of a source's label, or None if its pictures are to be left out.

    Raises:
        InputError: the label is unknown, or a number without a meaning. `contempt` is none of the seven emotions; the message offers the choices.

    >>> translate("Happiness", {}), translate("Contempt", {"contempt": "drop"})
    (3, None)
    """
    key = label.strip().casefold()
    folded = {name.casefold(): emotion for name, emotion in meanings.items()}
    if folded.get(key) == DROP:
        return None
    if key == "contempt" and key not in folded:
        raise InputError(
            "contempt is none of the seven emotions; leave it out with --labels contempt=drop, "
            "or count it as another: --labels contempt=disgust"
        )
    if number_of(label) and key not in folded:
        raise InputError(
            f"the label {label} is a number, which means another emotion in each data set; choose one with --codes, or give "
            f"its meaning with --labels {label}=<emotion>"
        )
    try:
        return code_of(label, folded)
    except InputError as error:
        raise InputError(f"{error}, or leave it out with --labels {label}=drop") from error


def _read_pairs(text: str) -> Mapping[str, str]:
    path = Path(text)
    if path.suffix.casefold() == ".csv":
        frame = read_table(path, ("name", "emotion"))
        return dict(zip(frame["name"], frame["emotion"], strict=True))
    if path.suffix.casefold() in (".yaml", ".yml"):
        return _read_yaml(path)
    fields = [field.partition("=") for field in text.split(",") if field.strip()]
    if not fields or not all(equals for _, equals, _ in fields):
        raise InputError(f"--labels expects name=emotion,name=emotion or a .yaml or .csv file, got {text!r}")
    return {name: emotion for name, _, emotion in fields}


def _read_yaml(path: Path) -> Mapping[str, str]:
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise InputError(f"--labels: expected a YAML file of at most {_MAX_BYTES // 2**20} MiB at {path}")
    try:
        pairs = plain_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"--labels: {path} is not YAML: {error}") from error
    if not isinstance(pairs, dict) or not pairs:
        raise InputError(f"--labels: expected lines such as `freude: happy` in {path}")
    return {str(name): str(emotion) for name, emotion in pairs.items()}
