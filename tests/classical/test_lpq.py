import cmath
import math
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
import scipy.linalg
from numpy.typing import NDArray

from bimodal.classical.lpq import CODES, LpqSettings, lpq, lpq_codes, transform, whitening
from bimodal.errors import InputError
from bimodal.synthetic.dataset import draw_set
from tests.conftest import SHARED

REAL = SHARED / "data" / "faces"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no faces at {REAL}")
EVERY = [LpqSettings(window, weights) for window in range(3, 16, 2) for weights in ("uniform", "gaussian")]


@cache
def drawn_faces() -> NDArray[np.uint8]:
    """Seven synthetic faces, grey, 96 pixels."""
    faces = draw_set(7, wrong=0, no_face=0, size=96).images
    return np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces])


def real_faces() -> NDArray[np.uint8]:
    """Fourteen photographs, grey, resized to 128 pixels."""
    files = [file for folder in sorted(REAL.iterdir()) for file in sorted(folder.glob("*.jpg"))[:2]][:14]
    faces = [cv2.resize(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), (128, 128)) for file in files]
    return np.stack(faces)


def places(window: int) -> list[tuple[int, int]]:
    half = window // 2
    return [(x, y) for y in range(-half, half + 1) for x in range(-half, half + 1)]


def covariance(window: int, rho: float) -> NDArray[np.float64]:
    return np.array([[rho ** math.dist(p, q) for q in places(window)] for p in places(window)])


def literal_weights(settings: LpqSettings) -> list[dict[tuple[int, int], complex]]:
    """The weights of f(x - y) for the four frequencies, by y."""
    half, a = settings.window // 2, 1 / settings.window
    along = range(-half, half + 1)

    def one_way(frequency: float) -> dict[int, complex]:
        taps = {t: cmath.exp(-2j * math.pi * frequency * t) for t in along}
        if settings.weights == "gaussian":
            taps = {t: tap * math.exp(-0.5 * (t / ((settings.window - 1) / 4)) ** 2) for t, tap in taps.items()}
        mean = sum(taps.values()) / len(taps) if frequency else 0
        return {t: tap - mean for t, tap in taps.items()}

    weights = []
    for u, v in ((a, 0), (0, a), (a, a), (a, -a)):
        across, down = one_way(u), one_way(v)
        weights.append({(x, y): across[x] * down[y] for x, y in places(settings.window)})
    return weights


def literal_whitening(settings: LpqSettings) -> NDArray[np.float64]:
    """The whitening from the eigenvectors of the changed covariance, with the signs fixed one by one."""
    parts = [list(weights.values()) for weights in literal_weights(settings)]
    M = np.array([[z.real for z in part] for part in parts] + [[z.imag for z in part] for part in parts])
    D = M @ covariance(settings.window, settings.rho) @ M.T
    nudge = np.diag([1.000007, 1.000005, 1.000003, 1.000001, 1.000006, 1.000004, 1.000002, 1])
    values, vectors = scipy.linalg.eigh(nudge @ D @ nudge)
    rows = []
    for value, vector in sorted(zip(values, vectors.T, strict=True), key=lambda pair: -pair[0]):
        large = next(component for component in vector if abs(component) > 0.5 * max(abs(vector)))
        rows.append(vector * (1 if large > 0 else -1) / math.sqrt(value))
    return np.array(rows)


def literal_codes(image: NDArray[np.uint8], settings: LpqSettings) -> NDArray[np.uint8]:
    """The paper's equations pixel by pixel."""
    half = settings.window // 2
    weights = literal_weights(settings)
    W = literal_whitening(settings) if settings.decorrelate else np.eye(8)
    codes = np.zeros((image.shape[0] - 2 * half, image.shape[1] - 2 * half), np.uint8)
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            F = []
            for weight in weights:
                total = 0j
                for (x, y), w in weight.items():
                    total += float(image[row + half - y, column + half - x]) * w
                F.append(total)
            G = W @ ([z.real for z in F] + [z.imag for z in F])
            codes[row, column] = sum(2**bit for bit in range(8) if G[bit] >= -1e-9)
    return codes


