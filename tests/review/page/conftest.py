"""The local page on a copy of an audit, as a client sees it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bimodal.label_audit.audit import Audit
from bimodal.review.app import create_app
from bimodal.review.security import Access
from bimodal.review.workspace import Workspace

BASE = "http://127.0.0.1:8017"


@pytest.fixture
def workspace(reviewed: Audit, tmp_path: Path) -> Iterator[Workspace]:
    """The review of a copy of the audit, ready."""
    workspace = Workspace(shutil.copytree(reviewed.out, tmp_path / "audit"))
    workspace.prepare()
    assert workspace.work.state == "ready", workspace.work.what
    yield workspace
    workspace.close()


@pytest.fixture(scope="session")
def unchanged(reviewed: Audit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A review that tests share, because they store nothing."""
    workspace = Workspace(shutil.copytree(reviewed.out, tmp_path_factory.mktemp("unchanged") / "audit"))
    workspace.prepare()
    assert workspace.work.state == "ready", workspace.work.what
    yield workspace
    assert workspace.review.store.count == 0
    workspace.close()


@pytest.fixture
def access() -> Access:
    """Only this machine may call."""
    return Access.new(8017, with_token=False)


@pytest.fixture
def client(workspace: Workspace, access: Access) -> TestClient:
    """A browser with the page open, and a named reviewer."""
    return named(workspace, access)


@pytest.fixture
def reader(unchanged: Workspace, access: Access) -> TestClient:
    """The same, for tests that store nothing."""
    return named(unchanged, access)


def named(workspace: Workspace, access: Access, name: str = "Ann") -> TestClient:
    """Return a client that has given a name."""
    client = TestClient(create_app(workspace, access), base_url=BASE)  # not entered: the workspace is ready already
    client.headers["x-csrf-token"] = access.csrf
    assert client.post("/api/session/reviewer", json={"name": name}).status_code == 204
    return client
