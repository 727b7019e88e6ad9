"""Reading JSON from untrusted files: of bounded size, and with one line for whatever is wrong."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.text import first_line

MAX_JSON_BYTES = 256 * 2**20
MAX_LINE_BYTES = 2**20
_MAX_NAMES, _MAX_SHOWN = 20, 300


def read_json(path: Path) -> Any:
    """Return the content of a JSON file in UTF-8, at most 256 MiB.

    Raises:
        InputError: the file is larger, or it is not JSON.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        raise InputError(f"{path} is larger than {MAX_JSON_BYTES // 2**20} MiB: expected a list of labels")
    return parse_json(content, str(path))


def parse_json(content: bytes | str, where: str) -> Any:
    """Return the value of a JSON text; `where` names it in the message.

    Raises:
        InputError: it is not JSON, it is nested too deeply, or it has a number that is none (`NaN`).

    >>> parse_json('{"label": "happy"}', "a.json")
    {'label': 'happy'}
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise InputError(f"{where} is nested too deeply for a list of labels") from error
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {first_line(error)}") from error


def read_json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the object of each line of a JSON Lines file that is not blank; the file has at most 256 MiB, a line 1 MiB.

    Raises:
        InputError: the file or a line is larger, or a line is no JSON object.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise InputError(f"{path} is larger than {MAX_JSON_BYTES // 2**20} MiB: expected a list of labels")
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            where = f"{path}, line {number}"
            if len(line) > MAX_LINE_BYTES:
                raise InputError(f"{where} is longer than {MAX_LINE_BYTES // 2**20} MiB: expected one picture a line")
            if line.strip(b"\xef\xbb\xbf \t\r\n"):
                row = parse_json(line, where)
                if not isinstance(row, dict):
                    raise InputError(f'{where}: expected an object such as {{"file_name": "1.png", "label": "happy"}}')
                yield row


def text_of(value: object) -> str:
    """Return a value of a JSON file as the text of a table's cell; a list of one value is that value.

    >>> text_of(3), text_of(None), text_of(["happy"]), text_of([1, 2.5])
    ('3', '', 'happy', '[1, 2.5]')
    """
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], (dict, list)):
        value = value[0]
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def list_of_dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, without what is no object; an empty list for what is no list.

    >>> list_of_dicts([{"id": 1}, 7, None]), list_of_dicts("x")
    ([{'id': 1}], [])
    """
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def shown_names(names: Iterable[object]) -> str:
    """Return names from an untrusted file for a message of one line.

    >>> shown_names(["image", "a\\nb"])
    'image, a?b'
    """
    text = ", ".join(str(name) for name in islice(names, _MAX_NAMES))[:_MAX_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number of JSON")
