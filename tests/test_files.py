import errno
import os
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.files import check_replaceable, staged_folder, write_atomically


def write(out: Path, text: str, overwrite: bool = False, fail: BaseException | None = None) -> None:
    with staged_folder(out, overwrite, content=("mark", "*.csv"), marks=("mark",)) as folder:
        (folder / "mark").write_text(text)
        if fail:
            raise fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_or_nothing(tmp_path: Path) -> None:
    for fail in (OSError(errno.ENOSPC, "No space left on device", "source.png"), KeyboardInterrupt()):
        with pytest.raises(type(fail)) as caught:
            write(tmp_path / "out", "half", fail=fail)
        assert names(tmp_path) == []
        if isinstance(fail, OSError):
            assert caught.value.filename == str(tmp_path / "out")
    write(tmp_path / "out", "whole")
    assert names(tmp_path) == ["out"]
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "half", overwrite=True, fail=KeyboardInterrupt())
    assert (tmp_path / "out" / "mark").read_text() == "whole"
    write(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "mark").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_the_old_folder_is_restored_after_ctrl_c_between_the_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "out", "old")
    rename, renamed = os.rename, []

    def interrupted(source: Path, target: Path) -> None:
        rename(source, target)
        renamed.append(target)
        if len(renamed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("bimodal.files.os.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "new", overwrite=True)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out/mark").read_text() == "old"


def test_the_old_folder_is_restored_if_the_new_one_cannot_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "out", "old")
    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == "out" and next(Path(source).iterdir()).read_text() == "new":
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("bimodal.files.os.rename", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "mark").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_no_file_of_the_user_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    (tmp_path / "file").write_text("x")
    write(tmp_path / "ours", "a")
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    for name in ("home", "file", "link"):
        for overwrite in (False, True):
            with pytest.raises(InputError, match="--overwrite"):
                write(tmp_path / name, "new", overwrite)
    assert (tmp_path / "home" / "letter").read_text() == "dear"
    for overwrite in (False, True):
        empty = tmp_path / f"empty{overwrite}"
        empty.mkdir()
        write(empty, "new", overwrite)
        assert names(empty) == ["mark"]


@pytest.mark.parametrize("name", ["run1", "notes.txt", ".git"])
def test_a_folder_that_also_holds_files_of_the_user_is_kept(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "more.csv").touch()
    (tmp_path / "out" / name).mkdir()
    with pytest.raises(InputError, match=f"'{name}', which --overwrite would delete"):
        write(tmp_path / "out", "new", overwrite=True)
    assert names(tmp_path / "out") == sorted(["mark", "more.csv", name])
    (tmp_path / "out" / name).rmdir()
    write(tmp_path / "out", "new", overwrite=True)
    assert names(tmp_path / "out") == ["mark"]


def test_only_a_folder_with_all_marks_is_replaceable(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "none", (), ("a",))
    check_replaceable(tmp_path, (), ("a",))
    (tmp_path / "a").touch()
    (tmp_path / ".bimodal-0123.npy").touch()  # left by a process that was killed
    check_replaceable(tmp_path, ("a",), ("a",))
    with pytest.raises(InputError, match="only a folder with a and b"):
        check_replaceable(tmp_path, ("a", "b"), ("a", "b"))


@pytest.mark.parametrize("named", [None, "source.png"])
def test_an_error_names_the_file_that_cannot_be_written(tmp_path: Path, named: str | None) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", named)

    file = tmp_path / "a.csv"
    with pytest.raises(OSError, match="No space") as caught:
        write_atomically(file, full)
    assert caught.value.filename == str(file)
    assert names(tmp_path) == []
    lost = tmp_path / "none" / "a.csv"
    with pytest.raises(FileNotFoundError) as missing:
        write_atomically(lost, lambda part: part.write_text("x"))
    assert missing.value.filename == str(lost)
    with pytest.raises(FileNotFoundError) as other:
        write_atomically(file, lambda part: part.write_text((tmp_path / "read").read_text()))
    assert str(other.value.filename) == str(tmp_path / "read")


def test_a_crash_leaves_the_old_file_and_a_new_one_can_be_read_by_others(tmp_path: Path) -> None:
    def crash(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    file = tmp_path / "a.csv"
    write_atomically(file, lambda part: part.write_text("old"))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, crash)
    assert names(tmp_path) == ["a.csv"]
    assert file.read_text() == "old"
    plain = tmp_path / "plain"
    plain.touch()
    assert file.stat().st_mode == plain.stat().st_mode
