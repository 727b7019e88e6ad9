"""Dividing examples into splits: stratified by class, with groups kept together, the same for the same seed."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.text import plural

Counts = NDArray[np.int64]


def portion(counts: Counts, share: float) -> Counts:
    """Return how many examples of each class, (C,), make up a share (0 to 1) of all examples.

    The running total is rounded down, not the number of each class, so that the sum is the share of the sum, rounded
    down, whatever the classes. Half of SFEW's validation set has the counts of the paper's figure 3:

    >>> portion(np.array([77, 23, 46, 72, 84, 73, 56]), 0.5)
    array([38, 12, 23, 36, 42, 36, 28])
    """
    running = np.floor(np.cumsum(counts) * share + 1e-9)  # 0.29 * 100 is a little less than 29
    parts: Counts = np.diff(running, prepend=0).astype(np.int64)
    return parts


def targets(counts: Counts, shares: Mapping[str, float]) -> dict[str, Counts]:
    """Return how many examples of each class go to each split; the first split takes what the others leave.

    Every class that has an example has one in `train`, because a network cannot learn a class without examples. The shares
    add up to 1; the training split, if there is one, is the first.

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
    labels: Counts, shares: Mapping[str, float], seed: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.str_]:
    """Divide examples into splits, stratified by class; the examples of a group stay together.

    Groups are placed from the largest to the smallest, and equally large ones in an order drawn from the seed. Each goes
    to the split where the chi-square distance of the class counts to `targets` grows least. With groups of one example
    the targets are met exactly.

    Args:
        labels: int64 (N,), codes.
        shares: the share of each split, adding up to 1; the training split is the first.
        seed: random seed for the order, at least 0.
        groups: int64 (N,), the number of each example's group, such as a person; default: every example is its own.

    Returns:
        (N,), the name of each example's split.

    Raises:
        InputError: a split with a share above 0 stays empty.

    >>> divide(np.zeros(4, np.int64), {"test": 0.5, "val": 0.5}, seed=0).tolist().count("val")
    2
    """
    names = list(shares)
    labels = np.asarray(labels, dtype=np.int64)
    groups = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    number, classes = int(groups.max(initial=-1)) + 1, int(labels.max(initial=0)) + 1
    members = np.zeros((number, classes), np.int64)
    np.add.at(members, (groups, labels), 1)

    wanted = targets(members.sum(axis=0), shares)
    target = np.stack([wanted[name] for name in names])  # (S, C)
    scale = 1 / np.maximum(target, 0.5)  # a class without a place in a split is expensive there, not impossible
    counts = np.zeros_like(target)
    order = np.random.default_rng(seed).permutation(number)
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    place = np.zeros(number, np.int64)
    for group in order:
        one = members[group]
        growth = (scale * one * (one + 2 * (counts - target))).sum(axis=1)
        place[group] = growth.argmin()
        counts[place[group]] += one
    for name, wish, count in zip(names, target.sum(axis=1), counts.sum(axis=1), strict=True):
        if (wish and not count) or (shares[name] > 0 and not wish):
            raise InputError(
                f"too few examples for a {name} split: {plural(len(labels), 'example')} in {plural(number, 'group')}; "
                "add pictures, or change --val-share and --test-share"
            )
    return np.asarray(names)[place[groups]]


def linked_groups(*keys: Sequence[object]) -> NDArray[np.int64]:
    """Number examples by group: those that share a key, directly or through others, are in one group.

    Each of `keys` is a sequence of N keys, such as persons or digests; None is a key that nothing shares. The number of a
    group, int64 (N,), is the row of its first example.

    >>> linked_groups(["Ann", "Ann", None, "Bob"], [1, 2, 2, None]).tolist()
    [0, 0, 0, 3]
    """
    number = len(keys[0])
    links = [np.zeros((2, 0), np.int64)]
    for column in keys:
        first: dict[object, int] = {}
        earlier = np.fromiter(
            (row if key is None else first.setdefault(key, row) for row, key in enumerate(column)), np.int64, number
        )
        rows = np.flatnonzero(earlier != np.arange(number))
        links.append(np.stack([rows, earlier[rows]]))
    return linked_rows(np.concatenate(links, axis=1), number)


def linked_rows(links: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Return the first row of each row's group, int64 (N,): rows that links join, directly or through others, are in one.

    Args:
        links: (2, P), two rows for each link.
        number: N.

    >>> linked_rows(np.array([[4, 2], [2, 1]]), 5).tolist()
    [0, 1, 1, 3, 1]
    """
    from scipy.sparse import coo_array  # slow to import, and not needed to read an earlier result
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(links.shape[1], np.int8), (links[0], links[1])), shape=(number, number))
    count, group = connected_components(graph, directed=False)
    first = np.full(count, number, np.int64)
    np.minimum.at(first, group, np.arange(number))
    return np.asarray(first[group])
