"""The small networks: their inputs, their training, and removal in it."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from bimodal.classical.small_nets import DEEP, SIMPLE, NetSettings, TrainedNet, components, train_net
from bimodal.errors import InputError
from bimodal.removal import preset

FAST = NetSettings(hidden=(16,), epochs=20, batch_size=32, lr=0.02)


def faces(wrong: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """350 easy inputs of seven classes, the first 280 for training, the first labels wrong."""
    rng = np.random.default_rng(0)
    truth = np.arange(350) % 7
    inputs = (3 * rng.normal(size=(7, 6))[truth] + rng.normal(size=(350, 6))).astype(np.float32)
    labels = truth.copy()
    labels[:wrong] = (labels[:wrong] + 3) % 7
    return inputs, labels, truth


def train(wrong: int = 0, removal: str = "none", seed: int = 0, settings: NetSettings = FAST) -> TrainedNet:
    inputs, labels, _ = faces(wrong)
    return train_net(inputs, labels, np.arange(280), np.arange(280, 350), settings, preset(removal, epoch=8), seed)


def test_components_are_those_of_the_singular_value_decomposition() -> None:
    rng = np.random.default_rng(0)
    everything = rng.normal(size=(60, 9)) @ rng.normal(size=(9, 9))
    known = everything[:40]
    found = components(known, everything, 4)
    scaled = (known - known.mean(axis=0)) / known.std(axis=0)
    _, _, axes = np.linalg.svd(scaled, full_matrices=False)
    projected = ((everything - known.mean(axis=0)) / known.std(axis=0)) @ axes[:4].T
    projected /= projected[:40].std(axis=0, ddof=1)
    np.testing.assert_allclose(np.abs(found), np.abs(projected), atol=1e-4)
    for column, axis in enumerate(axes[:4]):
        sign = np.sign(axis[np.abs(axis).argmax()])
        np.testing.assert_allclose(found[:, column], sign * projected[:, column], atol=1e-4)


def test_components_know_training_faces_only() -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(40, 9))
    one = components(known, np.vstack([known, rng.normal(size=(20, 9))]), 4)
    two = components(known, np.vstack([known, 100 + rng.normal(size=(20, 9))]), 4)
    np.testing.assert_array_equal(one[:40], two[:40])


def test_it_learns_and_says_how() -> None:
    net = train()
    _, _, truth = faces()
    assert (net.probabilities.argmax(axis=1) == truth)[280:].mean() > 0.85
    np.testing.assert_allclose(net.probabilities.sum(axis=1), 1)
    assert net.history["step"].iloc[-1] == 20 * 9
    assert net.history["train_loss"].iloc[-1] < net.history["train_loss"].iloc[0]
    kept = (net.probabilities.argmax(axis=1) == truth)[280:].mean()
    assert kept == pytest.approx(net.history["val_accuracy"].max())


def test_removal_takes_wrong_labels_of_training_only() -> None:
    net = train(wrong=28, removal="wang")
    (step,) = net.remover.steps
    assert step.epoch == 8
    assert (step.rows < 28).mean() > 0.8
    assert (step.rows < 280).all()
    assert net.history["examples"].tolist() == [280] * 8 + [280 - len(step.rows)] * 12


def test_the_seed_decides_and_global_chance_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = train(), train(), train(seed=1)
    assert torch.equal(torch.rand(3), expected)
    pd.testing.assert_frame_equal(one.history, again.history)
    np.testing.assert_array_equal(one.probabilities, again.probabilities)
    assert (one.probabilities != other.probabilities).any()


def test_dropout_and_batch_norm_take_a_last_batch_of_one() -> None:
    settings = NetSettings(hidden=(8, 8), batch_norm=True, dropout=0.3, epochs=2, batch_size=31)  # 280 = 9 * 31 + 1
    assert np.isfinite(train(settings=settings).probabilities).all()


def test_the_presets_are_what_the_earlier_work_names() -> None:
    assert len(SIMPLE.hidden) == 1
    assert (len(DEEP.hidden) > 1, DEEP.batch_norm, DEEP.dropout > 0) == (True, True, True)


def test_nothing_to_learn_from_is_refused() -> None:
    inputs, labels, _ = faces()
    with pytest.raises(InputError, match="training and validation faces, got 0 and 3"):
        train_net(inputs, labels, np.arange(0), np.arange(3))
    with pytest.raises(InputError, match="components"):
        components(np.ones((3, 9)), np.ones((5, 9)), 4)
