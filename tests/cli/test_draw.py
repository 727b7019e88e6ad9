"""The command `bimodal draw`."""

import inspect
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from bimodal.cli.draw import draw
from bimodal.errors import InputError
from bimodal.synthetic.dataset import write_set

app = typer.Typer()
app.command()(draw)


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_draws_the_requested_set(tmp_path: Path) -> None:
    out = tmp_path / "faces [1] é"
    output = call(out, "--count", 12, "--wrong", 0.25, "--seed", 3, "--size", 32, "--no-face", 0, "--val", 7)
    truth = pd.read_csv(out / "truth.csv")
    assert len(truth) == 19
    assert (truth["label"] != truth["true_label"]).sum() == 3
    assert "19 pictures" in output
    assert "truth.csv" in output


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        call(tmp_path / name, "--count", 7, "--size", 32, "--seed", seed)

    def files(name: str) -> dict[str, bytes]:
        folder = tmp_path / name
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert files("a") == files("b")
    assert files("a") != files("c")


@pytest.mark.parametrize("bad", [("--count", 3), ("--wrong", 1.5), ("--size", 9), ("--test", 2)])
def test_bad_values_are_refused(tmp_path: Path, bad: tuple[str, object]) -> None:
    with pytest.raises(InputError, match="must be from"):
        call(tmp_path / "out", *bad)
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_refused_unless_overwrite(tmp_path: Path) -> None:
    call(tmp_path / "out", "--count", 7, "--size", 32)
    with pytest.raises(InputError, match="exists"):
        call(tmp_path / "out", "--count", 8, "--size", 32)
    call(tmp_path / "out", "--count", 8, "--size", 32, "--overwrite")
    assert len(pd.read_csv(tmp_path / "out" / "truth.csv")) == 8


def test_defaults_of_the_command_are_those_of_the_library() -> None:
    command, library = inspect.signature(draw).parameters, inspect.signature(write_set).parameters
    for name in ("wrong", "no_face", "seed", "size", "val", "test", "overwrite"):
        assert command[name].default == library[name].default
