"""Places in two dimensions: PCA as scikit-learn's, t-SNE that keeps groups together, in a process that may be killed."""

import threading
from importlib.util import find_spec
from multiprocessing.process import BaseProcess

import numpy as np
import pytest
from sklearn.decomposition import PCA

from bimodal.errors import InputError
from bimodal.review import map_layout
from bimodal.review.map_layout import layout_elsewhere, neighbour_layout, principal_components, problem_of


def test_principal_components_are_those_of_scikit_learn() -> None:
    features = np.random.default_rng(0).normal(size=(80, 12)) @ np.diag(np.arange(12, 0, -1)) + 100
    ours, reference = principal_components(features, 4), PCA(4, svd_solver="full").fit_transform(features)
    np.testing.assert_allclose(np.abs(ours), np.abs(reference), atol=5e-3)
    np.testing.assert_array_equal(ours, principal_components(features, 4))


@pytest.mark.parametrize("shape", [(1, 5), (3, 1), (4, 0)])
def test_few_faces_or_features_give_places(shape: tuple[int, int]) -> None:
    places = principal_components(np.ones(shape)) if shape[1] else np.zeros((4, 2))
    assert places.shape == (shape[0], 2)
    assert np.isfinite(places).all()


@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_a_layout_in_another_process_keeps_groups_together(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if method == "umap" and find_spec("umap") is None:
        pytest.skip("needs umap-learn: pip install 'bimodal[umap]'")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling takes longer than the layout of so few faces
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 30)
    features = (rng.normal(size=(60, 20)) + 8 * groups[:, None]).astype(np.float16)
    places = layout_elsewhere(features, method, lambda process: None)
    assert places.shape == (60, 2)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    if method == "tsne":
        np.testing.assert_array_equal(places, neighbour_layout(features, "tsne"))


def test_a_killed_process_is_one_line() -> None:
    features = np.random.default_rng(0).normal(size=(3000, 50)).astype(np.float32)

    def kill(process: BaseProcess) -> None:
        threading.Timer(0.2, process.kill).start()

    with pytest.raises(InputError, match="without a result"):
        layout_elsewhere(features, "tsne", kill)


def test_what_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "at most 10,000" in problem_of("tsne", 10_001)
    assert "at least" in problem_of("tsne", 3)
    monkeypatch.setattr(map_layout, "find_spec", lambda name: None)
    assert "bimodal[umap]" in problem_of("umap", 100)
    with pytest.raises(InputError, match="bimodal"):
        neighbour_layout(np.zeros((100, 4)), "umap")
