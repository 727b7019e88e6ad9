"""The seven emotions: their names and codes in the paper's order, and what other data sets call them."""

from collections.abc import Mapping
from types import MappingProxyType

from bimodal.errors import InputError

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""Names by code: `NAMES[3] == "happy"`. The order is SFEW's, alphabetical, codes 0 to 6 (paper, section 2.1)."""

CODES: Mapping[str, int] = MappingProxyType({name: code for code, name in enumerate(NAMES)})

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "anger": "angry",
        "disgusted": "disgust",
        "afraid": "fear",
        "fearful": "fear",
        "happiness": "happy",
        "joy": "happy",
        "neutrality": "neutral",
        "sadness": "sad",
        "surprised": "surprise",
        "surprize": "surprise",
    }
)
"""Names used by FERPlus, AffectNet, RAF-DB, CK+, KDEF and others, for ours."""


def code_of(label: str, own: Mapping[str, str] | None = None) -> int:
    """Return the code (0 to 6) of a label: a name, an alias, or the code itself, whatever its case.

    Args:
        label: `"Happy"`, `"happiness"` or `"3"`.
        own: the user's own names, `{"freude": "happy"}`; they win over ours.

    Raises:
        InputError: for a label that is neither; the message lists the seven names.

    >>> code_of("Happiness"), code_of("3"), code_of("Freude", {"freude": "happy"})
    (3, 3, 3)
    """
    key = label.strip().casefold()
    if own:
        key = {name.strip().casefold(): emotion for name, emotion in own.items()}.get(key, key)
        key = key.strip().casefold()
    key = ALIASES.get(key, key)
    if key in CODES:
        return CODES[key]
    if key.isdecimal() and int(key) < len(NAMES):
        return int(key)
    raise InputError(
        f"unknown label {label!r}: expected one of {', '.join(NAMES)}; name your own with --labels {label}=<emotion>"
    )
