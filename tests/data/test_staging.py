import errno
from pathlib import Path

import pytest

from bimodal.data.staging import staged_folder
from bimodal.errors import InputError


def write(out: Path, text: str, overwrite: bool = False, fail: BaseException | None = None) -> None:
    with staged_folder(out, overwrite, ("mark",)) as folder:
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


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "out", "old")
    import os

    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == "out" and not Path(source).name.endswith(".old"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("bimodal.data.staging.os.rename", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "mark").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_nothing_of_the_users_is_replaced(tmp_path: Path) -> None:
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
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        write(tmp_path / "empty", "new")
    write(tmp_path / "empty", "new", overwrite=True)
