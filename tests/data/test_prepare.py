import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.fer2013 import CODES
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.vision.face import Face

Noise = Callable[..., Path]
SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[2] / ".." / "shared"))
VAL = {"Angry": 77, "Disgust": 23, "Fear": 46, "Happy": 72, "Neutral": 84, "Sad": 73, "Surprise": 56}


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / name, keep_default_na=False, dtype=str)


def kinds(out: Path) -> list[tuple[str, str, str]]:
    problems = table(out, "problems.csv")
    return list(zip(problems["image"], problems["problem"], problems["action"], strict=True))


def test_class_folders_become_a_data_folder(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = prepare(class_folders, out)
    manifest = Manifest.read(out)
    assert {split: len(manifest.rows(split)) for split in ("train", "val", "test")} == {
        "train": 28,
        "val": 6,
        "test": 6,
    }
    assert sorted(path.name for path in out.iterdir()) == [
        "counts.csv", "counts.png", "images", "manifest.csv", "origins.csv", "problems.csv", "source.json",
        "test_labels.csv", "train_labels.csv", "val_labels.csv",
    ]  # fmt: skip
    assert kinds(out) == []
    origins = table(out, "origins.csv")
    for row, (image, origin) in enumerate(zip(origins["image"], origins["origin"], strict=True)):
        assert manifest.path(row) == out / image
        assert (out / image).read_bytes() == (class_folders / origin).read_bytes()
        assert image.split("/")[2] == manifest.table["label"][row] == {"h": "happy", "S": "sad"}[origin[0]]
    for split in ("train", "val", "test"):
        paper = table(out, f"{split}_labels.csv")
        rows = manifest.rows(split)
        assert paper["image"].tolist() == manifest.table["image"][rows].tolist()
        assert paper["label"].astype(int).tolist() == manifest.labels[rows].tolist()
    assert done.counts.loc["happy"].tolist() == [14, 3, 3]
    assert json.loads((out / "source.json").read_text())["kind"] == "folders"


def test_the_same_seed_gives_the_same_bytes(class_folders: Path, tmp_path: Path) -> None:
    def content(out: Path) -> dict[str, bytes]:
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare(class_folders, tmp_path / name, seed=seed)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a")["manifest.csv"] != content(tmp_path / "c")["manifest.csv"]


def test_sfews_halves_have_the_papers_counts(tmp_path: Path, noise: Noise) -> None:
    number = 0
    for split, counts in (("Train", dict.fromkeys(VAL, 2)), ("Val", VAL)):
        for label, count in counts.items():
            for _ in range(count):
                noise(tmp_path / "sfew" / split / label / f"Film{number % 5}_{number:09d}_00000001.png", number, 4)
                number += 1
    out = tmp_path / "out"
    done = prepare(tmp_path / "sfew", out, seed=7)
    assert done.kind == "sfew"
    assert done.counts["val"].tolist() == [38, 12, 23, 36, 42, 36, 28]
    assert done.counts["test"].tolist() == [39, 11, 23, 36, 42, 37, 28]
    assert done.counts["train"].tolist() == [2] * 7
    assert {kind for _, kind, _ in kinds(out)} == {"group-across-splits"}
    assert len(kinds(out)) == 5
    assert set(table(out, "manifest.csv")["group"]) == {f"Film{k}" for k in range(5)}


def test_every_problem_is_reported(class_folders: Path, tmp_path: Path) -> None:
    happy, sad = class_folders / "happy", class_folders / "Sadness"
    (happy / "text.png").write_text("no picture")
    (happy / "short.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    Image.new("RGB", (9, 9)).save(happy / "black.png")
    Image.new("RGB", (9, 9)).save(sad / "black.png")
    Image.new("L", (7, 9), 200).save(sad / "grey.png")
    Image.open(happy / "happy00.png").save(happy / "copy.bmp")
    shutil.copy(happy / "happy01.png", sad / "other.png")
    os.mkfifo(happy / "pipe.png")
    (sad / "notes.txt").write_text("x")
    (sad / "camera.NEF").write_bytes(b"MM\0*" + bytes(99))
    out = tmp_path / "out"
    prepare(class_folders, out)
    found = sorted((Path(image).name, kind, action) for image, kind, action in kinds(out))
    problems = table(out, "problems.csv").set_index("image")["detail"]
    assert problems["Sadness/camera.NEF"] == "the raw file of a camera, which is not read; save it as PNG or JPEG"
    blank = "kept, flagged"
    labels = {"other.png", "happy01.png"}
    assert {name for name, kind, _ in found if kind == "identical-two-labels"} <= labels
    copies = [kind for _, kind, _ in found if kind.startswith("identical")]
    assert sorted(copies) == ["identical", "identical-two-labels"]
    assert [row for row in found if not row[1].startswith("identical")] == [
        ("black.png", "blank", blank), ("black.png", "blank", blank), ("camera.NEF", "unreadable", "left out"),
        ("grey.png", "blank", blank), ("notes.txt", "ignored", "left out"),
        ("pipe.png", "unreadable", "left out"), ("short.jpg", "unreadable", "left out"),
        ("text.png", "unreadable", "left out"),
    ]  # fmt: skip
    manifest = table(out, "manifest.csv")
    assert (manifest["flag"] == "blank").sum() == 3
    assert len(manifest) == 45
    copied = manifest[manifest["image"].str.contains("happy00|copy")]
    assert copied["split"].nunique() == 1  # the same pixels, the same side
    pair = manifest[manifest["image"].str.contains("happy01|other")]
    assert pair["split"].nunique() == 1


def test_copies_across_given_splits(tmp_path: Path, noise: Noise) -> None:
    source = tmp_path / "s"
    for split, first in (("test", 0), ("train", 20), ("val", 40)):
        for number in range(4):
            noise(source / split / ("happy" if number % 2 else "sad") / f"{number}.png", first + number)
    shutil.copy(source / "train/happy/1.png", source / "test/happy/again.png")
    shutil.copy(source / "val/sad/0.png", source / "test/happy/other.png")
    prepare(source, tmp_path / "kept")
    assert kinds(tmp_path / "kept") == [
        ("images/test/happy/again.png", "identical-across-splits", "kept"),
        ("images/test/happy/other.png", "identical-two-labels", "kept"),
    ]
    prepare(source, tmp_path / "dropped", duplicates="drop")
    assert kinds(tmp_path / "dropped") == [
        ("test/happy/again.png", "identical-across-splits", "left out"),
        ("test/happy/other.png", "identical-two-labels", "left out"),
    ]
    assert len(table(tmp_path / "kept", "manifest.csv")) == 14
    assert len(table(tmp_path / "dropped", "manifest.csv")) == 12


def test_groups_stay_together_in_new_splits(tmp_path: Path, noise: Noise) -> None:
    for person in range(20):
        for number in range(3):
            noise(
                tmp_path / "s" / ("happy" if number else "sad") / f"P{person:02d}x_{number}.png", 10 * person + number
            )
    prepare(tmp_path / "s", tmp_path / "out", group="name-before-number")
    manifest = table(tmp_path / "out", "manifest.csv")
    assert manifest.groupby("group")["split"].nunique().max() == 1
    assert manifest["group"].nunique() == 20
    assert set(manifest["split"]) == {"train", "val", "test"}
    assert kinds(tmp_path / "out") == []


def test_missing_splits(tmp_path: Path, noise: Noise) -> None:
    for label, first in (("happy", 0), ("sad", 50)):
        for number in range(20):
            noise(tmp_path / "s" / "train" / label / f"{number}.png", first + number)
            noise(tmp_path / "s" / "test" / label / f"{number}.png", 100 + first + number)
    assert prepare(tmp_path / "s", tmp_path / "a").counts.sum().tolist() == [34, 6, 40]
    shutil.rmtree(tmp_path / "s" / "test")
    assert prepare(tmp_path / "s", tmp_path / "b", val_share=0.25).counts.sum().tolist() == [24, 10, 6]
    assert prepare(tmp_path / "s", tmp_path / "c", test_share=0).counts.sum().tolist() == [34, 6, 0]
    assert table(tmp_path / "c", "test_labels.csv").empty
    os.rename(tmp_path / "s" / "train", tmp_path / "s" / "val")
    with pytest.raises(InputError, match="none to train on"):
        prepare(tmp_path / "s", tmp_path / "d")


def test_a_source_with_val_and_without_test(tmp_path: Path, noise: Noise) -> None:
    for label, first in (("happy", 0), ("sad", 50)):
        for number in range(20):
            noise(tmp_path / "s" / "train" / label / f"{number}.png", first + number)
            noise(tmp_path / "s" / "val" / label / f"{number}.png", 100 + first + number)
    for share, expected in ((None, [40, 20, 20]), (0.25, [40, 30, 10]), (0.5, [40, 20, 20]), (0.0, [40, 40, 0])):
        done = prepare(tmp_path / "s", tmp_path / f"out{share}", test_share=share)
        assert done.counts.sum().tolist() == expected
        assert done.test_of_val == (0.5 if share is None else share)


def fer2013(path: Path, copies: int = 30) -> Path:
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, number in (("Training", copies), ("PublicTest", copies // 3)):
        for code in range(7):
            lines += [f"{code},{' '.join(map(str, rng.integers(0, 256, 2304)))},{usage}" for _ in range(number)]
    lines.append(lines[1].replace("Training", "PublicTest"))
    path.write_text("\n".join(lines))
    return path


def test_fer2013(tmp_path: Path) -> None:
    path, out = fer2013(tmp_path / "fer2013.csv"), tmp_path / "out"
    done = prepare(path, out)
    assert done.counts["train"].tolist() == [27] * 7
    assert done.counts["val"].tolist() == [3] * 7
    assert done.counts["test"].tolist() == [10] * 7
    assert kinds(out) == [("fer0000280.png", "identical-across-splits", "left out")]
    manifest = Manifest.read(out)
    lines = path.read_text().splitlines()
    for row in range(0, len(manifest), 37):
        number = int(manifest.path(row).stem[3:])
        code, pixels, _ = lines[number + 1].split(",")
        assert manifest.table["label"][row] == CODES[int(code)]
        with Image.open(manifest.path(row)) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image).ravel(), np.array(pixels.split(), dtype=np.uint8))
    done = prepare(path, tmp_path / "sample", sample="sfew")
    assert done.counts["test"].tolist() == [10] * 7
    assert done.not_sampled == 0
    assert {kind for _, kind, _ in kinds(tmp_path / "sample")} == {"identical-across-splits", "sample-short"}
    done = prepare(path, tmp_path / "half", sample="70")
    assert done.counts.sum().tolist() == [70, 7, 25]
    with pytest.raises(InputError, match="--link"):
        prepare(path, tmp_path / "linked", link=True)


def test_labels_of_the_user(class_folders: Path, tmp_path: Path, noise: Noise) -> None:
    noise(class_folders / "contempt" / "x.png", 999)
    with pytest.raises(InputError, match=r"contempt/x\.png: contempt is none .*--labels contempt=drop"):
        prepare(class_folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    prepare(class_folders, tmp_path / "out", labels={"contempt": "drop"})
    assert kinds(tmp_path / "out") == [("contempt/x.png", "label-dropped", "left out")]
    prepare(class_folders, tmp_path / "in", labels={"contempt": "disgust"})
    manifest = table(tmp_path / "in", "manifest.csv")
    assert manifest[manifest["label"] == "disgust"]["original_label"].tolist() == ["contempt"]
    assert manifest[manifest["label"] == "disgust"]["split"].tolist() == ["train"]
    assert set(manifest["original_label"]) == {"", "contempt"}
    assert [kind for _, kind, _ in kinds(tmp_path / "in")] == ["class-missing", "class-missing"]


def test_one_class_is_refused(tmp_path: Path, noise: Noise) -> None:
    for number in range(20):
        noise(tmp_path / "s" / "happy" / f"{number}.png", number)
    with pytest.raises(InputError, match=r"at least two emotions .* found happy"):
        prepare(tmp_path / "s", tmp_path / "out")
    for path in (tmp_path / "s" / "happy").iterdir():
        path.write_text("no picture")
    with pytest.raises(InputError, match="found no readable picture"):
        prepare(tmp_path / "s", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == ["out-problems.csv", "s"]


def test_links(class_folders: Path, tmp_path: Path) -> None:
    prepare(class_folders, tmp_path / "out", link=True)
    manifest = Manifest.read(tmp_path / "out")
    assert all(manifest.path(row).is_symlink() for row in range(len(manifest)))
    assert all(manifest.path(row).resolve().is_relative_to(class_folders) for row in range(len(manifest)))
    prepare(tmp_path / "out", tmp_path / "again")  # a data folder is a source, too
    again = table(tmp_path / "again", "manifest.csv")
    pd.testing.assert_frame_equal(again, table(tmp_path / "out", "manifest.csv"))


def test_a_link_without_its_target_is_named(class_folders: Path, tmp_path: Path) -> None:
    prepare(class_folders, tmp_path / "out", link=True)
    class_folders.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"the link's target .*/source/Sadness/Sadness00\.png is missing"):
        Manifest.read(tmp_path / "out")


def test_strange_names(tmp_path: Path, noise: Noise) -> None:
    for number in range(20):
        noise(tmp_path / "s" / "sad" / f"{number}.png", number)
        noise(tmp_path / "s" / "happy" / ("ü" * 120 + f"{number}.png"), 100 + number)
    noise(tmp_path / "s" / "happy" / "笑, \n[red]\t.png", 300)
    os.rename(tmp_path / "s" / "happy" / "笑, \n[red]\t.png", os.fsencode(tmp_path / "s" / "happy") + b"/\xff\n.png")
    (tmp_path / "s" / "happy" / "名.png").write_text("no picture")
    prepare(tmp_path / "s", tmp_path / "out")
    manifest = Manifest.read(tmp_path / "out")
    assert len(manifest) == 41
    assert manifest.table["image"].str.endswith("/__.png").sum() == 1
    assert [image for image, _, _ in kinds(tmp_path / "out")] == ["happy/名.png"]


def test_out_and_source_must_not_lie_in_each_other(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for bad in (class_folders, class_folders / "out", tmp_path):
        with pytest.raises(InputError):
            prepare(class_folders, bad, overwrite=True)
    prepare(class_folders, out)
    with pytest.raises(InputError, match="--overwrite"):
        prepare(class_folders, out)
    for bad in (out, out / "manifest.csv"):
        with pytest.raises(InputError, match="must not lie in each other"):
            prepare(bad, out, overwrite=True)
    listed = tmp_path / "list.csv"
    (out / "manifest.csv").read_text()
    frame = table(out, "manifest.csv")
    frame["image"] = "out/" + frame["image"]
    frame.to_csv(listed, index=False)
    with pytest.raises(InputError, match="would be replaced"):
        prepare(listed, out, overwrite=True)
    before = table(out, "manifest.csv")
    prepare(class_folders, out, overwrite=True, seed=5)
    assert not before.equals(table(out, "manifest.csv"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.csv", "out", "source"]


def test_overwrite_replaces_a_used_data_folder_but_no_file_of_the_user(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(class_folders, out)
    decoded(Manifest.read(out), 8)  # leaves a cache
    for name in ("run1", "notes.txt"):
        (out / name).mkdir()
        with pytest.raises(InputError, match=name):
            prepare(class_folders, out, overwrite=True)
        assert (out / name).is_dir()
        (out / name).rmdir()
    prepare(class_folders, out, overwrite=True)
    assert not (out / ".cache").exists()


@pytest.mark.parametrize("place", ["shutil.copyfile", "draw_counts"])
def test_a_full_disk_leaves_nothing(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"bimodal.data.data_folder.{place}", full)
    with pytest.raises(OSError, match="No space left"):
        prepare(class_folders, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_real_limit_on_writing_leaves_nothing(class_folders: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from bimodal.data.prepare import prepare\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))\n"
        "try: prepare(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except OSError as error: print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(class_folders), str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.stdout.strip() == "File too large", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_no_permission(class_folders: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        locked = Path("/proc/self")  # root may write everywhere but there
    with pytest.raises(OSError, match=r"out|bimodal") as error:
        prepare(class_folders, locked / "out")
    assert error.value.errno


class Middle:
    """A detector that finds a face in the upper left of large pictures only."""

    def __init__(self, model: Path) -> None: ...

    def detect(self, image: np.ndarray) -> list[Face]:
        if len(image) < 20:
            return []
        landmarks = np.array([[8.0, 8], [16, 8], [12, 12], [9, 16], [15, 16]])
        return [Face(np.array([4.0, 4, 16, 16]), 0.9, landmarks)]


def test_align(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bimodal.data.inspection.Detector", Middle)
    for number in range(20):
        noise(tmp_path / "s" / "happy" / f"{number}.jpg", number, 40)
        noise(tmp_path / "s" / "sad" / f"{number}.jpg", 100 + number, 12 if number == 3 else 40)
    Image.new("RGB", (40, 40)).save(tmp_path / "s" / "sad" / "black.bmp")
    out = tmp_path / "out"
    prepare(tmp_path / "s", out, align=True, detector=tmp_path / "x.onnx", size=48)
    manifest = table(out, "manifest.csv")
    assert not (out / "aligned").exists()
    for image in manifest["image"]:
        assert image.endswith(".png")
        with Image.open(out / image) as face:
            assert face.size == (48, 48)
    flags = manifest[manifest["flag"] != ""]
    assert sorted(zip(flags["image"].map(lambda image: Path(image).name), flags["flag"], strict=True)) == [
        ("3.png", "no-face"),
        ("black.png", "blank"),
    ]
    assert sorted(kind for _, kind, _ in kinds(out)) == ["blank", "no-face"]


def check_digests(out: Path) -> None:
    """Compare the stored digests with those of the pictures."""
    manifest = Manifest.read(out)
    stored = manifest.pixel_digests
    computed = Manifest(manifest.root, manifest.table.assign(digest="", flag=""), manifest.labels).pixel_digests
    assert stored == computed
    assert any(stored)
    assert [digest is None for digest in stored] == (manifest.table["flag"] == "blank").tolist()


def test_stored_digests_are_those_of_the_pictures(
    class_folders: Path, tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bimodal.data.inspection.Detector", Middle)
    Image.new("RGB", (40, 40)).save(class_folders / "happy" / "black.bmp")
    noise(class_folders / "happy" / "large.jpg", 999, 40)
    for name, changes in {"plain": {}, "aligned": {"align": True, "detector": "x", "size": 16}}.items():
        prepare(class_folders, tmp_path / name, **changes)
        check_digests(tmp_path / name)
    prepare(fer2013(tmp_path / "fer2013.csv"), tmp_path / "fer")
    check_digests(tmp_path / "fer")


@pytest.mark.parametrize(
    "wrong",
    [
        {"val_share": 1.0}, {"val_share": -0.1}, {"val_share": 0.5, "test_share": 0.5}, {"size": 0}, {"seed": -1},
        {"link": True, "align": True}, {"duplicates": "maybe"}, {"label_from": "me"}, {"val_share": float("nan")},
    ],
)  # fmt: skip
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--"):
        PrepareOptions(**wrong)


def test_shared_photographs(tmp_path: Path) -> None:
    source = SHARED / "data" / "faces"
    if not source.is_dir():
        pytest.skip(f"no photographs at {source}")
    done = prepare(source, tmp_path / "out", labels={"contempt": "drop"}, group="name-before-number", link=True)
    assert done.counts.sum().sum() == 1691
    assert done.problems["problem"].value_counts().to_dict() == {"label-dropped": 5, "ignored": 1}
    manifest = Manifest.read(tmp_path / "out")
    assert set(manifest.table["label"]) == set(NAMES)


def test_groups_that_names_show_and_near_duplicates_stay_together(
    tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bimodal")
    for person in range(20):
        for number in range(3):
            label = "happy" if number else "sad"
            noise(tmp_path / "s" / label / f"Ann{chr(97 + person)}_{number}.png", 10 * person + number, 40)
    for person in range(8):  # the first picture of each, darker, under a name without a group
        with Image.open(tmp_path / "s" / "sad" / f"Ann{chr(97 + person)}_0.png") as image:
            image.point(lambda value: value * 0.7).save(tmp_path / "s" / "sad" / f"{person}.png")
    done = prepare(tmp_path / "s", tmp_path / "out")
    assert done.name_groups == "20 names before a number, such as 'Anna'"
    assert "groups: 20 names before a number" in caplog.text
    assert json.loads((tmp_path / "out" / "source.json").read_text())["groups"] == done.name_groups
    manifest = table(tmp_path / "out", "manifest.csv")
    assert manifest[manifest["group"] != ""].groupby("group")["split"].nunique().max() == 1
    assert set(manifest["split"]) == {"train", "val", "test"}
    place = {Path(image).name: split for image, split in zip(manifest["image"], manifest["split"], strict=True)}
    assert all(place[f"{k}.png"] == place[f"Ann{chr(97 + k)}_0.png"] for k in range(8))
    assert kinds(tmp_path / "out") == []

    done = prepare(tmp_path / "s", tmp_path / "apart", group="none", keep_near_duplicates=True)
    assert done.name_groups == "20 names before a number, such as 'Anna'"
    assert "they may be in several splits" in caplog.text
    assert set(done.problems["problem"]) == {"near-duplicate-across-splits", "group-across-splits"}
    assert set(done.problems["action"]) == {"kept"}
    manifest = table(tmp_path / "apart", "manifest.csv")
    assert manifest[manifest["group"] != ""].groupby("group")["split"].nunique().max() > 1

    done = prepare(tmp_path / "s", tmp_path / "none", group="none")
    assert set(done.problems["problem"]) == {"group-across-splits"}
