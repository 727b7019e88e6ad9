"""A small audit by features of drawn faces, shared by all tests; the one by a training is a fixture of the whole suite."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.emotions import NAMES
from bimodal.label_audit.audit import Audit, audit
from bimodal.label_audit.settings import AuditSettings
from bimodal.synthetic.photograph import draw_face
from tests.conftest import write_data

RECIPE = {"epochs": 12, "image_size": 32, "batch_size": 16}
TRAINING = AuditSettings("training", recipe=RECIPE)
FACES, WRONG = 210, 42


def draw_data(folder: Path, counts: dict[str, int], wrong: int = 0, size: int = 48) -> Path:
    """Write a data folder of drawn faces; the first `wrong` training labels are wrong."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for stream, (split, count) in enumerate(counts.items()):
        for i in range(count):
            emotion, name = i % len(NAMES), f"images/{split}-{i:04}.png"
            picture = draw_face(emotion, np.random.default_rng((stream, i)), size)
            Image.fromarray(picture).save(folder / name)
            label = (emotion + 1 + i % 3) % len(NAMES) if split == "train" and i < wrong else emotion
            rows.append((name, NAMES[label], split))
    pd.DataFrame(rows, columns=["image", "label", "split"]).to_csv(folder / "manifest.csv", index=False)
    return folder


def train_audit(folder: Path) -> Audit:
    """Audit 210 blobs by a training, a fifth of them labelled wrongly."""
    data = write_data(folder / "data", {"train": FACES, "val": 14, "test": 14}, wrong=WRONG)
    add_copy(data)
    return audit(data, folder / "out", TRAINING)


def add_copy(data: Path) -> None:
    """Make a training picture a copy of a test picture with another label."""
    (data / "images/train-0100.png").write_bytes((data / "images/test-0003.png").read_bytes())


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """An audit of 210 drawn faces by features, a fifth of them labelled wrongly."""
    folder = tmp_path_factory.mktemp("audit")
    data = draw_data(folder / "data", {"train": FACES, "val": 14, "test": 14}, WRONG)
    add_copy(data)
    return audit(data, folder / "out")


@pytest.fixture
def data(audited: Audit) -> Path:
    """The data folder of the audit by features."""
    return audited.out.parent / "data"


@pytest.fixture
def out(audited: Audit, tmp_path: Path) -> Path:
    """A copy of the audit by features, to change."""
    return Path(shutil.copytree(audited.out, tmp_path / "out"))
