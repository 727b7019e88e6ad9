"""Local phase quantisation (LPQ): a histogram of the signs of the local Fourier phase, which blur hardly changes."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from bimodal.errors import InputError
from bimodal.settings import check_fields, option

Weights = Literal["uniform", "gaussian"]

CODES = 256
"""Number of codes: eight signs."""

_ZERO = 1e-9
"""A smaller number counts as zero: the rounding error is about 1e-12, for example in a patch of one grey."""

_NUDGE: NDArray[np.float64] = 1 + 1e-6 * np.array([7, 5, 3, 1, 6, 4, 2, 0])

# Each part of each frequency is a sum of products (down, across) of three rows of taps: the window w, and its cosine c
# and sine s. With exp(-i t) = cos t - i sin t, the four real parts come first, then the four imaginary ones.
_PRODUCTS = (("w", "c"), ("w", "s"), ("c", "w"), ("s", "w"), ("c", "c"), ("s", "s"), ("c", "s"), ("s", "c"))
_SUMS: NDArray[np.float64] = np.array(
    [
        [1.0, 0, 0, 0, 0, 0, 0, 0],  # real, (a, 0)
        [0, 0, 1, 0, 0, 0, 0, 0],  # real, (0, a)
        [0, 0, 0, 0, 1, -1, 0, 0],  # real, (a, a)
        [0, 0, 0, 0, 1, 1, 0, 0],  # real, (a, -a)
        [0, -1, 0, 0, 0, 0, 0, 0],  # imaginary, (a, 0)
        [0, 0, 0, -1, 0, 0, 0, 0],  # imaginary, (0, a)
        [0, 0, 0, 0, 0, 0, -1, -1],  # imaginary, (a, a)
        [0, 0, 0, 0, 0, 0, -1, 1],  # imaginary, (a, -a)
    ]
)


@dataclass(frozen=True)
class LpqSettings:
    """The settings of LPQ; the defaults are the authors', with a grid of 3 by 3 blocks."""

    window: int = option(7, "side of the window for the Fourier transform, in pixels; odd", 3, 15)
    weights: Weights = option(
        "uniform", "weights in the window: uniform, or gaussian with a standard deviation of (window - 1) / 4"
    )
    rho: float = option(0.9, "assumed correlation of two neighbouring pixels", 0.01, 0.999)
    decorrelate: bool = option(True, "whiten the eight parts of the phase before taking their signs")
    grid: int = option(3, "number of blocks across and down; each block has a histogram", 1, 16)

    def __post_init__(self) -> None:
        check_fields(self, prefix="lpq_")
        if self.window % 2 == 0:
            raise InputError(f"--lpq-window must be odd, so that the window has a middle, got {self.window}")


DEFAULTS = LpqSettings()


def lpq(images: NDArray[np.uint8], settings: LpqSettings = DEFAULTS) -> NDArray[np.float32]:
    """Return the LPQ histograms of pictures.

    V. Ojansivu and J. Heikkilä, Blur insensitive texture classification using local phase quantization, 2008. The
    codes of `lpq_codes` are counted in each block of a grid, and each histogram is divided by its block's pixels.

    Args:
        images: grey, uint8 (N, H, W), or one picture (H, W); at least `window + grid - 1` pixels each way.
        settings: window, weights, whitening, and grid.

    Returns:
        float32 (N, grid * grid * 256): the histograms of the blocks row by row, each with a sum of 1.

    Raises:
        InputError: the pictures are not grey, not uint8, or too small.

    >>> lpq(np.zeros((2, 32, 32), np.uint8)).shape
    (2, 2304)
    """
    stack = grey_stack(images, settings.window + settings.grid - 1)
    grid, work = settings.grid, _work(stack, settings)
    height, width = work.shape[2:]
    down, across = np.arange(height) * grid // height, np.arange(width) * grid // width
    block = down[:, None] * grid + across
    pixels = np.bincount(block.ravel())[:, None]
    histograms = np.empty((len(stack), grid * grid, CODES), np.float32)
    for image, histogram in zip(stack, histograms, strict=True):
        counts = np.bincount((block * CODES + _codes(image, settings, work)).ravel(), minlength=histogram.size)
        histogram[:] = counts.reshape(histogram.shape) / pixels
    return histograms.reshape(len(stack), grid * grid * CODES)


def lpq_codes(image: NDArray[np.uint8], settings: LpqSettings = DEFAULTS) -> NDArray[np.uint8]:
    """Return the LPQ code of each pixel of a grey picture with a whole window around it.

    Ojansivu and Heikkilä (2008). The local Fourier transform F(u, x), the sum over the window of f(x - y) exp(-2 pi i u y),
    at u = (a, 0), (0, a), (a, a) and (a, -a), a = 1 / window, first number across, gives eight numbers: four real parts,
    then four imaginary ones. They are whitened (`whitening`), and bit j of the code is set where number j is at least
    zero. Rounding errors count as zero, so a patch of one grey has code 255 everywhere.

    The picture is uint8 (H, W), the codes are uint8 (H - window + 1, W - window + 1).

    Raises:
        InputError: the picture is not grey, not uint8, or smaller than the window.

    >>> lpq_codes(np.full((8, 9), 70, np.uint8))
    array([[255, 255, 255],
           [255, 255, 255]], dtype=uint8)
    """
    stack = grey_stack(image, settings.window)
    if len(stack) != 1:
        raise InputError(f"expected one grey picture (H, W), got {len(stack)}: pass them one at a time")
    return _codes(stack[0], settings, _work(stack, settings))


