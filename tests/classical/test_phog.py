import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bimodal.classical.phog import PhogSettings, phog
from bimodal.errors import InputError
from tests.classical.test_lpq import drawn_faces, needs_real, real_faces

AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


def literal_gradients(image: NDArray[np.uint8]) -> dict[tuple[int, int], tuple[int, int]]:
    """Sobel's (dx, dy) by (row, column); beyond the border the picture is mirrored about its outermost pixels."""
    height, width = image.shape

    def at(row: int, column: int) -> int:
        row = abs(row) if row < height else 2 * (height - 1) - row
        column = abs(column) if column < width else 2 * (width - 1) - column
        return int(image[row, column])

    gradients = {}
    for r in range(height):
        for c in range(width):
            dx = sum(w * (at(r + i, c + 1) - at(r + i, c - 1)) for i, w in ((-1, 1), (0, 2), (1, 1)))
            dy = sum(w * (at(r + 1, c + i) - at(r - 1, c + i)) for i, w in ((-1, 1), (0, 2), (1, 1)))
            gradients[r, c] = (dx, dy)
    return gradients


def literal_canny(gradients: dict[tuple[int, int], tuple[int, int]], low: float, high: float) -> set[tuple[int, int]]:
    """Canny's edges: the highest across the edge, in one of four directions, that are connected to a strong one."""

    def strength(place: tuple[int, int]) -> float:
        return math.hypot(*gradients.get(place, (0, 0)))

    ridge = set()
    for (r, c), (dx, dy) in gradients.items():
        steepness = math.degrees(math.atan2(abs(dy), abs(dx)))
        if steepness < 22.5:
            before, after, level = (r, c - 1), (r, c + 1), True
        elif steepness > 67.5:
            before, after, level = (r - 1, c), (r + 1, c), True
        else:
            side = -1 if dx * dy < 0 else 1
            before, after, level = (r - 1, c - side), (r + 1, c + side), False
        here = strength((r, c))
        # Of two equal neighbours on level ground the first is the edge.
        if here > low and here > strength(before) and (here > strength(after) or (level and here == strength(after))):
            ridge.add((r, c))
    todo = [place for place in ridge if strength(place) > high]
    edges = set(todo)
    while todo:
        r, c = todo.pop()
        near = {(r + i, c + j) for i, j in AROUND} & ridge - edges
        edges |= near
        todo += near
    return edges


def literal_phog(image: NDArray[np.uint8], settings: PhogSettings) -> list[float]:
    """Cell by cell, each time over all edges of the picture."""
    gradients = literal_gradients(image)
    edges = literal_canny(gradients, settings.canny_low, settings.canny_high)
    height, width = image.shape
    vector = []
    for level in range(settings.levels + 1):
        cells = 2**level
        for i in range(cells):
            for j in range(cells):
                histogram = [0.0] * settings.bins
                for r, c in edges:
                    if i * height <= r * cells < (i + 1) * height and j * width <= c * cells < (j + 1) * width:
                        dx, dy = gradients[r, c]
                        degrees = math.degrees(math.atan2(dy, dx)) % settings.angle
                        histogram[int(degrees * settings.bins / settings.angle + 1e-9) % settings.bins] += math.hypot(
                            dx, dy
                        )
                vector += histogram
    total = sum(vector)
    return [value / total for value in vector] if total else vector


@pytest.mark.parametrize(
    "settings",
    [
        PhogSettings(),
        PhogSettings(16, 360, 2),
        PhogSettings(8, 360, 0, canny_low=20, canny_high=300),
        PhogSettings(9, 180, 4, canny_low=0, canny_high=0),
    ],
    ids=lambda s: f"{s.bins}-{s.angle}-{s.levels}",
)
def test_against_the_equations(settings: PhogSettings) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (17, 23), dtype=np.uint8)
    for image in (noise, drawn_faces()[1, 20:60, 25:72], drawn_faces()[4, 30:60, 20:52]):
        np.testing.assert_allclose(phog(image, settings)[0], literal_phog(image, settings), rtol=1e-5, atol=1e-9)


