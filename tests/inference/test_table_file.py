"""The table of predictions: complete or absent, resumed after an interruption, and never over another file."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.inference.table_file import TableFile

COLUMNS = ("file", "emotion", "note")
IDENTITY = {"model": "a"}


def row(name: str, emotion: str = "sad") -> dict[str, str | None]:
    return {"file": name, "emotion": emotion, "note": None}


def write(out: Path, names: list[str], finish: bool = True, **options: bool) -> frozenset[str]:
    with TableFile(out, COLUMNS, IDENTITY, **options) as table:
        for name in names:
            if name not in table.done:
                table.write([row(name), row(name, "happy")])
        if finish:
            table.finish()
        return table.done


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("cut_bytes", [0, 1, 17, 40])
def test_an_interrupted_table_is_resumed(tmp_path: Path, ending: str, cut_bytes: int) -> None:
    names = [f"pictures/{k},'\"é.png" for k in range(6)]
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    write(whole, names)
    write(out, names[:4], finish=False)
    part = out.with_name(f"{out.name}.part")
    content = part.read_bytes()
    part.write_bytes(content[: len(content) - cut_bytes])
    assert not out.exists()
    done = write(out, names, resume=True)
    assert out.read_bytes() == whole.read_bytes()
    assert names[0] in done
    assert names[3] not in done, "the rows of the last file may be incomplete"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_existing_files_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    with pytest.raises(InputError, match="exists"):
        write(out, ["a"])
    with pytest.raises(InputError, match="exists"):
        write(out, ["a"], resume=True)
    assert out.read_text() == "precious"
    write(out, ["a"], overwrite=True)
    assert out.read_text().startswith("file,emotion,note\na,sad,\n")
    other = tmp_path / "other.csv"
    write(other, ["a"], finish=False)
    with pytest.raises(InputError, match="interrupted call"):
        write(other, ["a"])
    with pytest.raises(InputError, match="with another model"), TableFile(other, COLUMNS, {"model": "b"}, resume=True):
        pass
    (tmp_path / "other.csv.part").write_text("something else\n")
    with pytest.raises(InputError, match="damaged"):
        write(other, ["a"], resume=True)
    for bad, words in (("out.txt", "must end in"), (".", "must end in")):
        with pytest.raises(InputError, match=words):
            write(tmp_path / bad, ["a"])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write(tmp_path / "folder.csv", ["a"])


def test_a_killed_call_can_be_resumed(tmp_path: Path) -> None:
    """Killed after the first bytes, before them, or between the last two steps."""
    out, identity = tmp_path / "out.csv", tmp_path / "out.csv.part.json"
    with TableFile(out, COLUMNS, IDENTITY):
        assert out.with_name("out.csv.part").read_text() == "file,emotion,note\n"
        left = identity.read_text()
    out.with_name("out.csv.part").unlink()
    for part in (None, b""):
        for options in ({}, {"resume": True}, {"overwrite": True}):
            identity.write_text(left)
            if part is not None:
                out.with_name("out.csv.part").write_bytes(part)
                options = options or {"resume": True}
            write(out, ["a"], **options)
            assert out.read_text() == "file,emotion,note\na,sad,\na,happy,\n"
            assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
            out.unlink()


def test_two_calls_cannot_write_the_same_table(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with TableFile(out, COLUMNS, IDENTITY) as first:
        first.write([row("a")])
        for options in ({"overwrite": True}, {"resume": True}):
            with pytest.raises(InputError, match="another call"):
                write(out, ["b"], **options)
        first.finish()
    assert "a,sad" in out.read_text()


def test_the_values_are_read_back(tmp_path: Path) -> None:
    values = {"file": 'a,"b', "emotion": "sad", "note": None}
    for name in ("a.csv", "a.jsonl"):
        with TableFile(tmp_path / name, COLUMNS, IDENTITY) as table:
            table.write([values])
            table.finish()
    with (tmp_path / "a.csv").open(newline="") as file:
        assert next(csv.DictReader(file)) == {**values, "note": ""}
    assert json.loads((tmp_path / "a.jsonl").read_text()) == values


def test_a_limit_of_the_file_size_names_the_table(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from bimodal.inference.table_file import TableFile\n"
        "out = Path(sys.argv[1])\n"
        "table = TableFile(out, ['file', 'emotion'], {'model': 'a'}, False, False)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try:\n"
        "    with table:\n"
        "        for number in range(10_000): table.write([{'file': f'{number}.png', 'emotion': 'sad'}])\n"
        "        table.finish()\n"
        "except OSError as error: print(error.filename)\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "table.csv")]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(tmp_path / "table.csv"), result.stderr
