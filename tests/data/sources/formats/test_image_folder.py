import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from bimodal.errors import InputError
from tests.data.sources.formats.conftest import Read, by, pictures, why


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_metadata_csv_in_the_root(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "train/1.png", "train/2.png", "test/3.png", "test/4.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\ntrain/1.png,happy\ntrain/2.png,sad\ntest/3.png,fear\n")
    source = read(tmp_path)
    assert source.kind == "imagefolder"
    assert by(source, "name", "label", "split") == [
        ("train/1.png", "happy", "train"),
        ("train/2.png", "sad", "train"),
        ("test/3.png", "fear", "test"),
    ]
    assert why(source) == [("test/4.png", "ignored", "not listed in metadata.csv")]


def test_metadata_in_the_folders_of_the_splits(tmp_path: Path, read: Read) -> None:
    for split in ("train", "validation", "test"):
        pictures(tmp_path / split, "in/1.png")
    lines(tmp_path / "train/metadata.jsonl", {"file_name": "in/1.png", "emotion": "happy", "person": "ann", "age": 3})
    lines(tmp_path / "test/metadata.jsonl", {"file_name": "in/1.png", "emotion": "sad", "person": "bob"})
    lines(tmp_path / "validation/metadata.jsonl", {"file_name": "in/1.png", "emotion": "fear", "person": None})
    source = read(tmp_path, group="person")
    assert by(source, "name", "label", "split", "group", "content") == [
        ("test/in/1.png", "sad", "test", "bob", tmp_path / "test/in/1.png"),
        ("train/in/1.png", "happy", "train", "ann", tmp_path / "train/in/1.png"),
        ("validation/in/1.png", "fear", "val", "", tmp_path / "validation/in/1.png"),
    ]


def test_several_faces_of_a_picture(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    objects = {"bbox": [[1, 2, 5, 6], [6, 2, 5, 6.5]], "categories": ["happy", "sad"]}
    lines(tmp_path / "metadata.jsonl", {"file_name": "1.png", "objects": objects})
    assert by(read(tmp_path), "label", "box") == [("happy", (1, 2, 5, 6)), ("sad", (6, 2, 5, 6.5))]


def test_metadata_parquet_with_names_of_classes(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png", "2.png")
    features = {"label": {"_type": "ClassLabel", "names": ["sad", "happy"]}}
    table = pa.table({"file_name": ["1.png", "2.png"], "label": [1, 0]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "metadata.parquet")
    assert by(read(tmp_path), "name", "label") == [("1.png", "happy"), ("2.png", "sad")]
    assert by(read(tmp_path / "metadata.parquet"), "name", "label") == [("1.png", "happy"), ("2.png", "sad")]


def test_json_lines_as_the_source_with_a_root(tmp_path: Path, read: Read) -> None:
    table = lines(tmp_path / "lists/all.jsonl", {"Path": "1.png", "Expression": "Happiness"})
    source = read(table, root=tmp_path / "faces")
    assert by(source, "label", "content") == [("Happiness", tmp_path / "faces/1.png")]


def test_the_user_chooses_the_columns(tmp_path: Path, read: Read) -> None:
    table = lines(tmp_path / "all.jsonl", {"image": "1.png", "emotion": "sad", "expression": "happy", "crop": "2.png"})
    source = read(table, image_column="crop", label_column="expression")
    assert by(source, "name", "label") == [("2.png", "happy")]
    with pytest.raises(InputError, match="both expression and emotion could be the labels"):
        read(table)


def test_other_files_of_that_name_are_not_read(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "happy/1.png", "sad/2.png")
    (tmp_path / "metadata.csv").write_text("file_name,licence\nhappy/1.png,MIT\n")
    assert read(tmp_path).kind == "folders"


def test_text_is_a_label_only_if_it_is_an_emotion(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "happy/1.png", "sad/2.png")
    (tmp_path / "metadata.csv").write_text("file_name,text\nhappy/1.png,a girl laughs\nsad/2.png,a boy\n")
    assert read(tmp_path).kind == "folders"
    (tmp_path / "metadata.csv").write_text("file_name,text\nhappy/1.png,Fear\nsad/2.png,Happy\n")
    assert by(read(tmp_path), "label") == [("Fear",), ("Happy",)]


def test_a_split_without_labels_is_reported(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "train/1.png", "test/1.png")
    (tmp_path / "train/metadata.csv").write_text("file_name,label\n1.png,happy\n")
    (tmp_path / "test/metadata.csv").write_text("file_name\n1.png\n")
    source = read(tmp_path)
    assert by(source, "name", "split") == [("train/1.png", "train")]
    assert {image for image, _, _ in why(source)} == {"test/metadata.csv", "test/1.png"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"file_name": "../../1.png", "label": "sad"}', r"row 1: the path '../../1.png' leaves"),
        (b'{"file_name": "1.png", "label": "sad"', r"metadata.jsonl, line 1 is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["1.png", "sad"]', "line 1: expected an object"),
        (b'{"file_name": "1.png", "label": NaN}', "NaN is no number"),
        (b'{"label": "' + b"x" * 2**21 + b'"}', "line 1 is longer than 1 MiB"),
        (b"\xff\xfe{}", "is not JSON"),
    ],
)
def test_hostile_json_lines(tmp_path: Path, read: Read, line: bytes, message: str) -> None:
    pictures(tmp_path, "1.png")
    (tmp_path / "metadata.jsonl").write_bytes(line + b"\n")
    with pytest.raises(InputError, match=message):
        read(tmp_path)
    with pytest.raises(InputError, match=message.replace("metadata.jsonl, ", "")):
        read(tmp_path / "metadata.jsonl")


def test_columns_are_named_if_none_fits(tmp_path: Path, read: Read) -> None:
    table = lines(tmp_path / "all.jsonl", {"where": "1.png", "emotion": "sad"})
    with pytest.raises(InputError, match=r"all.jsonl has no column image; it has the columns where, emotion: "):
        read(table)
