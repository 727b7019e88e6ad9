import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from bimodal.data.prepare import prepare
from bimodal.data.sources.formats import arrow_files
from bimodal.errors import InputError
from tests.data.sources.formats.conftest import Read, by, picture, pictures, why, write_parquet


def test_shards_with_splits_and_names_of_classes(tmp_path: Path, read: Read) -> None:
    write_parquet(tmp_path / "data/train-00000-of-00002.parquet", [0, 1])
    write_parquet(tmp_path / "data/train-00001-of-00002.parquet", [2], first=2)
    write_parquet(tmp_path / "data/validation-00000-of-00001.parquet", [1], first=3)
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", [-1, 2], first=4)
    source = read(tmp_path)
    assert source.kind == "parquet"
    assert by(source, "name", "label", "split") == [
        ("data/train-00000-of-00002.parquet/face0.png", "angry", "train"),
        ("data/train-00000-of-00002.parquet/face1.png", "happy", "train"),
        ("data/train-00001-of-00002.parquet/face2.png", "sad", "train"),
        ("data/validation-00000-of-00001.parquet/face3.png", "happy", "val"),
        ("data/test-00000-of-00001.parquet/face5.png", "sad", "test"),
    ]
    contents = [content.read_bytes() for (content,) in by(source, "content")]
    assert contents == [picture(seed) for seed in (0, 1, 2, 3, 5)]
    assert why(source) == [("data/test-00000-of-00001.parquet/face4.png", "ignored", "no label")]


def test_prepare_keeps_the_pictures_and_nothing_temporary(tmp_path: Path) -> None:
    rows = [row % 3 for row in range(60)]
    source = write_parquet(tmp_path / "faces.parquet", rows)
    prepared = prepare(source, tmp_path / "out")
    assert prepared.kind == "parquet"
    assert prepared.counts.sum(axis=1).to_dict() | {"fear": 0} == {
        **dict.fromkeys(("disgust", "fear", "neutral", "surprise"), 0),
        **dict.fromkeys(("angry", "happy", "sad"), 20),
    }
    stored = {path.read_bytes() for path in (tmp_path / "out/images").rglob("*.png")}
    assert stored == {picture(seed) for seed in range(60)}
    assert not {"unpacked", "crops"} & {path.name for path in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError, match="--link needs pictures that are files"):
        prepare(source, tmp_path / "linked", link=True)
    assert not (tmp_path / "linked").exists()


def test_columns_of_bytes_boxes_groups_and_text_labels(tmp_path: Path, read: Read) -> None:
    images = [picture(0, "JPEG"), picture(1, "WEBP"), None, b"no picture"]
    columns = {
        "img_bytes": images,
        "emotion": ["happy", "sad", "sad", "fear"],
        "person": ["ann", "bob", "bob", None],
        "bbox": [[1.0, 2.0, 5.0, 6.0], None, None, None],
    }
    parquet.write_table(pa.table(columns), tmp_path / "all.parquet")
    source = read(tmp_path / "all.parquet", group="person")
    assert by(source, "name", "label", "group", "box") == [
        ("all.parquet/0000000.jpg", "happy", "ann", (1, 2, 5, 6)),
        ("all.parquet/0000001.webp", "sad", "bob", None),
        ("all.parquet/0000003", "fear", "", None),
    ]
    assert why(source) == [("all.parquet/0000002", "unreadable", "row without a picture")]


def test_numbers_without_names_stay_numbers(tmp_path: Path, read: Read) -> None:
    write_parquet(tmp_path / "all.parquet", [4, 6], names=None)
    assert by(read(tmp_path / "all.parquet"), "label") == [("4",), ("6",)]


def test_numbers_without_names_need_a_table_of_codes(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "all.parquet", [3, 4] * 20, names=None)
    with pytest.raises(InputError, match="--codes"):
        prepare(source, tmp_path / "out")
    counts = prepare(source, tmp_path / "out", codes="fer2013").counts.sum(axis=1)
    assert counts[counts > 0].to_dict() == {"happy": 20, "sad": 20}


def test_the_user_chooses_the_columns(tmp_path: Path, read: Read) -> None:
    columns = {"left": [picture(0)], "right": [picture(1)], "first": ["happy"], "label": ["sad"]}
    parquet.write_table(pa.table(columns), tmp_path / "all.parquet")
    with pytest.raises(InputError, match="no column such as image with pictures; its columns are left, right, first"):
        read(tmp_path / "all.parquet")
    source = read(tmp_path / "all.parquet", image_column="right", label_column="first")
    assert by(source, "label") == [("happy",)]
    ((content,),) = by(source, "content")
    assert content.read_bytes() == picture(1)
    with pytest.raises(InputError, match="no column such as label"):
        read(tmp_path / "all.parquet", image_column="right", label_column="second")


