"""Damage to files, drawn by hypothesis: of bytes, of a cell of a table, of a value of JSON or YAML, of an array."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXTS = (
    *(
        "",
        " ",
        "nan",
        "inf",
        "-1",
        "0",
        "1.5",
        "1e308",
        "1e999",
        "9" * 30,
        "9" * 5000,
        "0x10",
        "1_0",
        "１",
        "true",
        "None",
    ),
    *(
        "=1+1",
        "\x00",
        "a\nb",
        "\r",
        '"',
        "../../etc/passwd",
        "/etc/passwd",
        "é",
        "\u202e",
        "x" * 200_000,
        "{",
        "happy",
        "test",
    ),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**30,
        10**400,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "\x00",
        "x" * 100_000,
    ),
    *([], {}, [[]], {"": {}}, [1] * 1000, "/etc/passwd", "../..", -(10**18), [None], {"rule": {}}),
)
NESTED = (
    "[" * 100_000,
    '{"a":' * 100_000,
    "- " * 50_000,
    "{a: " * 20_000,
    '[{"a":' * 50_000 + "1",
    "&a [*a]",
    "!!python/name:os.system x",
)
ARRAYS: tuple[Callable[[np.ndarray], Any], ...] = (
    lambda array: array[:-1] if array.ndim else np.array([array]),
    lambda array: array.astype(complex) if array.dtype.kind in "fiu" else array.astype("S1"),
    lambda array: array.astype("datetime64[s]") if array.dtype.kind in "iu" else array.astype(str),
    lambda array: np.full(array.shape, np.nan),
    lambda array: np.full(array.shape, np.inf),
    lambda array: np.full(array.shape, -(10**12)),
    lambda array: np.full(array.shape, 1e300),
    lambda array: array[..., None],
    lambda array: np.zeros((0, *array.shape[1:]), array.dtype),
    lambda array: np.array("x"),
    lambda array: array.astype(bool),
    lambda array: np.broadcast_to(array, (3, *array.shape)).copy(),
    lambda array: None,
)


def damaged(draw: Draw, file: Path) -> bytes:
    """Return the content of a file after a drawn damage."""
    content, suffix = file.read_bytes(), file.suffix.casefold()
    ways: dict[str, Callable[[Draw, bytes], bytes]] = {".csv": _cell, ".json": _json, ".yaml": _yaml, ".npz": _array}
    if suffix in ways and draw(st.integers(0, 3)):
        try:
            return ways[suffix](draw, content)
        except (ValueError, yaml.YAMLError, csv.Error):  # this file is none of that
            pass
    return _bytes(draw, content)


def _bytes(draw: Draw, content: bytes) -> bytes:
    start, end = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
    way = draw(st.integers(0, 8))
    if way == 0:
        return content[:start]
    if way == 1:
        return content[:start] + bytes(end - start) + content[end:]
    if way == 2:
        return bytes(len(content))
    if way == 3:
        return content[:start] + draw(st.binary(min_size=1, max_size=16)) + content[start:]
    if way == 4:
        return content[:start] + content[end:]
    if way == 5:
        return content[:end] + content[start:]
    if way == 6:
        return draw(st.binary(max_size=64))
    if way == 7 and content:
        place = min(start, len(content) - 1)
        return content[:place] + bytes([content[place] ^ (1 << draw(st.integers(0, 7)))]) + content[place + 1 :]
    return b""


def _cell(draw: Draw, content: bytes) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    if not rows:
        raise ValueError("no rows")
    row = draw(st.integers(0, len(rows) - 1))
    column = draw(st.integers(0, max(len(rows[row]) - 1, 0)))
    way = draw(st.integers(0, 9))
    if way == 0:
        rows.insert(row, rows[row])
    elif way == 1:
        rows = [cells[:column] + cells[column + 1 :] for cells in rows]
    elif way == 2:
        rows[row] = rows[row][:column]
    elif way == 3:
        rows = rows[:1]
    elif way == 4:
        rows = [[*cells, *cells] for cells in rows]
    elif rows[row]:
        rows[row][column] = draw(st.sampled_from(TEXTS))
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogatepass")


def _json(draw: Draw, content: bytes) -> bytes:
    if not draw(st.integers(0, 9)):
        return str(draw(st.sampled_from(NESTED))).encode()
    return json.dumps(_changed(draw, json.loads(content))).encode()


def _yaml(draw: Draw, content: bytes) -> bytes:
    if not draw(st.integers(0, 9)):
        return str(draw(st.sampled_from(NESTED))).encode()
    return yaml.safe_dump(_changed(draw, yaml.safe_load(content)), allow_unicode=True).encode()


def _changed(draw: Draw, value: Any) -> Any:
    """Return a value of JSON with one part of it replaced, renamed or taken out."""
    if isinstance(value, (dict, list)) and value and draw(st.integers(0, 5)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw(st.sampled_from(keys))
        copy: Any = dict(value) if isinstance(value, dict) else list(value)
        if not draw(st.integers(0, 7)):
            del copy[key]
        else:
            copy[key] = _changed(draw, value[key])
        return copy
    return draw(st.sampled_from(VALUES))


def _array(draw: Draw, content: bytes) -> bytes:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays: dict[str, Any] = dict(stored)
    name = draw(st.sampled_from(sorted(arrays)))
    new = draw(st.sampled_from(ARRAYS))(arrays[name])
    arrays[name] = new
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{key: array for key, array in arrays.items() if array is not None})
    return buffer.getvalue()
