"""The seven emotions: their names and codes in the paper's order, and their names in other data sets."""

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
        "suprise": "surprise",
        "suprised": "surprise",
    }
)
"""Names in FERPlus, AffectNet, RAF-DB, CK+, KDEF and other data sets, with their name here."""


def code_of(label: str, meanings: Mapping[str, str] | None = None) -> int:
    """Return the code (0 to 6) of a label: a name or an alias, in upper or lower case.

    A number is no label here, because it is another emotion in each data set (`data.label_codes`).

    Args:
        label: such as `"Happy"` or `"happiness"`.
        meanings: the user's labels, such as `{"freude": "happy"}`; they take precedence.

    Raises:
        InputError: the label is unknown, or a number; the message lists the seven names.

    >>> code_of("Happiness"), code_of("Freude", {"freude": "happy"})
    (3, 3)
    """
    key = label.strip().casefold()
    if meanings:
        key = {name.strip().casefold(): emotion for name, emotion in meanings.items()}.get(key, key)
        key = key.strip().casefold()
    key = ALIASES.get(key, key)
    if key in CODES:
        return CODES[key]
    raise InputError(
        f"unknown label {label!r}: expected one of {', '.join(NAMES)}; give its meaning with --labels {label}=<emotion>"
    )
