"""The command line as a whole: help, version, clear errors, and no import of a large library before it is needed."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_group

from bimodal.cli.lazy import LazyCommand
from bimodal.cli.main import app
from bimodal.version import __version__
from tests.conftest import Outcome, fails_with_one_line

GROUPS = {
    "Find wrong labels": ("prepare", "audit", "review", "demo"),
    "Train and measure": ("train", "evaluate", "compare", "report"),
    "Predict and share": ("predict", "embed", "export", "publish"),
    "Experiments": ("reproduce", "pretrain", "draw", "study"),
}


def test_help_lists_the_commands_by_task(cli: Callable[..., Outcome]) -> None:
    overview = cli("--help")
    assert overview.returncode == 0
    words = overview.stdout.split()
    positions = [overview.stdout.index(group) for group in GROUPS]
    assert positions == sorted(positions)
    for group, following in zip(positions, [*positions[1:], len(overview.stdout)], strict=True):
        part = overview.stdout[group:following]
        commands = next(names for title, names in GROUPS.items() if part.startswith(title))
        listed = [line.split()[1] for line in part.splitlines()[1:] if line.startswith("│ ") and line[2] != " "]
        assert tuple(listed) == commands
    assert "--install-completion" in words
    assert list(get_group(app).commands) == [name for names in GROUPS.values() for name in names]


def test_the_overview_has_the_first_sentence_of_each_command() -> None:
    for command in get_group(app).commands.values():
        assert isinstance(command, LazyCommand)
        assert command.load().help.split("\n\n")[0] == command.help, command.name


@pytest.mark.parametrize("command", [command for commands in GROUPS.values() for command in commands])
def test_each_command_has_help(cli: Callable[..., Outcome], command: str) -> None:
    result = cli(command, "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout


def test_version(cli: Callable[..., Outcome]) -> None:
    result = cli("--version")
    assert (result.returncode, result.stdout) == (0, f"bimodal {__version__}\n")


@pytest.mark.parametrize("command", ["import bimodal.cli.main", "import bimodal.removal, bimodal.evaluation"])
def test_no_large_library_is_loaded_before_it_is_needed(command: str) -> None:
    code = f"{command}; import sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert not loaded & {"torch", "lightning", "timm", "cv2", "albumentations", "matplotlib", "PIL", "pandas"}
    assert command != "import bimodal.cli.main" or "numpy" not in loaded


def test_a_full_disk_and_missing_permission_are_one_line(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import bimodal.synthetic.dataset

    for code, words in ((errno.ENOSPC, "No space left"), (errno.EACCES, "Permission denied")):

        def fail(*_: object, code: int = code, **__: object) -> None:
            raise OSError(code, __import__("os").strerror(code), str(tmp_path / "x.png"))

        monkeypatch.setattr(bimodal.synthetic.dataset, "write_set", fail)
        fails_with_one_line(cli("draw", tmp_path / "out"), words, "x.png")


def test_unknown_commands_and_options_exit_with_2(cli: Callable[..., Outcome]) -> None:
    for arguments in (["trian"], ["train", "--out", "x", "--epoch", "3"], ["train"]):
        result = cli(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
