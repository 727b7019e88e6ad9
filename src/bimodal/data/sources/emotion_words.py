"""Which names of folders and parts of file names are emotions, also with a number in front (`0_angry`)."""

import re
from collections.abc import Mapping

from bimodal.emotions import CODES, code_of
from bimodal.errors import InputError

_CODE = re.compile(r"0|[1-9]\d?")
_NUMBERED = re.compile(r"\d+[\W_]+(.+)")


def label_of(name: str, meanings: Mapping[str, str]) -> str:
    """Return the label that the name of a folder gives: the name, without a number in front of an emotion.

    >>> label_of("0_angry", {}), label_of("3 - Happiness", {}), label_of("7_bored", {})
    ('angry', 'Happiness', '7_bored')
    """
    match = _NUMBERED.fullmatch(name.strip())
    return match[1] if match and not _is_word(name, meanings) and _is_word(match[1], meanings) else name


def is_label(name: str, meanings: Mapping[str, str]) -> bool:
    """Return whether a name is a label: an emotion, contempt, one of the user's, or a code (0 to 99; not 004 or 2024).

    >>> is_label("Anger", {}), is_label("3", {}), is_label("wut", {"wut": "angry"}), is_label("images", {})
    (True, True, True, False)
    """
    return _CODE.fullmatch(name.strip()) is not None or _is_word(label_of(name, meanings), meanings)


def emotion_in(text: str) -> str:
    """Return the only emotion among the words of a text, such as a file name; `""` if there is none, or several.

    >>> emotion_in("img001_happy"), emotion_in("SadFace-3"), emotion_in("happy_or_sad"), emotion_in("unhappy")
    ('happy', 'Sad', '', '')
    """
    words = [word for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text) if _is_word(word, {})]
    return words[0] if len({word.casefold() for word in words}) == 1 else ""


def _is_word(name: str, meanings: Mapping[str, str]) -> bool:
    """Return whether a name is an emotion, contempt, or a label that the user explains, but no number by itself."""
    key = name.strip().casefold()
    if key in {meaning.strip().casefold() for meaning in meanings} or key == "contempt" or key in CODES:
        return True
    try:
        code_of(key)
    except InputError:
        return False
    return not key.isdecimal()
