"""One small audit, shared by all tests."""

from pathlib import Path

import pytest

from bimodal.label_audit.audit import Audit, audit
from bimodal.training.settings import TrainSettings
from tests.conftest import write_data

SETTINGS = TrainSettings.preset(
    "small", {"epochs": 12, "image_size": 32, "batch_size": 16, "augment": "fast", "keep": "last", "removal": "none"}
)


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """An audit of 210 blobs, a fifth of them labelled wrongly, one a copy of a test picture under another label."""
    folder = tmp_path_factory.mktemp("audit")
    data = write_data(folder / "data", {"train": 210, "val": 14, "test": 14}, wrong=42)
    (data / "images/train-0100.png").write_bytes((data / "images/test-0003.png").read_bytes())
    return audit(data, folder / "out", SETTINGS)


@pytest.fixture
def data(audited: Audit) -> Path:
    """The data folder of that audit."""
    return audited.out.parent / "data"
