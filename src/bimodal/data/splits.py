"""Dividing examples into splits: stratified by class, groups kept together, the same for the same seed."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

Counts = NDArray[np.int64]


def portion(counts: Counts, share: float) -> Counts:
    """Return how many of each class make up a share: the running total is rounded down, not each class.

    So the whole is the share of the whole, rounded down, whatever the classes. Half of SFEW's validation set is
    what the paper prints in its figure 3:

    >>> portion(np.array([77, 23, 46, 72, 84, 73, 56]), 0.5)
    array([38, 12, 23, 36, 42, 36, 28])

    Args:
        counts: (C,), examples by class.
        share: from 0 to 1.
    """
    running = np.floor(np.cumsum(counts) * share + 1e-9)  # 0.29 * 100 is a little under 29
    parts: Counts = np.diff(running, prepend=0).astype(np.int64)
    return parts


def targets(counts: Counts, shares: Mapping[str, float]) -> dict[str, Counts]:
    """Return how many of each class go to each split; the first split takes what the others leave.

    Every class with an example has one in `train`: of a class that is not trained on, nothing can be learnt.

    Args:
        counts: (C,), examples by class.
        shares: a share by split, adding up to 1; the first is the one to train on, where there is one.

    >>> targets(np.array([10, 1]), {"train": 0.6, "val": 0.2, "test": 0.2})
    {'train': array([6, 1]), 'val': array([2, 0]), 'test': array([2, 0])}
    """
    first, *others = shares
    held = portion(counts, 1 - shares[first])
    if first == "train":
        held = np.minimum(held, np.maximum(counts - 1, 0))
    result = {first: counts - held}
    rest = sum(shares[name] for name in others)
    for name in others:
        part = portion(held, shares[name] / rest) if shares[name] < rest else held
        result[name], held, rest = part, held - part, rest - shares[name]
    return result


def divide(
    labels: Counts,
    shares: Mapping[str, float],
    seed: int,
    units: NDArray[np.int64] | None = None,
) -> NDArray[np.str_]:
    """Divide examples into splits, stratified by class; examples of one unit stay together.

    Units are placed from the largest to the smallest, equal ones in an order drawn from the seed, each where the
    chi-square distance of the class counts to `targets` grows least. With units of one example the targets are
    met exactly.

    Args:
        labels: int64 (N,), codes.
        shares: a share by split, adding up to 1; the first is the one to train on.
        seed: of the order.
        units: int64 (N,): a number by example, such as its person; default: each on its own.

    Returns:
        (N,), a name of `shares` by example.

    Raises:
        InputError: a split that is asked for stays empty.

    >>> divide(np.zeros(4, np.int64), {"test": 0.5, "val": 0.5}, seed=0).tolist().count("val")
    2
    """
    names = list(shares)
    labels = np.asarray(labels, dtype=np.int64)
    units = np.arange(len(labels)) if units is None else np.unique(units, return_inverse=True)[1]
    number, classes = int(units.max(initial=-1)) + 1, int(labels.max(initial=0)) + 1
    members = np.zeros((number, classes), np.int64)
    np.add.at(members, (units, labels), 1)

    wanted = targets(members.sum(axis=0), shares)
    target = np.stack([wanted[name] for name in names])  # (S, C)
    scale = 1 / np.maximum(target, 0.5)  # a class without a place in a split is dear there, not impossible
    have = np.zeros_like(target)
    order = np.random.default_rng(seed).permutation(number)
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    place = np.zeros(number, np.int64)
    for unit in order:
        one = members[unit]
        growth = (scale * one * (one + 2 * (have - target))).sum(axis=1)
        place[unit] = growth.argmin()
        have[place[unit]] += one
    for name, wish, got in zip(names, target.sum(axis=1), have.sum(axis=1), strict=True):
        if (wish and not got) or (shares[name] > 0 and not wish):
            raise InputError(
                f"too few pictures for a {name} split: {len(labels)} in {number} groups; "
                "add pictures, or change --val-share and --test-share"
            )
    return np.asarray(names)[place[units]]


def together(*keys: Sequence[object]) -> NDArray[np.int64]:
    """Return the units of examples that share a key, directly or through others; None keys share nothing.

    >>> together(["Ann", "Ann", None, "Bob"], [1, 2, 2, None]).tolist()
    [0, 0, 0, 3]
    """
    parent = list(range(len(keys[0])))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in keys:
        first: dict[object, int] = {}
        for row, key in enumerate(column):
            if key is not None:
                a, b = find(first.setdefault(key, row)), find(row)
                parent[max(a, b)] = min(a, b)
    return np.array([find(row) for row in range(len(parent))], dtype=np.int64)
