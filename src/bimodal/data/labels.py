"""From a source's words for emotions to our seven names, with what the user says about it."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from bimodal.data.manifest import read_table
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from bimodal.settings import plain_yaml

DROP = "drop"
_MAX_FILE = 2**20


def parse_labels(text: str) -> dict[str, str]:
    """Read the user's own names: `freude=happy,wut=angry`, or a YAML or CSV (`name,emotion`) file of them.

    Args:
        text: the pairs, or the path of a file; an emotion may be `drop`: those pictures are left out.

    Raises:
        InputError: not such pairs, or an emotion that is none of the seven.

    >>> parse_labels("freude=happy, contempt=drop")
    {'freude': 'happy', 'contempt': 'drop'}
    """
    path = Path(text)
    if path.suffix.casefold() in (".yaml", ".yml", ".csv"):
        pairs = _from_file(path)
    else:
        fields = [field.partition("=") for field in text.split(",") if field.strip()]
        if not fields or not all(equals for _, equals, _ in fields):
            raise InputError(f"--labels expects name=emotion,name=emotion or a .yaml or .csv file, got {text!r}")
        pairs = {name: emotion for name, _, emotion in fields}
    own = {name.strip(): emotion.strip().casefold() for name, emotion in pairs.items()}
    return {name: DROP if emotion == DROP else NAMES[code_of(emotion)] for name, emotion in own.items()}


def translate(label: str, own: Mapping[str, str]) -> int | None:
    """Return the code of a source's label, or None where it is to be left out.

    Raises:
        InputError: for an unknown label; for `contempt`, which is none of the seven, it names the choice.

    >>> translate("Happiness", {}), translate("Contempt", {"contempt": "drop"})
    (3, None)
    """
    key = label.strip().casefold()
    folded = {name.casefold(): emotion for name, emotion in own.items()}
    if folded.get(key) == DROP:
        return None
    if key == "contempt" and key not in folded:
        raise InputError(
            "contempt is none of the seven emotions; leave it out with --labels contempt=drop, "
            "or count it as another: --labels contempt=disgust"
        )
    try:
        return code_of(label, folded)
    except InputError as error:
        raise InputError(f"{error}, or leave it out with --labels {label}=drop") from error


def _from_file(path: Path) -> dict[str, str]:
    if path.suffix.casefold() == ".csv":
        frame = read_table(path, ("name", "emotion"))
        return dict(zip(frame["name"], frame["emotion"], strict=True))
    if not path.is_file() or path.stat().st_size > _MAX_FILE:
        raise InputError(f"--labels: expected a small YAML file at {path}")
    try:
        pairs = plain_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"--labels: {path} is not YAML: {error}") from error
    if not isinstance(pairs, dict) or not pairs:
        raise InputError(f"--labels: expected lines such as `freude: happy` in {path}")
    return {str(name): str(emotion) for name, emotion in pairs.items()}
