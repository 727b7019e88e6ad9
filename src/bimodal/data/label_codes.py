"""Labels that are numbers: what they mean in each data set, and in which of them a source's numbers could be.

The same number is another emotion in each data set, so a number counts only by a table that the user chooses, by
`--labels`, or by the layout of a data set that was recognised.
"""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.text import plural

_WORDS = {
    "bimodal": NAMES,
    "fer2013": ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    "raf-db": ("", "surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"),
    "affectnet": (
        *("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
        *("none", "uncertain", "no-face"),
    ),
    "ckplus": ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"),
    "expw": ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
}
CODE_TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        name: MappingProxyType({str(number): word for number, word in enumerate(words) if word})
        for name, words in _WORDS.items()
    }
)
"""The words of each number, by data set, as its authors write them.

FER2013 and ExpW have the same order, that of `bimodal` is SFEW's; RAF-DB (Li, Deng & Du 2017) begins with 1; AffectNet is
Mollahosseini, Hasani & Mahoor 2019; CK+ is Lucey et al. 2010.
"""
NO_EMOTION: Mapping[str, str] = MappingProxyType(dict.fromkeys(("none", "uncertain", "no-face"), "drop"))
"""Words of AffectNet for pictures without one of the emotions, which are left out."""
_NUMBER = re.compile(r"(-?)0*(\d+)(?:\.0*)?", re.ASCII)
_SHOWN = 15


def number_of(label: str) -> str:
    """Return a label that is a whole number without zeros around it, such as pandas writes them; `""` for another label.

    >>> number_of(" 3"), number_of("03"), number_of("3.0"), number_of("-1"), number_of("0"), number_of("3a")
    ('3', '3', '3', '-1', '0', '')
    """
    match = _NUMBER.fullmatch(label.strip())
    return match[1] + match[2] if match else ""


def words_of_numbers(counts: Mapping[str, int], explained: Collection[str], codes: str | None) -> dict[str, str]:
    """Return the word of each label that is a number: that of the user's list, or of a table.

    Args:
        counts: the number of pictures by label; labels that are no numbers are passed over.
        explained: the labels whose meaning the user gives, such as `{"7"}`; they take precedence.
        codes: the table, a name of `CODE_TABLES`; None: the user explains every number.

    Returns:
        For each such label, the user's spelling of it, or the word of the table.

    Raises:
        InputError: a number has no meaning; the message lists all numbers and the tables that fit.

    >>> words_of_numbers({"1.0": 20, "happy": 3, "8": 1}, {"08"}, "raf-db")
    {'1.0': 'surprise', '8': '08'}
    """
    spelling = {number: label for label in explained if (number := number_of(label))}
    table = CODE_TABLES[codes] if codes else {}
    numbers = {label: number for label in counts if (number := number_of(label))}
    unknown = {number for number in numbers.values() if number not in spelling and number not in table}
    if unknown:
        totals: dict[str, int] = {}
        for label, number in numbers.items():
            totals[number] = totals.get(number, 0) + counts[label]
        raise InputError(_refusal(totals, unknown, spelling, codes))
    return {label: spelling.get(number) or table[number] for label, number in numbers.items()}


def fitting_tables(numbers: Collection[str]) -> list[str]:
    """Return the tables that have all of these numbers, those with the fewest others first.

    >>> fitting_tables({"1", "2", "3", "4", "5", "6", "7"}), fitting_tables({"0", "6"}), fitting_tables({"11"})
    (['raf-db', 'ckplus', 'affectnet'], ['bimodal', 'fer2013', 'expw', 'ckplus', 'affectnet'], [])
    """
    fitting = [name for name, table in CODE_TABLES.items() if set(numbers) <= table.keys()]
    return sorted(fitting, key=lambda name: len(CODE_TABLES[name]))


def _refusal(totals: Mapping[str, int], unknown: Collection[str], explained: Collection[str], codes: str | None) -> str:
    ordered = sorted(totals, key=_order)
    shown = ", ".join(f"{number} ({totals[number]:,})" for number in ordered[:_SHOWN])
    shown += f", ... ({plural(len(ordered) - _SHOWN, 'more number')})" if len(ordered) > _SHOWN else ""
    missing = sorted(unknown, key=_order)
    if codes:
        start = f"--codes {codes} has no meaning for the label {_some(missing)}; the labels are {shown}"
    elif explained:
        start = f"--labels explains some labels that are numbers, but not {_some(missing)}; the labels are {shown}"
    else:
        start = f"the labels are numbers, which mean other emotions in each data set: {shown}"
    fitting = fitting_tables(totals) or fitting_tables(set(totals) - set(explained))
    tables = [f"--codes {' or '.join(names)} ({_content(names[0])})" for names in _by_content(fitting)]
    each = f"--labels {missing[0]}=<emotion>{f',{missing[1]}=...' if len(missing) > 1 else ''} (or =drop)"
    if tables:
        return f"{start}; choose the right table of those that fit: {'; '.join(tables)}; or give each: {each}"
    return f"{start}; give each: {each}"


def _by_content(names: list[str]) -> list[list[str]]:
    """Return the names in lists of tables that have the same content."""
    lists: list[list[str]] = []
    for name in names:
        same = next((others for others in lists if CODE_TABLES[others[0]] == CODE_TABLES[name]), None)
        lists.append([name]) if same is None else same.append(name)
    return lists


def _content(name: str) -> str:
    return ", ".join(f"{number} {word}" for number, word in CODE_TABLES[name].items() if word not in NO_EMOTION)


def _some(numbers: list[str]) -> str:
    return ", ".join(numbers[:_SHOWN]) + (", ..." if len(numbers) > _SHOWN else "")


def _order(number: str) -> tuple[bool, int, str]:
    return not number.startswith("-"), len(number), number  # a number in a hostile table may have a million digits
