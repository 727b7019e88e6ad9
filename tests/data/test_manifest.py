import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.data.manifest import COLUMNS, Manifest
from bimodal.data.tables import read_table
from bimodal.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("nan", "1e5.png", "ü,b.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "manifest.csv").write_text(
        'image,label,split,group\nnan,happy,train,null\n1e5.png,Anger,val,NA\n"./ü,b.png",sad,train,\n',
        encoding="utf-8",
    )
    return tmp_path


def test_reads_text_as_text(folder: Path) -> None:
    manifest = Manifest.read(folder)
    assert tuple(manifest.table.columns) == COLUMNS
    assert manifest.table["image"].tolist() == ["nan", "1e5.png", "ü,b.png"]
    assert manifest.table["group"].tolist() == ["null", "NA", ""]
    assert manifest.table["label"].tolist() == ["happy", "angry", "sad"]
    assert manifest.labels.tolist() == [3, 0, 5]
    assert manifest.labels.dtype == np.int64
    assert manifest.rows("train").tolist() == [0, 2]
    assert manifest.rows("test").tolist() == []
    assert manifest.path(2).read_bytes() == "ü,b.png".encode()
    assert len(manifest) == 3


def test_reads_another_table_of_the_same_pictures(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "elsewhere" / "manifest.csv"
    table.parent.mkdir()
    table.write_text("image,label,split\n1e5.png,fear,test\n")
    manifest = Manifest.read(folder, table)
    assert manifest.path(0) == folder / "1e5.png"
    assert manifest.labels.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,label\nnan,happy\n", "no column split"),
        ("image,label,split\n", "lists no pictures"),
        ("", "is empty"),
        ("image,label,split\nnan,happy,train,more\n", "row 1: 4 cells for 3 columns"),
        ('image,label,split\n"nan,happy,train\n', "not a CSV"),
        ("image,label,split\nnan,happy,train\n1e5.png,furious,train\n", "row 2 ('1e5.png'): unknown label 'furious'"),
        ("image,label,split\nnan,happy,dev\n", "row 1 ('nan'): unknown split 'dev'"),
        ("image,label,split\nnan,happy\n", "unknown split ''"),
        ("image,label,split\nnan,happy,train\n./nan,happy,train\n", "row 2 ('./nan'): the picture is listed twice"),
        ("image,label,split\nnan,happy,train\nnan,happy,val\n", "in two splits, train and val"),
        ("image,label,split\ngone.png,happy,train\n", "no such file"),
        ("image,label,split,digest\nnan,happy,train,12\n", "row 1 ('nan'): expected a digest of 32 hexadecimal digits"),
        ("image,label,split\n../x.png,happy,train\n", "leaves"),
        ("image,label,split\na/../nan,happy,train\n", "leaves"),
        ("image,label,split\n/etc/passwd,happy,train\n", "leaves"),
        ("image,label,split\n.,happy,train\n", "no such file"),
    ],
)
def test_an_error_names_the_row(folder: Path, text: str, says: str) -> None:
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(InputError) as error:
        Manifest.read(folder)
    assert says in str(error.value)


def test_refuses_a_folder_that_is_no_data_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bimodal prepare"):
        Manifest.read(tmp_path)
    with pytest.raises(InputError, match="bimodal prepare"):
        Manifest.read(tmp_path / "none")
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00\x01\x02")
    with pytest.raises(InputError, match="UTF-8"):
        Manifest.read(tmp_path)


def test_refuses_an_unknown_split(folder: Path) -> None:
    with pytest.raises(InputError, match="train, val, test"):
        Manifest.read(folder).rows("dev")


def test_a_compressed_table_is_refused(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"image,label\na,happy\n"))
    with pytest.raises(InputError, match="not a CSV"):
        read_table(path, ("image",))


def test_fingerprint_is_of_table_and_pictures(folder: Path) -> None:
    manifest = Manifest.read(folder)
    expected = hashlib.sha256(manifest.table.drop(columns="digest").to_csv(index=False).encode())
    for row in range(len(manifest)):
        expected.update(hashlib.sha256(manifest.path(row).read_bytes()).digest())
    assert manifest.fingerprint == expected.hexdigest()
    (folder / "nan").write_bytes(b"another")
    assert Manifest.read(folder).fingerprint != manifest.fingerprint


def test_digests_that_the_table_lacks_are_computed(tmp_path: Path) -> None:
    shades = {"a.png": 1, "copy.bmp": 1, "b.png": 2}
    for name, shade in shades.items():
        pixels = np.full((4, 4, 3), 100, np.uint8)
        pixels[0, 0] = shade
        Image.fromarray(pixels).save(tmp_path / name)
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "blank.png")
    rows = "".join(f"{name},happy,train\n" for name in (*shades, "blank.png"))
    (tmp_path / "manifest.csv").write_text("image,label,split\n" + rows)
    manifest = Manifest.read(tmp_path)
    a, copy, b, blank = manifest.pixel_digests
    assert a == copy != b
    assert blank is None
    assert isinstance(a, bytes)
    assert manifest.table_with_digests["digest"].tolist() == [a.hex(), a.hex(), b.hex() if b else "", ""]


def test_a_picture_without_digest_that_cannot_be_decoded_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"nan cannot be read .*run bimodal prepare again"):
        _ = Manifest.read(folder).pixel_digests


def test_stored_digests_are_used_and_are_no_part_of_the_fingerprint(folder: Path) -> None:
    before = Manifest.read(folder).fingerprint
    digests = [bytes([number] * 16) for number in range(3)]
    table = Manifest.read(folder).table.assign(digest=[digest.hex() for digest in digests])
    table.to_csv(folder / "manifest.csv", index=False)
    manifest = Manifest.read(folder)
    assert manifest.pixel_digests == digests  # although none of the files can be decoded
    assert manifest.fingerprint == before