def half_plane(degrees: float, size: int = 64) -> NDArray[np.uint8]:
    """A soft step from dark to bright whose gradient points to `degrees`, clockwise from the right."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along = x * math.cos(math.radians(degrees)) + y * math.sin(math.radians(degrees))
    return np.clip(127.5 + 60 * along, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("bins", "angle"), [(8, 180), (16, 180), (8, 360), (16, 360)])
def test_a_step_of_known_angle_falls_into_its_bin(bins: int, angle: int) -> None:
    settings = PhogSettings(bins, angle, levels=0)
    for k in range(bins):
        middle = (k + 0.5) * angle / bins
        assert phog(half_plane(middle), settings)[0].argmax() == k
        assert phog(half_plane(middle), settings)[0, k] > 0.9
        turned = phog(half_plane(middle + 180), settings)[0]  # bright and dark change sides
        assert turned.argmax() == (k if angle == 180 else (k + bins // 2) % bins)


@pytest.mark.parametrize("degrees", range(-80, 90, 20))
def test_a_drawn_line_of_known_angle_falls_into_its_bin(degrees: int) -> None:
    x, y = round(400 * math.cos(math.radians(degrees))), round(400 * math.sin(math.radians(degrees)))
    image = np.zeros((128, 128), np.uint8)
    cv2.line(image, (64 - x, 64 - y), (64 + x, 64 + y), 255, 5, cv2.LINE_AA)
    (histogram,) = phog(image, PhogSettings(9, 180, levels=0))
    across = degrees + 90  # the gradient's angle, in the middle of a bin of 20 degrees
    assert histogram[across // 20] > 0.9
    sides = phog(image, PhogSettings(18, 360, levels=0))[0].reshape(2, 9).sum(axis=1)
    np.testing.assert_allclose(sides, 0.5, atol=0.05)


def test_exactly_vertical_and_horizontal_edges_start_a_bin() -> None:
    upright = np.zeros((32, 32), np.uint8)
    upright[:, 16:] = 200
    for image, bins in ((upright, [0, 0]), (upright.T, [4, 2]), (255 - upright, [0, 4]), (255 - upright.T, [4, 6])):
        for angle, expected in zip((180, 360), bins, strict=True):
            (histogram,) = phog(np.ascontiguousarray(image), PhogSettings(8, angle, levels=0))
            assert histogram[expected] == 1, (angle, expected)
    (rounded,) = phog(255 - upright, PhogSettings(26, 180, levels=0))  # pi * (26 / pi) comes out below 26
    assert rounded[0] == 1


def test_the_pyramid_is_normalised_once() -> None:
    image = np.zeros((64, 64), np.uint8)
    image[:, 8:] = 40  # a weak edge in the left half, and a strong one in the right half
    image[:, 40:] = 240
    (vector,) = phog(image, PhogSettings(levels=2))
    levels = np.split(vector, [8, 8 + 32])
    np.testing.assert_allclose([level.sum() for level in levels], 1 / 3, rtol=1e-6)  # the same edges on each level
    cells = levels[1].reshape(2, 2, 8).sum(axis=2) * 3
    np.testing.assert_allclose(cells, [[1 / 12, 5 / 12], [1 / 12, 5 / 12]], rtol=1e-6)  # 40 and 200 grey values


def test_coarse_cells_are_sums_of_fine_ones() -> None:
    vectors = phog(drawn_faces()[:2, :61, :70], PhogSettings(levels=4))
    parts = np.split(vectors, np.cumsum([8 * 4**level for level in range(4)]), axis=1)
    for level, (coarse, fine) in enumerate(pairwise(parts)):
        side = 2**level
        sums = fine.reshape(2, side, 2, side, 2, 8).sum(axis=(2, 4))
        np.testing.assert_allclose(coarse, sums.reshape(2, -1), rtol=1e-5, atol=1e-9)


def test_a_negative_and_another_brightness_have_the_same_edges() -> None:
    faces = drawn_faces() // 2
    np.testing.assert_array_equal(phog(faces + 90), phog(faces))
    np.testing.assert_array_equal(phog(255 - faces), phog(faces))
    whole = PhogSettings(8, 360, levels=1)
    turned = np.roll(phog(faces, whole).reshape(-1, 5, 8), 4, axis=2).reshape(len(faces), -1)
    np.testing.assert_allclose(phog(255 - faces, whole), turned, rtol=1e-6)


def test_a_picture_without_edges_gives_zeros() -> None:
    plain = np.stack([np.zeros((20, 30), np.uint8), np.full((20, 30), 130, np.uint8)])
    assert not phog(plain).any()
    face = drawn_faces()[:1]
    mixed = phog(np.concatenate([face, np.zeros_like(face)]))
    assert mixed[0].sum() == pytest.approx(1, abs=1e-5)
    assert not mixed[1].any()


def test_a_stack_equals_its_pictures_one_by_one() -> None:
    faces = drawn_faces()[:3]
    vectors = phog(faces)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 8 * (1 + 4 + 16 + 64))
    np.testing.assert_array_equal(vectors, np.concatenate([phog(face) for face in faces]))
    mirrored = faces[:, :, ::-1]  # a view that runs backwards
    np.testing.assert_array_equal(phog(mirrored), phog(mirrored.copy()))
    assert phog(faces[:0]).shape == (0, 680)


def test_smallest_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    assert phog(image, PhogSettings(levels=4)).sum() == pytest.approx(1, abs=1e-5)
    assert phog(image[:3, :3], PhogSettings(levels=1)).shape == (1, 40)
    for small, levels in ((image[:15], 4), (image[:, :7], 3), (image[:2, :2], 0)):
        with pytest.raises(InputError, match="pictures of at least"):
            phog(small, PhogSettings(levels=levels))


@pytest.mark.parametrize("image", [np.zeros((32, 32)), np.zeros((32, 32, 3), np.uint8), np.zeros(9, np.uint8)])
def test_bad_pictures(image: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="expected"):
        phog(image)


@needs_real
def test_real_faces() -> None:
    faces = real_faces()
    vectors = phog(faces)
    np.testing.assert_allclose(vectors.sum(axis=1), 1, rtol=1e-5)
    noisy = np.clip(faces + np.random.default_rng(0).normal(0, 4, faces.shape), 0, 255).astype(np.uint8)
    distances = np.abs(phog(noisy)[:, None] - vectors).sum(axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(faces))).all()
    crop = faces[3, 40:80, 40:88]
    np.testing.assert_allclose(phog(crop)[0], literal_phog(crop, PhogSettings()), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        *({"bins": bins} for bins in (1, 73, 8.0)),
        *({"angle": angle} for angle in (90, "180", None)),
        *({"levels": levels} for levels in (-1, 5, 1.0)),
        *({"canny_low": low} for low in (-1, math.nan, 2000)),
        *({"canny_high": high} for high in (49, math.nan, 2000)),
    ],
    ids=str,
)
def test_bad_settings(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"--phog-{next(iter(change)).replace('_', '-')} must be"):
        PhogSettings(**change)  # type: ignore[arg-type]
