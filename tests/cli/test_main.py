"""The command line as a whole: quick to answer, clear when something is wrong, and nothing heavy before it is needed."""

import errno
import subprocess
import sys
from collections.abc import Callable

import pytest

from bimodal.cli.main import app
from tests.conftest import Outcome, fails_with_one_line

COMMANDS = (
    "demo",
    "draw",
    "prepare",
    "audit",
    "train",
    "evaluate",
    "compare",
    "report",
    "predict",
    "export",
    "publish",
    "reproduce",
    "pretrain",
)


def test_help_lists_every_command_and_each_explains_itself(cli: Callable[..., Outcome]) -> None:
    overview = cli("--help")
    assert overview.returncode == 0
    assert len(app.registered_commands) == len(COMMANDS)
    for command in COMMANDS:
        assert command in overview.stdout
        own = cli(command, "--help")
        assert own.returncode == 0
        assert "Usage" in own.stdout


@pytest.mark.parametrize(
    "command", ["import bimodal", "import bimodal.cli.main", "import bimodal.removal, bimodal.evaluation"]
)
def test_nothing_heavy_is_loaded_before_it_is_needed(command: str) -> None:
    code = f"{command}; import sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert not loaded & {"torch", "lightning", "timm", "cv2", "albumentations", "matplotlib", "PIL"}


def test_a_full_disk_and_missing_permission_are_one_line(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path
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
