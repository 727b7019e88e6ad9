"""An interrupted `prepare` is continued by the same call, and gives the same folder as one without an interruption."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.data import inspection
from bimodal.data.inspection_log import Found, InspectionLog, log_folder
from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.data.sources.entry import Entry
from bimodal.errors import InputError
from bimodal.locks import locked
from bimodal.vision.pictures import decode_reduced


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(60):
        place = tmp_path / "faces" / ("happy", "sad", "angry")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8)).save(place / f"{number}.png")
    (tmp_path / "faces" / "sad" / "broken.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "faces" / "sad" / "black.png")
    table = ["image,label,face_x,face_y,face_width,face_height"]
    for file in sorted((tmp_path / "faces").rglob("*.png")):
        table.append(f"faces/{file.relative_to(tmp_path / 'faces')},{file.parent.name},2,3,14,15")
        table.append(f"faces/{file.relative_to(tmp_path / 'faces')},{file.parent.name},0,0,8,8")
    (tmp_path / "faces.csv").write_text("\n".join(table))
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in ("source.json", "counts.png")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".bimodal-")]


@pytest.mark.parametrize("source", ["faces", "faces.csv"])
def test_an_interrupted_call_is_continued(faces: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    whole = content(prepare(faces / source, faces / "whole").out)
    assert hidden(faces) == []
    seen: list[object] = []

    def interrupted(picture: Path, *_: object) -> object:
        if len(seen) == 40:
            raise KeyboardInterrupt
        seen.append(picture)
        return decode_reduced(picture)

    monkeypatch.setattr(inspection, "decode_reduced", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(faces / source, faces / "data")
    assert hidden(faces) == [log_folder(faces / "data").name]
    again: list[object] = []
    monkeypatch.setattr(
        inspection, "decode_reduced", lambda picture, *_: again.append(picture) or decode_reduced(picture)
    )
    prepared = prepare(faces / source, faces / "data")
    assert content(prepared.out) == whole
    assert hidden(faces) == []
    pictures = 62 if source == "faces" else 124
    assert 0 < len(again) < pictures - 8  # a few that were under way at the interruption are inspected again


def test_after_a_kill_the_same_command_continues(faces: Path) -> None:
    whole = content(prepare(faces / "faces", faces / "whole").out)
    slow = (
        "import sys, time; from bimodal.data import inspection_log, inspection; decode = inspection.decode_reduced\n"
        "inspection_log._BATCH = 5\n"
        "inspection.decode_reduced = lambda picture: time.sleep(0.05) or decode(picture)\n"
        "from bimodal.data.prepare import prepare\n"
        f"prepare({str(faces / 'faces')!r}, {str(faces / 'data')!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", slow])
    table = log_folder(faces / "data") / "found.sqlite"
    while process.poll() is None and not (table.exists() and table.stat().st_size > 20_000):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert content(prepare(faces / "faces", faces / "data").out) == whole
    assert hidden(faces) == []


def test_other_options_and_changed_pictures_are_inspected_anew(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"1")
    entry, found = Entry("a.png", "sad", "", picture), Found(b"d", b"d", "", False, np.ones(256, np.float16))
    with InspectionLog(tmp_path, PrepareOptions()) as log:
        log.keep(log.key(entry), found)
    with InspectionLog(tmp_path, PrepareOptions()) as log:
        known = log.recall(log.key(entry))
        assert known is not None
        assert (known.digest, known.flag, known.problem) == (b"d", "", "")
        np.testing.assert_array_equal(known.thumbnail, found.thumbnail)
        assert log.recall(log.key(Entry("a.png", "sad", "", picture, box=(0, 0, 9, 9)))) is None
        os.utime(picture, (1, 1))
        assert log.recall(log.key(entry)) is None
    with InspectionLog(tmp_path, PrepareOptions(align=True)) as log:
        assert log.recall(log.key(entry)) is None


def test_a_damaged_log_is_made_anew(faces: Path) -> None:
    folder = log_folder(faces / "data")
    folder.mkdir()
    (folder / "found.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert len(content(prepare(faces / "faces", faces / "data").out)) > 60
    assert hidden(faces) == []


def test_two_calls_for_one_folder_and_errors(faces: Path) -> None:
    folder = log_folder(faces / "data")
    folder.mkdir()
    with locked(folder), pytest.raises(InputError, match="another call of bimodal"):
        prepare(faces / "faces", faces / "data")
    with pytest.raises(InputError, match="two emotions"):
        prepare(faces / "faces", faces / "data", labels="happy=drop,angry=drop")
    (checksum,) = hidden(faces)
    assert checksum.startswith(".bimodal-problems-")  # of data-problems.csv, gone after a success
