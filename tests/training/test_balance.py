"""Balance for rare emotions: class weights, a sampler that draws classes equally often, and what they gain."""

import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.models import EmotionClassifier
from bimodal.training.balance import BalancedSampler, class_weights
from bimodal.training.callback import _rebuild
from bimodal.training.evaluate import evaluate
from bimodal.training.module import EmotionModule
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train
from tests.conftest import SMALL, write_data
from tests.forked import bimodal
from tests.training.conftest import settings
from tests.training.test_resume import interrupt

RARE = NAMES.index("fear")


class Faces(torch.utils.data.Dataset):
    labels = np.repeat(np.arange(4), [70, 20, 8, 2])

    def __len__(self) -> int:
        return len(self.labels)


@pytest.fixture(scope="module")
def rare_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which 7 of 367 training faces, 2 %, have the label fear."""
    folder = write_data(tmp_path_factory.mktemp("rare") / "data", {"train": 420, "val": 70, "test": 140})
    table = pd.read_csv(folder / "manifest.csv")
    rare = table.index[(table["split"] == "train") & (table["label"] == NAMES[RARE])]
    table.drop(rare[7:]).to_csv(folder / "manifest.csv", index=False)
    return folder


def test_all_classes_have_the_same_total_weight_and_examples_have_a_mean_weight_of_one() -> None:
    labels = Faces.labels
    weights = class_weights(labels, 5)
    assert np.bincount(labels, weights[labels]) == pytest.approx([25] * 4)
    assert weights[labels].mean() == pytest.approx(1)
    assert weights[4] == 1


def test_the_loss_of_a_batch_weighs_its_classes_but_not_the_losses_of_examples() -> None:
    torch.manual_seed(0)
    model = EmotionClassifier("test_resnet", 16, 0.0, 0.0, 32)
    batch = {"image": torch.randn(8, 3, 32, 32), "label": torch.arange(8) % 7}
    weights = np.array([1, 2, 3, 4, 5, 6, 7], dtype=np.float32)
    result = EmotionModule(model, class_weights=weights).train().training_step(batch, 0)
    plain = EmotionModule(model).train().training_step(batch, 0)
    torch.testing.assert_close(result["sample_loss"], plain["sample_loss"])
    shares = torch.from_numpy(weights)[batch["label"]]
    torch.testing.assert_close(result["loss"], (shares * plain["sample_loss"]).sum() / shares.sum())
    assert abs(result["loss"] - cross_entropy(plain["logits"], batch["label"])) > 1e-3


def test_the_sampler_draws_classes_equally_often_and_depends_on_seed_and_epoch_only() -> None:
    faces = Faces()
    rows = [*range(60), *range(70, 100)]
    sampler = BalancedSampler(Subset(faces, rows), 10, seed=3)
    drawn = {}
    for epoch in range(40):
        sampler.set_epoch(epoch)
        drawn[epoch] = list(sampler)
        assert len(drawn[epoch]) == len(sampler) == len(rows)
    counts = np.bincount(faces.labels[np.array(rows)[np.concatenate(list(drawn.values()))]])
    assert counts / counts.sum() == pytest.approx([0.25] * 4, abs=0.03)
    assert drawn[0] != drawn[1]
    sampler.set_epoch(7)
    assert list(sampler) == drawn[7]
    parts = [BalancedSampler(Subset(faces, rows), 10, 2, rank, seed=3) for rank in (0, 1)]
    assert sorted([*parts[0], *parts[1]]) == sorted(drawn[0])


def test_after_a_removal_the_sampler_balances_the_examples_that_are_left() -> None:
    faces = Faces()
    loader = DataLoader(faces, 10, sampler=BalancedSampler(Subset(faces, range(100)), 10, seed=3))
    kept = [*range(10), *range(70, 98)]
    rebuilt = _rebuild(loader, Subset(faces, kept))
    assert isinstance(rebuilt.sampler, BalancedSampler)
    drawn = []
    for epoch in range(50):
        rebuilt.sampler.set_epoch(epoch)
        drawn += list(rebuilt.sampler)
    counts = np.bincount(faces.labels[kept][drawn])
    assert counts / counts.sum() == pytest.approx([1 / 3] * 3, abs=0.05)


@pytest.mark.parametrize("balance", ["loss", "sampling"])
def test_a_class_of_two_percent_is_recognised_only_with_balance(rare_data: Path, tmp_path: Path, balance: str) -> None:
    recipe = {"epochs": 2, "losses": "clean", "keep": "last", "removal": "none", "augment": "none", "schedule": "cycle"}
    recalls = {}
    for name in ("none", balance):
        run = train(rare_data, tmp_path / name, settings(**recipe, balance=name))
        recalls[name] = evaluate(run, "test").measures.classes[RARE].recall.value  # type: ignore[union-attr]
    assert recalls["none"] == 0
    assert recalls[balance] > 0.5


def test_the_probe_weighs_rare_classes(rare_data: Path, tmp_path: Path) -> None:
    recalls = {}
    for name in ("none", "loss"):
        run = train(rare_data, tmp_path / name, TrainSettings.preset("probe", {"balance": name}))
        recalls[name] = evaluate(run, "test").measures.classes[RARE].recall.value  # type: ignore[union-attr]
    assert recalls["loss"] > recalls["none"] + 0.1


def test_sampling_needs_losses_of_every_face() -> None:
    with pytest.raises(InputError, match="--balance sampling needs --losses clean"):
        TrainSettings.preset("paper", {"balance": "sampling"})
    with pytest.raises(InputError, match="--balance must be one of none, loss, sampling, got 'all'"):
        TrainSettings.preset("paper", {"balance": "all"})


@pytest.mark.slow
def test_sampling_leaves_out_removed_faces_and_is_resumed(tiny_data: Path, tmp_path: Path) -> None:
    recipe = [*SMALL, "--epochs", "5", "--removal-epoch", "2", "--removal-min-per-class", "1", "--removal-k", "0.5"]
    recipe += ["--balance", "sampling", "--losses", "clean", "--keep", "last"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    result = bimodal("train", tiny_data, "--out", whole, *recipe)
    assert result.returncode == 0, result.stderr
    interrupt(tiny_data, run, signal.SIGKILL, 3, recipe)
    assert not (run / "model.safetensors").exists(), "the signal came too late to be a test"
    assert bimodal("train", "--out", run, "--resume").returncode == 0
    for name in ("model.safetensors", "metrics.csv", "steps.csv", "removed.csv"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    removed, metrics = pd.read_csv(whole / "removed.csv"), pd.read_csv(whole / "metrics.csv")
    assert len(removed) > 0
    assert metrics["examples"].tolist() == [70, 70] + [70 - len(removed)] * 3
