"""A tiny recipe and one finished run, for the tests of training and evaluation."""

from pathlib import Path

import pytest

from bimodal.runs.run import Run
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train

TINY = {
    "backbone": "test_resnet", "pretrained": False, "image_size": 32, "hidden": 16, "batch_size": 16,
    "dropout_features": 0.2, "dropout_hidden": 0.2, "lr": 0.003, "epochs": 4, "precision": "32",
}  # fmt: skip


def settings(**changes: object) -> TrainSettings:
    return TrainSettings.preset("paper", TINY | changes)


@pytest.fixture(scope="session")
def run(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("fit") / "run"
    return train(tiny_data, out, settings(removal={"epoch": 2, "k": 0.5, "min_per_class": 1}))
