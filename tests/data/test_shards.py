"""Pictures in shards: what is stored is read back by row, also by the library webdataset, and damage is one clear line."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.data.prepare import prepare
from bimodal.data.shards import FOLDER, INDEX, ShardWriter, find_places
from bimodal.data.views import write_view
from bimodal.errors import InputError
from bimodal.vision.pictures import UnreadableError, decode
from tests.conftest import Outcome

Faces = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """A folder of pictures, and the data folders with files and with shards that are made of it."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    for number in range(24):
        place = folder / "faces" / ("happy", "sad")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        name = f"{'long' * 40}.{number}.png" if number < 4 else f"{number}.v2.jpg"  # tar has 100 bytes for a name
        Image.fromarray(pixels).save(place / name)
    prepare(folder / "faces", folder / "files")
    prepare(folder / "faces", folder / "packed", store="shards")
    return folder / "faces", folder / "files", folder / "packed"


def test_the_pictures_and_labels_are_those_of_a_folder_of_files(faces: Faces) -> None:
    _, files, packed = (Manifest.read(folder) if folder.name != "faces" else None for folder in faces)
    assert files is not None
    assert packed is not None
    assert packed.pictures_fingerprint == files.pictures_fingerprint
    assert packed.pixel_digests == files.pixel_digests
    assert packed.table.drop(columns="image").equals(files.table.drop(columns="image"))
    np.testing.assert_array_equal(decoded(packed, 16), decoded(files, 16))
    assert sorted(path.name for path in packed.root.iterdir() if path.is_dir()) == [".cache", FOLDER]
    for row in (0, 23):
        np.testing.assert_array_equal(decode(packed.picture(row)), decode(files.picture(row)))


def test_a_picture_has_one_dot_so_that_webdataset_finds_its_name(faces: Faces) -> None:
    webdataset = pytest.importorskip("webdataset")
    manifest = Manifest.read(faces[2])
    shards = sorted(str(file) for file in (faces[2] / FOLDER).glob("*.tar"))
    found = {
        sample["__key__"]: next(value for key, value in sample.items() if not key.startswith("__"))
        for sample in webdataset.WebDataset(shards, shardshuffle=False)
    }
    images = manifest.table["image"].tolist()
    assert set(found) == {image.rpartition(".")[0] for image in images}
    assert all(
        found[image.rpartition(".")[0]] == manifest.picture(row).read_bytes() for row, image in enumerate(images)
    )


def test_the_same_source_gives_the_same_bytes_and_may_be_a_folder_with_shards(faces: Faces, tmp_path: Path) -> None:
    source, _, packed = faces
    prepare(source, tmp_path / "again", store="shards")
    prepare(packed, tmp_path / "copy", store="shards")
    prepare(packed, tmp_path / "unpacked")
    shards = sorted(file.name for file in (packed / FOLDER).iterdir())
    assert shards == [INDEX, "test-00000.tar", "train-00000.tar", "val-00000.tar"]
    for name in shards:
        assert (tmp_path / "again" / FOLDER / name).read_bytes() == (packed / FOLDER / name).read_bytes()
    one, *others = (Manifest.read(folder) for folder in (packed, tmp_path / "copy", tmp_path / "unpacked"))
    assert all(other.pictures_fingerprint == one.pictures_fingerprint for other in others)
    with pytest.raises(InputError, match="--link needs pictures that are files"):
        prepare(packed, tmp_path / "linked", link=True)


def test_views_follow_the_shards(faces: Faces, tmp_path: Path) -> None:
    packed = Manifest.read(faces[2])
    table = packed.table.iloc[[3, 20, 1]].reset_index(drop=True)
    write_view(packed, table, tmp_path / "view")
    view = Manifest.read(tmp_path / "view")
    assert [view.picture(row).read_bytes() for row in range(3)] == [
        packed.picture(row).read_bytes() for row in (3, 20, 1)
    ]


def test_shards_have_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bimodal.data.shards.SHARD_BYTES", 3000)
    contents = {f"{split}/{number}.png": bytes([number]) * 700 for number in range(5) for split in ("train", "val")}
    with ShardWriter(tmp_path) as writer:
        for name, content in contents.items():
            writer.add(name.partition("/")[0], name, content)
    assert len(list((tmp_path / FOLDER).glob("train-*.tar"))) == 3
    places = find_places(tmp_path, [*reversed(contents), "lost.png"])
    assert places.shard[-1] == -1
    assert [places.picture(row, name).read_bytes() for row, name in enumerate(reversed(contents))] == list(
        reversed(contents.values())
    )
    with tarfile.open(tmp_path / FOLDER / "val-00001.tar") as tar:
        assert tar.getnames() == ["val/2.png", "val/3.png"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,../../secret.tar,0,3", "expected a name such as train-00000.tar"),
        ("a.png,lost-00000.tar,0,3", "is missing"),
        ("a.png,train-00000.tar,512,99999", "has no 99,999 bytes from 512 on"),
        ("a.png,train-00000.tar,-1,3", "expected a number of bytes, got '-1'"),
        ("a.png,train-00000.tar,1e3,3", "expected a number of bytes, got '1e3'"),
        ("b.png,train-00000.tar,512,3", "not in the shards"),
    ],
)
def test_a_damaged_index_is_one_line(tmp_path: Path, cli: Callable[..., Outcome], line: str, message: str) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add("train", "a.png", b"abc")
    (tmp_path / FOLDER / INDEX).write_text(f"image,shard,start,size\n{line}\n")
    (tmp_path / "manifest.csv").write_text("image,label,split\na.png,happy,train\n")
    outcome = cli("train", str(tmp_path), "--out", str(tmp_path / "run"))
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_a_shard_that_was_cut_is_reported(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add("train", "a.png", b"abc" * 400)
    (tmp_path / "manifest.csv").write_text("image,label,split\na.png,happy,train\n")
    picture = Manifest.read(tmp_path).picture(0)
    shard = tmp_path / FOLDER / "train-00000.tar"
    shard.write_bytes(shard.read_bytes()[:600])
    with pytest.raises(UnreadableError, match="ends too early"):
        decode(picture)
    with pytest.raises(InputError, match="has no 1,200 bytes"):
        Manifest.read(tmp_path)


def test_link_and_shards_exclude_each_other(faces: Faces, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--link leaves the pictures where they are"):
        prepare(faces[0], tmp_path / "out", store="shards", link=True)
