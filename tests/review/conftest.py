"""An audit of drawn faces to review, shared by all tests."""

import shutil
from pathlib import Path

import pytest

from bimodal.label_audit.audit import Audit, audit
from bimodal.review.opened import OpenAudit
from tests.label_audit.conftest import FACES, WRONG, draw_data


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """An audit of 210 drawn faces by features, a fifth of them labelled wrongly."""
    folder = tmp_path_factory.mktemp("review")
    return audit(draw_data(folder / "data", {"train": FACES, "val": 14, "test": 28}, WRONG), folder / "out")


@pytest.fixture
def opened(reviewed: Audit, tmp_path: Path) -> OpenAudit:
    """A copy of the audit, to change."""
    return OpenAudit.open(shutil.copytree(reviewed.out, tmp_path / "audit"))