@pytest.mark.parametrize("decorrelate", [True, False])
@pytest.mark.parametrize("weights", ["uniform", "gaussian"])
@pytest.mark.parametrize("window", [3, 7, 15])
def test_codes_against_the_equations(window: int, weights: str, decorrelate: bool) -> None:
    settings = LpqSettings(window, weights, decorrelate=decorrelate)  # type: ignore[arg-type]
    noise = np.random.default_rng(window).integers(0, 256, (window + 6, window + 9), dtype=np.uint8)
    face = drawn_faces()[2, 40 : 40 + window + 6, 30 : 30 + window + 9]
    for image in (noise, face):
        np.testing.assert_array_equal(lpq_codes(image, settings), literal_codes(image, settings))


def test_codes_against_the_equations_with_other_correlations() -> None:
    image = np.random.default_rng(1).integers(0, 256, (16, 17), dtype=np.uint8)
    settings = LpqSettings(5, rho=0.5)
    np.testing.assert_array_equal(lpq_codes(image, settings), literal_codes(image, settings))
    assert (lpq_codes(image, settings) != lpq_codes(image, LpqSettings(5))).any()


@pytest.mark.parametrize("settings", EVERY, ids=lambda s: f"{s.weights}-{s.window}")
def test_whitened_covariance_is_the_identity(settings: LpqSettings) -> None:
    M, W = transform(settings), whitening(settings)
    D = M @ covariance(settings.window, settings.rho) @ M.T
    assert np.abs(D - np.diag(np.diag(D))).max() > 0.02 * np.abs(D).max()  # there is something to whiten
    np.testing.assert_allclose(W @ D @ W.T, np.eye(8), atol=1e-4)


@pytest.mark.parametrize("settings", EVERY, ids=lambda s: f"{s.weights}-{s.window}")
def test_whitening_is_the_same_from_another_routine_of_lapack(settings: LpqSettings) -> None:
    W = whitening(settings)
    np.testing.assert_allclose(W, literal_whitening(settings), rtol=0, atol=1e-6 * np.abs(W).max())
    share = np.abs(W) / np.abs(W).max(axis=1, keepdims=True)
    assert np.abs(share - 0.5).min() > 0.1, "a component so near the limit might fall on its other side elsewhere"


def test_whitening_decorrelates_pixels_of_that_correlation() -> None:
    settings = LpqSettings()
    pixels = np.linalg.cholesky(covariance(7, 0.9)) @ np.random.default_rng(0).normal(size=(49, 40_000))
    numbers = transform(settings) @ pixels
    assert np.abs(np.corrcoef(numbers) - np.eye(8)).max() > 0.2
    np.testing.assert_allclose(np.cov(whitening(settings) @ numbers), np.eye(8), atol=0.05)


def test_codes_use_the_transform() -> None:
    image = np.random.default_rng(3).integers(0, 256, (7, 7), dtype=np.uint8)
    numbers = transform() @ image.ravel()
    code = lpq_codes(image, LpqSettings(decorrelate=False))
    np.testing.assert_array_equal(np.unpackbits(code, bitorder="little"), numbers >= 0)


@pytest.mark.parametrize("settings", [*EVERY, LpqSettings(decorrelate=False)], ids=lambda s: f"{s.weights}-{s.window}")
@pytest.mark.parametrize("grey", [0, 77, 255])
def test_a_patch_of_one_grey_has_one_code(settings: LpqSettings, grey: int) -> None:
    assert (lpq_codes(np.full((20, 31), grey, np.uint8), settings) == 255).all()


def test_brightness_and_contrast_do_not_change_codes() -> None:
    faces = drawn_faces() // 3
    np.testing.assert_array_equal(lpq(faces), lpq(2 * faces + 40))