def transform(settings: LpqSettings = DEFAULTS) -> NDArray[np.float64]:
    """Return the matrix, (8, window * window), that maps the pixels of a window to the eight parts of its Fourier transform.

    Ojansivu and Heikkilä (2008), F(u, x) = w_u^T f_x. Four real parts come first, then four imaginary ones. The mean that
    Gaussian weights give to the cosine is subtracted: otherwise the real parts would measure brightness, not phase.

    >>> bool(np.abs(transform().sum(axis=1)).max() < 1e-12)
    True
    """
    taps = _taps(settings)
    products = np.stack([np.outer(taps[down], taps[across]).ravel() for down, across in _PRODUCTS])
    return np.asarray(_SUMS @ products)


def whitening(settings: LpqSettings = DEFAULTS) -> NDArray[np.float64]:
    """Return the matrix W, (8, 8), that whitens the eight parts: with D their covariance, W D W^T is the identity.

    Ojansivu and Heikkilä (2008): the pixels' covariance C is rho to the power of their distance,
    D = M C M^T with M of `transform`, D = U S V^T, and W = S^(-1/2) V^T. The paper omits S, which changes no sign.

    The singular vectors are not unique, and the codes must not depend on the build of LAPACK. Two pairs of singular values
    are equal, because a square is the same across and down, so D is first changed by a few millionths, as in the authors'
    program. The sign of each vector is free: here its first large component (more than half of the largest) is positive.
    The first component cannot decide, because it is often zero up to rounding.

    >>> W, M = whitening(LpqSettings(window=3)), transform(LpqSettings(window=3))
    >>> places = np.array([(y, x) for y in range(3) for x in range(3)])
    >>> D = M @ 0.9 ** cdist(places, places) @ M.T
    >>> bool(np.abs(W @ D @ W.T - np.eye(8)).max() < 1e-4)
    True
    """
    M = transform(settings)
    places = np.stack(np.divmod(np.arange(settings.window**2), settings.window), axis=1)
    D = M @ settings.rho ** cdist(places, places) @ M.T
    _, S, Vt = np.linalg.svd(_NUDGE[:, None] * D * _NUDGE)
    size = np.abs(Vt)
    first = np.argmax(size > 0.5 * size.max(axis=1, keepdims=True), axis=1)
    signs = np.sign(Vt[np.arange(8), first])
    return np.asarray(Vt * (signs / np.sqrt(S))[:, None])


def grey_stack(images: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Return grey pictures, (N, H, W) or one (H, W), as (N, H, W).

    Raises:
        InputError: the pictures are not uint8, not grey, or have a side below `least` pixels.
    """
    kind = getattr(images, "dtype", type(images).__name__)
    if not isinstance(images, np.ndarray) or kind != np.uint8:
        raise InputError(f"expected an array of uint8, 0 to 255, got {kind}: scale and convert the pictures first")
    shape = images.shape
    if images.ndim not in (2, 3) or (images.ndim == 3 and shape[-1] in (1, 3, 4)):
        raise InputError(
            f"expected grey pictures (N, H, W) or (H, W), got shape {shape}: make colour pictures grey first"
        )
    if min(shape[-2:]) < least:
        raise InputError(f"expected pictures of at least {least} by {least} pixels, got shape {shape}: enlarge them")
    return images if images.ndim == 3 else images[None]


def _taps(settings: LpqSettings) -> dict[str, NDArray[np.float64]]:
    """Return the window, and its cosine and sine at a = 1 / window, by the letters of `_PRODUCTS`.

    The paper convolves, so the pixel at x has the weight of the tap at -x.
    """
    x = settings.window // 2 - np.arange(settings.window)
    deviation = (settings.window - 1) / 4
    w = np.exp(-0.5 * (x / deviation) ** 2) if settings.weights == "gaussian" else np.ones(len(x))
    c, s = (w * part(2 * np.pi * x / settings.window) for part in (np.cos, np.sin))
    return {"w": w, "c": c - c.mean(), "s": s}


@lru_cache(maxsize=64)
def _mixture(settings: LpqSettings) -> NDArray[np.float64]:
    """Return the matrix (8, 8) that maps the responses of the products to the numbers whose signs are the code."""
    return whitening(settings) @ _SUMS if settings.decorrelate else _SUMS


def _work(stack: NDArray[np.uint8], settings: LpqSettings) -> NDArray[np.float64]:
    """Return memory for `_codes`, (2, 8, H', W'), to use for all pictures: new memory for each doubles the time."""
    height, width = (side - settings.window + 1 for side in stack.shape[1:])
    return np.empty((2, 8, height, width))


def _codes(image: NDArray[np.uint8], settings: LpqSettings, work: NDArray[np.float64]) -> NDArray[np.uint8]:
    responses, numbers = work
    taps, margin = _taps(settings), settings.window // 2
    inside = slice(margin, image.shape[0] - margin), slice(margin, image.shape[1] - margin)
    for response, (down, across) in zip(responses, _PRODUCTS, strict=True):
        response[:] = cv2.sepFilter2D(image, cv2.CV_64F, taps[across], taps[down])[inside]
    np.matmul(_mixture(settings), responses.reshape(8, -1), out=numbers.reshape(8, -1))
    return np.asarray(np.packbits(numbers >= -_ZERO, axis=0, bitorder="little")[0])
