from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from bimodal.classical.net_settings import DEEP, SIMPLE, NetSettings
from bimodal.classical.small_nets import components, train_net
from bimodal.errors import InputError
from bimodal.removal import RemovalSettings

N, TRAIN, VAL = 200, np.arange(0, 130), np.arange(130, 170)
LINEAR = NetSettings(hidden=(), epochs=3, lr=0.05)

Faces = tuple[NDArray[np.float32], NDArray[np.int64]]


@pytest.fixture(scope="module")
def faces() -> Faces:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, N)
    centres = 2 * rng.normal(size=(7, 5))
    return (centres[labels] + rng.normal(size=(N, 5))).astype(np.float32), labels


def slow_components(train: NDArray[np.float64], features: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """By the eigenvectors of the correlation matrix."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    known = (train - mean) / std
    values, vectors = np.linalg.eigh(np.cov(known.T))
    columns = []
    for index in np.argsort(-values)[:count]:
        vector = vectors[:, index]
        if vector[np.abs(vector).argmax()] < 0:
            vector = -vector
        columns.append(((features - mean) / std) @ vector / np.sqrt(values[index]))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(("n", "width"), [(60, 12), (15, 40)], ids=["more faces", "more features"])
def test_components_are_the_leading_eigenvectors_of_the_training_faces(n: int, width: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(100, width)) @ rng.normal(size=(width, width)) + 5
    found = components(features[:n], features, 4)
    assert found.dtype == np.float32
    assert found == pytest.approx(slow_components(features[:n], features, 4), abs=1e-4)
    assert found[:n].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert np.cov(found[:n].T) == pytest.approx(np.eye(4), abs=1e-4)
    assert np.array_equal(components(features[:n], features, 4), found)


def test_units_of_the_features_do_not_matter() -> None:
    features = np.random.default_rng(0).normal(size=(50, 6))
    moved = features * [1, 10, 100, 1e-3, 5, 2] + 7
    assert components(moved, moved, 3) == pytest.approx(components(features, features, 3), abs=1e-4)


def test_directions_in_which_training_faces_do_not_vary_are_zero() -> None:
    rng = np.random.default_rng(0)
    line = np.outer(rng.normal(size=30), rng.normal(size=8))
    others = rng.normal(size=(5, 8))
    found = components(line, np.concatenate([line, others]), 3)
    assert found[:30, 0].std() == pytest.approx(1, abs=0.05)
    assert not found[:, 1:].any()
    assert not components(np.full((9, 8), 0.1), others, 3).any()


@pytest.mark.parametrize(
    ("train", "features", "count", "words"),
    [
        (np.ones((5, 9)), np.ones((5, 9)), 5, "5 components need more"),
        (np.ones((9, 5)), np.ones((9, 5)), 5, "5 components need more"),
        (np.ones((9, 5)), np.ones((9, 5)), 0, "0 components"),
        (np.ones((9, 5)), np.ones((9, 4)), 2, r"\(n,D\) and \(N,D\)"),
        (np.ones(9), np.ones((9, 4)), 2, r"finite features \(n,D\), got shape \(9,\)"),
        (np.full((9, 5), np.nan), np.ones((9, 5)), 2, "finite"),
        (np.ones((9, 5)), np.full((9, 5), np.inf), 2, "finite"),
    ],
)
def test_features_without_such_components_are_refused(train: object, features: object, count: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        components(train, features, count)  # type: ignore[arg-type]


def test_training_is_adam_on_cross_entropy_step_by_step(faces: Faces) -> None:
    """Without a hidden layer the network is small enough to train by hand."""
    inputs, labels = faces
    found = train_net(inputs, labels, TRAIN, VAL, LINEAR, seed=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        layer = torch.nn.Linear(5, 7)
    weights = np.concatenate([layer.weight.detach().numpy().T, layer.bias.detach().numpy()[None]]).astype(np.float64)
    design = np.concatenate([inputs, np.ones((N, 1))], axis=1).astype(np.float64)
    first, second, step = np.zeros_like(weights), np.zeros_like(weights), 0
    rows: list[tuple[float, ...]] = []
    predicted = []
    for epoch in (1, 2, 3):
        order = np.random.default_rng((4, epoch)).permutation(TRAIN)
        loss = right = 0.0
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            logits = design[batch] @ weights
            loss -= log_softmax(logits, axis=1)[np.arange(len(batch)), labels[batch]].sum()
            right += (logits.argmax(axis=1) == labels[batch]).sum()
            gradient = design[batch].T @ (softmax(logits, axis=1) - np.eye(7)[labels[batch]]) / len(batch)
            step += 1
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            weights -= 0.05 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        predicted.append(softmax(design @ weights, axis=1))
        val_loss = -np.log(predicted[-1][VAL, labels[VAL]]).mean()
        val_accuracy = (predicted[-1][VAL].argmax(axis=1) == labels[VAL]).mean()
        rows.append((epoch, step, loss / 130, right / 130, val_loss, val_accuracy, 130))
    columns = ["epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "examples"]
    assert found.history.columns.tolist() == columns
    assert found.history.to_numpy() == pytest.approx(np.array(rows), abs=1e-4)
    best = int(np.argmax([row[5] for row in rows]))
    assert found.probabilities == pytest.approx(predicted[best], abs=1e-4)


@pytest.mark.parametrize("settings", [SIMPLE, DEEP], ids=["simple", "deep"])
def test_both_networks_learn_and_keep_the_weights_of_the_best_validation_accuracy(
    faces: Faces, settings: NetSettings
) -> None:
    inputs, labels = faces
    net = train_net(inputs, labels, TRAIN, VAL, settings)
    right = net.probabilities.argmax(axis=1) == labels
    assert net.probabilities.shape == (N, 7)
    assert net.probabilities.sum(axis=1) == pytest.approx(1)
    assert right[VAL].mean() == pytest.approx(net.history["val_accuracy"].max())
    assert right[170:].mean() > 0.6  # test faces


def test_the_result_depends_on_the_seed_only_and_global_random_state_is_unchanged(faces: Faces) -> None:
    settings = replace(DEEP, epochs=3)
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(1)
    np.random.seed(1)
    first = train_net(*faces, TRAIN, VAL, settings, seed=5)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    again = train_net(*faces, TRAIN, VAL, settings, seed=5)
    assert np.array_equal(first.probabilities, again.probabilities)
    assert first.history.equals(again.history)
    assert np.array_equal(first.remover.ledger.mean, again.remover.ledger.mean, equal_nan=True)
    other = train_net(*faces, TRAIN, VAL, settings, seed=6)
    assert not np.array_equal(first.probabilities, other.probabilities)


def test_losses_are_measured_without_dropout_on_training_faces_only(faces: Faces) -> None:
    """At a rate so low that the weights stay, the final predictions equal those of each step."""
    inputs, labels = faces
    settings = NetSettings(hidden=(16,), dropout=0.9, epochs=1, lr=1e-9)
    net = train_net(inputs, labels, TRAIN, VAL, settings)
    losses = -np.log(net.probabilities[np.arange(N), labels])
    assert net.remover.ledger.last[TRAIN] == pytest.approx(losses[TRAIN], abs=1e-4)
    assert np.isnan(net.remover.ledger.last[130:]).all()


def test_test_labels_are_not_used(faces: Faces) -> None:
    inputs, labels = faces
    changed = labels.copy()
    changed[170:] = -1
    settings = replace(SIMPLE, epochs=3)
    first, second = (train_net(inputs, own, TRAIN, VAL, settings) for own in (labels, changed))
    assert np.array_equal(first.probabilities, second.probabilities)


def test_wrong_labels_are_removed_during_training(faces: Faces) -> None:
    inputs, labels = faces
    wrong = np.arange(0, 130, 13)
    given = labels.copy()
    given[wrong] = (labels[wrong] + 3) % 7
    rule = RemovalSettings(epoch=12)
    net = train_net(inputs, given, TRAIN, VAL, replace(SIMPLE, epochs=20, batch_size=16), rule)
    (step,) = net.remover.steps
    assert step.epoch == 12
    assert set(step.rows) <= set(TRAIN)
    assert np.isin(step.rows, wrong).mean() > 0.7
    removed = len(step.rows)
    assert net.history["examples"].tolist() == [130] * 12 + [130 - removed] * 8
    assert net.history["step"].iat[-1] == 12 * 9 + 8 * -(-(130 - removed) // 16)
    assert (net.remover.ledger.count[step.rows] == 12).all()
    assert (net.remover.ledger.count[np.setdiff1d(TRAIN, step.rows)] == 20).all()
    untouched = train_net(inputs, given, TRAIN, VAL, replace(SIMPLE, epochs=20, batch_size=16))
    assert untouched.remover.steps == []
    assert untouched.history.iloc[:12].equals(net.history.iloc[:12])


def test_the_rule_may_stop_training(faces: Faces) -> None:
    rule = RemovalSettings.preset("slade-gedeon", epoch=2, start_variance=0.25, stop_variance=0.25)
    assert len(train_net(*faces, TRAIN, VAL, SIMPLE, rule).history) == 2


def test_a_last_batch_of_one_face_works_with_batch_norm(faces: Faces) -> None:
    net = train_net(*faces, np.arange(65), VAL, replace(DEEP, epochs=2))
    assert net.history["step"].tolist() == [2, 4]
    assert np.isfinite(net.probabilities).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_rows": np.arange(0)}, "0 and 40"),
        ({"val_rows": np.arange(0)}, "130 and 0"),
        ({"labels": np.zeros(3, np.int64)}, r"labels \(N,\)"),
        ({"labels": np.full(N, 7)}, "codes 0 to 6"),
        ({"inputs": np.ones(N, np.float32)}, r"inputs \(N,F\)"),
        ({"inputs": np.full((N, 2), np.nan, np.float32)}, "finite"),
    ],
)
def test_unusable_data_are_refused(faces: Faces, change: dict[str, NDArray[np.generic]], words: str) -> None:
    arguments = {"inputs": faces[0], "labels": faces[1], "train_rows": TRAIN, "val_rows": VAL} | change
    with pytest.raises(InputError, match=words):
        train_net(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden": (0,)}, "hidden"),
        ({"dropout": 1.0}, "dropout"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch-size"),
        ({"lr": 0.0}, "lr"),
    ],
)
def test_settings_outside_their_range_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(SIMPLE, **change)  # type: ignore[arg-type]
