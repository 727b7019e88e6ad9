"""The description of a network: it is read back as written; invalid descriptions are refused."""

import json
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.model_files.info import FORMAT, ModelInfo

TEMPLATE = tuple((0.1 * k, 0.2) for k in range(5))


def test_a_description_is_read_back(tmp_path: Path) -> None:
    info = ModelInfo("a/b", ("x", "y"), 48, (0.1, 0.2, 0.3), (1, 2, 3), False, TEMPLATE, 1.7, True, "0.1")
    (tmp_path / "model.json").write_text(info.to_json())
    assert ModelInfo.read(tmp_path / "model.json") == info


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"image_size": 5000},
        {"emotions": ["one"]},
        {"emotions": ["a", "a"]},
        {"emotions": [1, 2]},
        {"emotions": {"a": 1, "b": 2}},
        {"emotions": "ab"},
        {"std": [1, 1, 0]},
        {"mean": [1, 1]},
        {"template": [[0.1, 0.2]]},
        {"mirror": "yes"},
        {"name": 3},
        {"name": "\x1b[31mred"},
        {"emotions": ["a", "\ud800"]},
        {"mean": [10**400, 0, 0]},
        {"std": [1e-300, 1, 1]},
    ],
)
def test_invalid_values_are_refused(change: dict[str, object]) -> None:
    values = json.loads(ModelInfo("a").to_json()) | change
    with pytest.raises(InputError, match="invalid value"):
        ModelInfo.from_json(json.dumps(values), "here")


def test_foreign_newer_and_damaged_files_are_refused(tmp_path: Path) -> None:
    newer = json.loads(ModelInfo("a", version="9.9").to_json()) | {"format": FORMAT + 1}
    with pytest.raises(InputError, match=r"newer bimodal \(9\.9\)"):
        ModelInfo.from_json(json.dumps(newer), "here")
    for text in (
        "",
        "[1]",
        "{}",
        '{"format": 1}',
        '{"format": "1"}',
        "[" * 50_000,
        '{"format": 1, "image_size": ' + "9" * 5000 + "}",
        '{"format": 1, "name": "a", "mean": 3}',
    ):
        with pytest.raises(InputError):
            ModelInfo.from_json(text, "here")
    file = tmp_path / "model.json"
    with pytest.raises(InputError, match="is missing"):
        ModelInfo.read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not text"):
        ModelInfo.read(file)
    file.write_text(" " * 100_000)
    with pytest.raises(InputError, match="larger than"):
        ModelInfo.read(file)
