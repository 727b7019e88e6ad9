"""Shards of WebDataset as a source: labels from each kind of file, and nothing of a hostile archive is followed."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from tests.data.sources.formats.conftest import Read, by, picture, why


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_labels_of_each_kind(tmp_path: Path, read: Read) -> None:
    record = json.dumps({"label": "fear", "group": "Ann", "true_label": "sad", "width": 3}).encode()
    path = write_tar(
        tmp_path / "train-000.tar",
        {
            "a.png": picture(1),
            "a.cls": b"happy\n",
            "b.jpg": picture(2, "JPEG"),
            "b.json": record,
            "sad/c.png": picture(3),
            "d.png": picture(4),
            "e.txt": b"angry",
            "f.left.png": picture(5),
            "f.right.png": picture(6),
            "f.label": b"surprise",
        },
    )
    source = read(path)
    assert source.kind == "webdataset"
    assert by(source, "name", "label", "split", "group", "true_label") == [
        ("train-000.tar/a.png", "happy", "train", "", ""),
        ("train-000.tar/b.jpg", "fear", "train", "Ann", "sad"),
        ("train-000.tar/sad/c.png", "sad", "train", "", ""),
        ("train-000.tar/f.left.png", "surprise", "train", "", ""),
    ]
    assert [content.read_bytes() for (content,) in by(source, "content")][:2] == [picture(1), picture(2, "JPEG")]
    assert why(source) == [
        ("train-000.tar/d.png", "ignored", "no label"),
        ("train-000.tar/f.right.png", "ignored", "a second picture of an example"),
    ]


def test_a_folder_of_shards_with_names_of_classes(tmp_path: Path, read: Read) -> None:
    for split, number in (("train", 0), ("train", 1), ("test", 0)):
        files = {"s0.webp": picture(number, "WEBP"), "s0.cls": b"3", "s1.webp": picture(9, "WEBP"), "s1.cls": b"0"}
        write_tar(tmp_path / "faces" / split / f"{number}.tar", files)
    with pytest.raises(InputError, match="the labels are numbers"):
        prepare(tmp_path / "faces", tmp_path / "out")
    (tmp_path / "faces" / "classnames.txt").write_text("angry\ndisgust\nfear\nhappy\n")
    source = read(tmp_path / "faces")
    assert by(source, "name", "label", "split") == [
        (f"{split}/{number}.tar/{name}.webp", label, split)
        for split, number in (("train", 0), ("train", 1), ("test", 0))
        for name, label in (("s0", "happy"), ("s1", "angry"))
    ]


def test_links_and_long_labels_of_a_hostile_archive_are_not_followed(tmp_path: Path, read: Read) -> None:
    path = write_tar(
        tmp_path / "a.tar", {"a.png": picture(1), "a.json": b"[" * 100_000, "../b.png": picture(2), "../b.cls": b"sad"}
    )
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("c.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    source = read(path)
    assert by(source, "name", "label") == [
        ("a.tar/../b.png", "sad")
    ]  # only a name: the picture is a part of the archive
    assert not (tmp_path.parent / "b.png").exists()


@pytest.mark.parametrize("content", [b"", b"no archive" * 100])
def test_what_is_no_archive(tmp_path: Path, read: Read, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(InputError, match="is no tar archive, or compressed or damaged"):
        read(tmp_path / "a.tar")


def test_compressed_and_cut_archives(tmp_path: Path, read: Read) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.png": picture(1), "a.cls": b"sad"}, "w:gz")
    with pytest.raises(InputError, match="gunzip"):
        read(path)
    whole = write_tar(tmp_path / "b.tar", {"a.png": picture(1), "a.cls": b"sad", "b.png": picture(2)}).read_bytes()
    (tmp_path / "b.tar").write_bytes(whole[:700])
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "b.tar")
