"""The command: what it says when it cannot serve, and how it ends."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from bimodal.label_audit.audit import Audit
from bimodal.review.security import Access
from bimodal.review.server import _address
from tests import forked
from tests.conftest import Outcome, fails_with_one_line
from tests.review.page.server import Server


def review(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, because it may serve."""
    return forked.bimodal("review", *arguments)


def test_wrong_folders_and_hosts_are_one_line(cli: Callable[..., Outcome], reviewed: Audit, tmp_path: Path) -> None:
    fails_with_one_line(cli("review", tmp_path), "neither", "bimodal prepare")
    fails_with_one_line(cli("review", reviewed.out, "--out", tmp_path / "x"), "--out says nothing")
    fails_with_one_line(cli("review", reviewed.out, "--host", "no such host"), "no address of this machine")
    fails_with_one_line(cli("review", reviewed.out, "--host", "192.0.2.1"), "cannot listen")
    fails_with_one_line(cli("review", reviewed.out, "--port", "70000"), "between 0 and 65535")


def test_an_audit_that_cannot_be_reviewed_ends_the_command(reviewed: Audit, tmp_path: Path) -> None:
    moved = shutil.copytree(reviewed.out, tmp_path / "audit")
    mark = json.loads((moved / "audit.json").read_text()) | {"data": str(tmp_path / "gone")}
    (moved / "audit.json").write_text(json.dumps(mark))
    fails_with_one_line(review(moved, "--port", 0), "has moved")
    shutil.copytree(reviewed.out, tmp_path / "foreign")
    (tmp_path / "foreign/review.sqlite").write_bytes(b"not a database" * 100)
    fails_with_one_line(review(tmp_path / "foreign", "--port", 0), "review.sqlite")


def test_a_taken_port_is_one_line_and_ctrl_c_ends(reviewed: Audit, tmp_path: Path) -> None:
    server = Server(shutil.copytree(reviewed.out, tmp_path / "audit"))
    try:
        fails_with_one_line(review(server.folder, "--port", server.port), "choose another --port")
        with urllib.request.urlopen(server.address + "api/health", timeout=30) as answer:
            assert json.load(answer)["state"] in ("working", "ready")
        assert server.stop() == 130
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("host", "start"),
    [("127.0.0.1", "http://127.0.0.1:7/"), ("::1", "http://[::1]:7/"), ("localhost", "http://localhost:7/")],
)
def test_the_address_has_the_token_in_its_fragment(host: str, start: str) -> None:
    access = Access.new(7, with_token=True)
    assert _address(host, 7, access) == f"{start}#token={access.token}"
    assert _address(host, 7, Access.new(7, with_token=False)) == start
