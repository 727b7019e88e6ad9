"""Places of faces in two dimensions, from their features: PCA at once, t-SNE and UMAP in a process of their own."""

import multiprocessing
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

Places = NDArray[np.float32]
"""Of n faces, float32 (n,2)."""
METHODS = ("pca", "tsne", "umap")
MAX_TSNE = 10_000
"""Faces up to which t-SNE is offered; its time grows faster than their number."""
_COMPONENTS = 50
_MIN_FACES = 5


def problem_of(method: str, count: int) -> str:
    """Return why a method cannot be used for this number of faces; empty if it can.

    >>> problem_of("pca", 7), "at most" in problem_of("tsne", 10**6)
    ('', True)
    """
    if method == "tsne" and count > MAX_TSNE:
        return f"t-SNE takes at most {MAX_TSNE:,} faces, UMAP more"
    if method == "umap" and find_spec("umap") is None:
        return "UMAP needs one more package: pip install 'bimodal[umap]'"
    if method != "pca" and count < _MIN_FACES:
        return f"this method needs at least {_MIN_FACES} faces"
    return ""


def principal_components(features: NDArray[np.floating], count: int = 2) -> Places:
    """Return the first principal components of features, the one with the largest variance first.

    The sign of each is that of its largest loading, so that the same features give the same picture.

    Args:
        features: (n,F).
        count: of components; those that do not exist are 0.

    Returns:
        float32 (n,count).

    >>> line = np.outer([-1.0, 0.0, 2.0], [3.0, 4.0])
    >>> principal_components(line)[:, 0].astype(float).round(2).tolist()
    [-6.67, -1.67, 8.33]
    """
    values = np.asarray(features, dtype=np.float32)
    centred = values - values.mean(axis=0, dtype=np.float64).astype(np.float32)
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    chosen = vectors[:, ::-1][:, :count]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    places = centred @ chosen.astype(np.float32)
    return np.pad(places, ((0, 0), (0, count - places.shape[1])))


def neighbour_layout(features: NDArray[np.floating], method: str, seed: int = 0) -> Places:
    """Return places in which similar faces lie side by side, by t-SNE or UMAP of the first 50 principal components.

    van der Maaten and Hinton, Visualizing data using t-SNE, 2008; McInnes, Healy and Melville, UMAP, 2018. Distances between
    groups and their sizes say little in both.

    Args:
        features: (n,F).
        method: `tsne` or `umap`.
        seed: random seed.

    Raises:
        InputError: the method cannot be used, see `problem_of`.
    """
    problem = problem_of(method, len(features))
    if problem:
        raise InputError(problem)
    small = principal_components(features, min(_COMPONENTS, features.shape[1]))
    near = min(30.0, (len(small) - 1) / 3)
    if method == "tsne":
        from sklearn.manifold import TSNE

        return np.asarray(TSNE(perplexity=near, init="pca", random_state=seed).fit_transform(small), dtype=np.float32)
    from umap import UMAP  # takes a minute when it is first imported

    model = UMAP(n_neighbors=max(2, min(15, len(small) - 1)), random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(small), dtype=np.float32)


def layout_elsewhere(
    features: NDArray[np.floating], method: str, started: Callable[[multiprocessing.process.BaseProcess], None]
) -> Places:
    """Return `neighbour_layout`, computed in another process, so that the page stays quick.

    Args:
        features: (n,F).
        method: `tsne` or `umap`.
        started: is called with the process, which may be killed.

    Raises:
        InputError: the method cannot be used, or the process has ended without a result.
    """
    context = multiprocessing.get_context("spawn")  # forking a process with threads can deadlock
    pipe, other = context.Pipe()
    process = context.Process(target=_work, args=(other, features, method), name=method, daemon=True)
    process.start()
    started(process)
    other.close()
    try:
        content = pipe.recv_bytes()
    except (EOFError, OSError) as error:
        raise InputError(f"{method} ended without a result; is there enough memory?") from error
    finally:
        pipe.close()
        process.join()
    return np.frombuffer(content, dtype=np.float32).reshape(len(features), 2)


def _work(pipe: Connection, features: NDArray[np.floating], method: str) -> None:
    places = np.ascontiguousarray(neighbour_layout(features, method))
    pipe.send_bytes(places.tobytes())