def local_binary_pattern(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The eight neighbours against the pixel in the middle, as bits."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    bits = [image[y : y + height, x : x + width] >= image[1:-1, 1:-1] for y, x in around]
    return np.packbits(bits, axis=0)[0]


def changed_bits(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.unpackbits(one ^ other).mean())


def check_blur(faces: NDArray[np.uint8]) -> None:
    settings = LpqSettings(window=15)
    symmetric = [cv2.GaussianBlur(face, (0, 0), 1.0) for face in faces]
    of_lpq = [
        changed_bits(lpq_codes(a, settings), lpq_codes(b, settings)) for a, b in zip(faces, symmetric, strict=True)
    ]
    of_lbp = [changed_bits(*map(local_binary_pattern, pair)) for pair in zip(faces, symmetric, strict=True)]
    assert np.mean(of_lpq) < 0.05
    assert np.mean(of_lbp) > 3 * np.mean(of_lpq)
    shifted = np.roll(faces, 3, axis=2)  # a blur too, but not a symmetric one
    assert (
        np.mean(
            [changed_bits(lpq_codes(a, settings), lpq_codes(b, settings)) for a, b in zip(faces, shifted, strict=True)]
        )
        > 0.1
    )


def test_a_symmetric_blur_hardly_changes_codes() -> None:
    check_blur(drawn_faces())


@needs_real
def test_a_symmetric_blur_hardly_changes_codes_of_real_faces() -> None:
    check_blur(real_faces())


@needs_real
def test_real_faces() -> None:
    faces = real_faces()
    for settings in (LpqSettings(), LpqSettings(15, "gaussian", grid=4)):
        features = lpq(faces, settings)
        assert features.shape == (len(faces), settings.grid**2 * CODES)
        np.testing.assert_allclose(features.reshape(-1, CODES).sum(axis=1), 1, rtol=1e-5)
        softened = lpq(np.stack([cv2.GaussianBlur(face, (3, 3), 0) for face in faces]), settings)
        distances = np.abs(softened[:, None] - features).sum(axis=2)
        assert (distances.argmin(axis=1) == np.arange(len(faces))).all()
    crop = faces[0, 50:70, 40:62]
    np.testing.assert_array_equal(lpq_codes(crop), literal_codes(crop, LpqSettings()))


@pytest.mark.parametrize("grid", [1, 3, 4])
def test_blocks_of_the_grid(grid: int) -> None:
    settings = LpqSettings(grid=grid)
    images = drawn_faces()[:2, :60, :73]
    features = lpq(images, settings)
    assert features.dtype == np.float32
    assert features.shape == (2, grid * grid * CODES)
    codes = lpq_codes(images[1], settings)
    rows, columns = ([math.ceil(i * side / grid) for i in range(grid + 1)] for side in codes.shape)
    expected = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            block = codes[top:bottom, left:right].ravel().tolist()
            expected += [block.count(code) / len(block) for code in range(CODES)]
    np.testing.assert_allclose(features[1], expected, rtol=1e-6)


def test_a_stack_equals_its_pictures_one_by_one() -> None:
    faces = drawn_faces()[:3]
    features = lpq(faces)
    np.testing.assert_array_equal(features, np.concatenate([lpq(face) for face in faces]))
    np.testing.assert_array_equal(lpq(faces[::-1]), features[::-1])
    mirrored = faces[:, :, ::-1]  # a view that runs backwards
    np.testing.assert_array_equal(lpq(mirrored), lpq(mirrored.copy()))
    assert lpq(faces[:0]).shape == (0, 9 * CODES)


def test_smallest_picture() -> None:
    assert lpq(np.zeros((9, 9), np.uint8)).reshape(9, CODES)[:, 255].tolist() == [1] * 9
    with pytest.raises(InputError, match="at least 9 by 9 pixels"):
        lpq(np.zeros((9, 8), np.uint8))
    assert lpq_codes(np.zeros((7, 7), np.uint8)).shape == (1, 1)
    with pytest.raises(InputError, match="at least 7 by 7 pixels"):
        lpq_codes(np.zeros((6, 7), np.uint8))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((32, 32)), "uint8.*float64"),
        (np.zeros((32, 32), np.int16), "uint8.*int16"),
        ([[1, 2], [3]], "uint8.*list"),
        (np.array(None), "uint8.*object"),
        (np.zeros((2, 32, 32, 3), np.uint8), "colour"),
        (np.zeros((32, 32, 3), np.uint8), "colour"),
        (np.zeros(32, np.uint8), r"shape \(32,\)"),
        (np.zeros((2, 2, 2, 32, 32), np.uint8), "shape"),
        (np.zeros((0, 0), np.uint8), "pixels"),
    ],
)
def test_bad_pictures(images: NDArray[np.uint8], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        lpq(images)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=words):
        lpq_codes(images)


def test_codes_refuse_several_pictures() -> None:
    with pytest.raises(InputError, match="one grey picture"):
        lpq_codes(np.zeros((2, 32, 32), np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        *({"window": window} for window in (1, 2, 8, 17, 7.0, True)),
        *({"rho": rho} for rho in (0, 1, -0.5, math.nan, "0.9")),
        *({"grid": grid} for grid in (0, 17, 1.5)),
        {"weights": "gauss"},
        {"decorrelate": "no"},
    ],
    ids=str,
)
def test_bad_settings(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"--lpq-{next(iter(change))} must be"):
        LpqSettings(**change)  # type: ignore[arg-type]