def test_arrow_folder_of_save_to_disk(tmp_path: Path, read: Read) -> None:
    for split, label in (("train", 1), ("test", 0)):
        table = parquet.read_table(write_parquet(tmp_path / "x.parquet", [label], first=label))
        (tmp_path / "set" / split).mkdir(parents=True)
        with pa.ipc.new_stream(tmp_path / "set" / split / "data-00000-of-00001.arrow", table.schema) as stream:
            stream.write_table(table)
    (tmp_path / "set/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert by(read(tmp_path / "set"), "label", "split") == [("happy", "train"), ("angry", "test")]


def test_paths_instead_of_bytes(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "in/1.png")
    images = pa.array([{"bytes": None, "path": "in/1.png"}], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    parquet.write_table(pa.table({"image": images, "label": ["sad"]}), tmp_path / "all.parquet")
    assert by(read(tmp_path / "all.parquet"), "content") == [(tmp_path / "in/1.png",)]
    images = pa.array([{"bytes": None, "path": "../1.png"}], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    parquet.write_table(pa.table({"image": images, "label": ["sad"]}), tmp_path / "all.parquet")
    with pytest.raises(InputError, match=r"the path '\.\./1\.png' leaves"):
        read(tmp_path / "all.parquet")


def test_names_of_pictures_cannot_leave_the_folder(tmp_path: Path) -> None:
    images = [{"bytes": picture(seed), "path": f"../../../{'x/' * (seed % 2)}evil.png"} for seed in range(40)]
    labels = ["happy", "sad"] * 20
    parquet.write_table(pa.table({"image": images, "label": labels}), tmp_path / "all.parquet")
    prepare(tmp_path / "all.parquet", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.parquet", "out"]
    assert len(list((tmp_path / "out/images").rglob("*.png"))) == 40


def test_several_data_sets_in_a_folder_are_not_mixed(tmp_path: Path, read: Read) -> None:
    write_parquet(tmp_path / "faces/train-0.parquet", [0])
    write_parquet(tmp_path / "words/train-0.parquet", [1])
    with pytest.raises(InputError, match="holds several data sets: faces, words; give the folder of one of them"):
        read(tmp_path)


def test_a_shard_without_a_split_is_reported(tmp_path: Path, read: Read) -> None:
    for first, name in enumerate(("train", "test", "rest")):
        write_parquet(tmp_path / f"{name}.parquet", [first], first=first)
    source = read(tmp_path)
    assert by(source, "split", "label") == [("train", "angry"), ("test", "happy")]
    assert why(source) == [("rest.parquet", "ignored", "no split in its name, and other files have one")]


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "footer"])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_damaged_files(tmp_path: Path, read: Read, damage: str, suffix: str) -> None:
    whole = write_parquet(tmp_path / "x.parquet", [0, 1]).read_bytes()
    if suffix == ".arrow":
        with pa.ipc.new_file(
            tmp_path / "x.arrow", (table := parquet.read_table(tmp_path / "x.parquet")).schema
        ) as file:
            file.write_table(table)
        whole = (tmp_path / "x.arrow").read_bytes()
    damaged = {"cut": whole[:-9], "noise": bytes(range(256)) * 9, "empty": b"", "footer": whole[:-40] + whole[-8:]}
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(damaged[damage])
    with pytest.raises(InputError, match=f"bad{suffix} is no {suffix[1:].capitalize()} file, or damaged"):
        read(path)


def test_names_that_are_no_utf8(tmp_path: Path, read: Read) -> None:
    whole = write_parquet(tmp_path / "x.parquet", [0, 1]).read_bytes()
    table = parquet.read_table(tmp_path / "x.parquet")
    with pa.ipc.new_stream(tmp_path / "x.arrow", table.schema) as stream:
        stream.write_table(table)
    stream_bytes = (tmp_path / "x.arrow").read_bytes()
    for name, content in (("bad.parquet", whole), ("bad.arrow", stream_bytes)):
        assert b"image" in content
        (tmp_path / name).write_bytes(content.replace(b"image", b"im\xffge"))
        with pytest.raises(InputError, match=f"{name} is no .* file, or damaged"):
            read(tmp_path / name)


def test_hostile_notes_of_features_are_ignored(tmp_path: Path, read: Read) -> None:
    notes = [
        b"[" * 10_000,
        b'{"info": 7}',
        b'{"info": {"features": {"label": {"names": 3}}}}',
        b"\xff",
        b'{"info": {"features": []}}',
    ]
    table = pa.table({"image": [picture(0)], "label": ["sad"]})
    for note in notes:
        parquet.write_table(table.replace_schema_metadata({"huggingface": note}), tmp_path / "all.parquet")
        assert by(read(tmp_path / "all.parquet"), "label") == [("sad",)]


def test_a_label_beyond_the_names_stays_a_number(tmp_path: Path, read: Read) -> None:
    assert by(read(write_parquet(tmp_path / "all.parquet", [7, 1])), "label") == [("7",), ("happy",)]


def test_memory_is_bounded(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "all.parquet", [0, 1])
    monkeypatch.setattr(arrow_files, "MAX_GROUP_BYTES", 100)
    with pytest.raises(InputError, match="row group 0 has 0 MiB"):
        read(path)


def test_columns_are_named_if_none_fits(tmp_path: Path, read: Read) -> None:
    parquet.write_table(pa.table({"image": [picture(0)], "age": [3], "name": ["ann"]}), tmp_path / "all.parquet")
    with pytest.raises(InputError, match="no column such as label or emotion; its columns are image, age, name"):
        read(tmp_path / "all.parquet")


def test_without_pyarrow(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "all.parquet", [0, 1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow; install it with pip install 'bimodal\[parquet\]'"):
        read(path)
