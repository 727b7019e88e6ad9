"""Pictures of faces, and the whole pictures they come from: only those of the manifest and of its source."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from bimodal.data.manifest import Manifest
from bimodal.review import faces
from bimodal.review.faces import FacePictures
from bimodal.vision.pictures import UnreadableError
from tests.conftest import write_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Seven aligned faces whose source is beside them, and a secret picture outside of it."""
    data, source = write_data(tmp_path / "data", {"train": 7}), tmp_path / "source"
    (source / "in").mkdir(parents=True)
    Image.new("RGB", (900, 300), (10, 200, 10)).save(source / "in/whole.png")
    Image.new("RGB", (50, 50)).save(tmp_path / "secret.png")
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    (source / "folder.png").mkdir()
    (source / "text.png").write_text("no picture")
    origins = ("in/whole.png", "../secret.png", str(tmp_path / "secret.png"), "link.png", "folder.png", "", "text.png")
    images = Manifest.read(data).table["image"]
    pd.DataFrame({"image": images, "origin": origins}).to_csv(data / "origins.csv", index=False)
    (data / "source.json").write_text(
        json.dumps({"source": str(source), "kind": "folders", "options": {"align": True}})
    )
    return data


def test_the_whole_picture_is_one_of_the_source_or_none(data: Path) -> None:
    pictures = FacePictures(Manifest.read(data))
    assert [pictures.has_context(row) for row in range(7)] == [True, False, False, False, False, False, True]
    assert Image.open(io.BytesIO(pictures.context(0))).size == (640, 213)
    for row in (1, 2, 3, 4, 5, -1, 7):
        with pytest.raises(KeyError):
            pictures.context(row)
    with pytest.raises(UnreadableError):
        pictures.context(6)


def test_without_alignment_there_is_no_whole_picture(data: Path) -> None:
    (data / "source.json").write_text(json.dumps({"source": str(data.parent / "source"), "options": {"align": False}}))
    pictures = FacePictures(Manifest.read(data))
    assert not any(pictures.has_context(row) for row in range(7))


def test_damaged_origins_are_no_origins(data: Path) -> None:
    (data / "origins.csv").write_bytes(b"\xff\x00")
    assert not FacePictures(Manifest.read(data)).has_context(0)


def test_the_memory_is_bounded(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = FacePictures(Manifest.read(data))
    first = pictures.face(0, 96)
    monkeypatch.setattr(faces, "_MEMORY", 3 * len(first))
    for row in range(7):
        assert pictures.face(row, 96)[:2] == b"\xff\xd8"
        assert sum(map(len, pictures._kept.values())) == pictures._size <= 3 * len(first)
    assert pictures.face(0, 96) == first
