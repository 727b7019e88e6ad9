"""The map of pixels that speak for an emotion: against a slow reference, and on networks that look at one place."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bimodal.inference.occlusion import occlusion_map
from bimodal.model_files.info import ModelInfo
from bimodal.model_files.network import Network

SIZE = 24


def looking_at(rows: slice, columns: slice) -> Network:
    """Return a network whose first emotion is the more probable, the more contrast a part has."""

    def forward(faces: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([faces[:, :, rows, columns].std(axis=(1, 2, 3)), np.zeros(len(faces), np.float32)], axis=1)

    return Network(ModelInfo("trial", ("first", "second"), image_size=SIZE), forward)


@pytest.fixture
def face() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def test_only_the_part_that_the_network_sees_speaks(face: NDArray[np.uint8]) -> None:
    found = occlusion_map(looking_at(slice(0, 8), slice(16, 24)), face, 0)  # the upper right
    assert found.shape == (12, 12)
    assert found[:4, 8:].min() > 0.01
    np.testing.assert_allclose(found[7:, :], 0, atol=1e-12)
    np.testing.assert_allclose(found[:, :5], 0, atol=1e-12)
    assert occlusion_map(looking_at(slice(0, 8), slice(16, 24)), face, 1)[:4, 8:].max() < -0.001  # against the other


def test_every_cell_is_the_mean_over_the_squares_that_hold_it(face: NDArray[np.uint8]) -> None:
    network, cells, size = looking_at(slice(4, 20), slice(2, 12)), 6, SIZE // 6
    blurred = cv2.GaussianBlur(face, (0, 0), 0.12 * SIZE, borderType=cv2.BORDER_REPLICATE)
    whole = np.log(network.probabilities(face[None])[0, 0])
    wanted = np.zeros((cells, cells))
    for y in range(cells):
        for x in range(cells):
            falls = []
            for top in range(y - 2, y + 1):
                for left in range(x - 2, x + 1):
                    changed = face.copy()
                    part = np.s_[max(top, 0) * size : (top + 3) * size, max(left, 0) * size : (left + 3) * size]
                    changed[part] = blurred[part]
                    falls.append(whole - np.log(network.probabilities(changed[None])[0, 0]))
            wanted[y, x] = np.mean(falls)
    np.testing.assert_allclose(occlusion_map(network, face, 0, cells), wanted, atol=1e-6)


def test_a_face_without_contrast_has_an_even_map() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)  # and of another size
    np.testing.assert_allclose(occlusion_map(looking_at(slice(None), slice(None)), flat, 0), 0, atol=1e-6)
