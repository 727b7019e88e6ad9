from pathlib import Path
from typing import Any

import pytest

from bimodal.errors import InputError
from tests.data.sources.formats.conftest import Read, by, pictures, why, write_json


def coco(*annotations: dict[str, Any], names: tuple[str, ...] = ("a.png", "b.png")) -> dict[str, Any]:
    return {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names, 1)],
        "categories": [{"id": 0, "name": "faces"}, {"id": 3, "name": "Happy"}, {"id": 4, "name": "sad"}],
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations)],
    }


def test_one_face_an_annotation(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path / "images", "a.png", "b.png")
    content = coco(
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 6.5, 7]},
        {"image_id": 1, "category_id": 4, "bbox": [5, 2, 6, 7], "iscrowd": 0},
        {"image_id": "2", "category_id": "4"},
    )
    source = read(write_json(tmp_path / "annotations/all.json", content))
    assert source.kind == "coco"
    assert by(source, "name", "label", "box", "content") == [
        ("a.png", "Happy", (1, 2, 6.5, 7), tmp_path / "images/a.png"),
        ("a.png", "sad", (5, 2, 6, 7), tmp_path / "images/a.png"),
        ("b.png", "sad", None, tmp_path / "images/b.png"),
    ]


def test_what_cannot_be_used_is_reported(tmp_path: Path, read: Read) -> None:
    content = coco(
        {"image_id": 1, "category_id": 3},
        {"image_id": 9, "category_id": 3},
        {"image_id": 1, "category_id": 7},
        {"image_id": 1, "category_id": 3, "iscrowd": 1},
        {"image_id": 1, "category_id": 4, "bbox": [1, 1, 0, 9]},
    )
    assert why(read(write_json(tmp_path / "all.json", content))) == [
        ("", "ignored", "annotation 2: no image 9 in the file"),
        ("a.png", "ignored", "annotation 3: no category 7 in the file"),
        ("a.png", "ignored", "annotation 4 is of a crowd"),
        ("b.png", "ignored", "no annotation"),
        ("a.png", "impossible-box", "the box 1 1 0 9 has no area"),
    ]


def test_roboflow_has_a_file_in_each_split(tmp_path: Path, read: Read) -> None:
    for split, category in (("train", 3), ("valid", 4), ("test", 3)):
        pictures(tmp_path / split, "a.png")
        annotation = {"image_id": 1, "category_id": category, "bbox": [1, 2, 6, 7]}
        write_json(tmp_path / split / "_annotations.coco.json", coco(annotation, names=("a.png",)))
    assert by(read(tmp_path), "name", "label", "split") == [
        ("test/a.png", "Happy", "test"),
        ("train/a.png", "Happy", "train"),
        ("valid/a.png", "sad", "val"),
    ]


def test_root(tmp_path: Path, read: Read) -> None:
    table = write_json(tmp_path / "all.json", coco({"image_id": 1, "category_id": 3}))
    assert by(read(table, root=tmp_path / "faces"), "content") == [(tmp_path / "faces/a.png",)]


def test_paths_stay_in_the_folder(tmp_path: Path, read: Read) -> None:
    for name in ("../a.png", "/etc/passwd", "a\0.png", "..\\..\\a.png"):
        table = write_json(tmp_path / "all.json", coco({"image_id": 1, "category_id": 3}, names=(name,)))
        with pytest.raises(InputError, match="leaves"):
            read(table)


@pytest.mark.parametrize(
    "content",
    [
        {"images": [], "annotations": [], "categories": []},
        {"images": [7, None, {"id": {}, "file_name": 3}], "annotations": [[], {"image_id": []}], "categories": ["x"]},
        {"images": [{"id": 1}], "annotations": [{"image_id": 1, "category_id": True}], "categories": [{"id": 1}]},
    ],
)
def test_wrong_types(tmp_path: Path, read: Read, content: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="has the form of COCO, but none of its annotations"):
        read(write_json(tmp_path / "all.json", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1}', "has another form than COCO, Label Studio, or a list of objects"),
        (b"[1, 2]", "has another form"),
        (b"7", "has another form"),
        (b"", "is not JSON"),
        (b"9" * 5000, "is not JSON"),
        (b'{"images": [{"id": Infinity}]}', "Infinity is no number"),
    ],
)
def test_hostile_json(tmp_path: Path, read: Read, content: bytes, message: str) -> None:
    (tmp_path / "all.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "all.json")
    assert "\n" not in str(caught.value)


def test_a_list_of_objects(tmp_path: Path, read: Read) -> None:
    rows = [{"image": "a.png", "emotion": "Happy", "split": "train"}, {"image": "b.png", "emotion": 3, "split": "test"}]
    assert by(read(write_json(tmp_path / "all.json", rows)), "name", "label", "split") == [
        ("a.png", "Happy", "train"),
        ("b.png", "3", "test"),
    ]
    assert len(read(write_json(tmp_path / "all.json", {"version": 1, "data": rows})).entries) == 2
