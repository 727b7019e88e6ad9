"""Claim: the LPQ and the PHOG of a thousand faces of 128 pixels take under 10 s each on one core."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded

import importlib.util
import math
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import cv2
import numpy as np
from scipy.signal import convolve2d

from bimodal.classical.lpq import LpqSettings, lpq, transform, whitening
from bimodal.classical.phog import PhogSettings, phog
from bimodal.synthetic.dataset import draw_set
from measure import alternate, options, ratios, show, spread, verdict

FACES, SIDE, SECONDS = 1000, 128, 10.0
FEW = {"LPQ, scipy's convolutions": 20, "LPQ, window by window": 2, "PHOG, pixel by pixel": 20}
"""Number of faces for a slow method; its time is scaled to all faces."""

LPQ, PHOG = LpqSettings(), PhogSettings()


def lpq_by_convolution(faces: Any) -> Any:
    """The usual implementation: complex convolutions with scipy, a stack of responses, a histogram for each block."""
    x = np.arange(LPQ.window) - LPQ.window // 2
    one, wave = np.ones(LPQ.window), np.exp(-2j * np.pi * x / LPQ.window)
    pairs = ((one, wave), (wave, one), (wave, wave), (wave.conj(), wave))  # down, across
    features = []
    for face in faces.astype(np.float64):
        parts = [convolve2d(convolve2d(face, down[:, None], "valid"), across[None], "valid") for down, across in pairs]
        numbers = np.stack([part.real for part in parts] + [part.imag for part in parts], axis=-1) @ whitening(LPQ).T
        features.append(histograms(((numbers >= -1e-9) * 2 ** np.arange(8)).sum(axis=-1)))
    return np.array(features)


def lpq_by_window(faces: Any) -> Any:
    """The equations of the LPQ paper, pixel by pixel."""
    matrix, window = whitening(LPQ) @ transform(LPQ), LPQ.window
    features = []
    for face in faces:
        height, width = (side - window + 1 for side in face.shape)
        codes = np.zeros((height, width), np.int64)
        for row in range(height):
            for column in range(width):
                numbers = matrix @ face[row : row + window, column : column + window].ravel()
                codes[row, column] = sum(2**bit for bit in range(8) if numbers[bit] >= -1e-9)
        features.append(histograms(codes))
    return np.array(features)


def histograms(codes: Any) -> Any:
    blocks = [block for rows in np.array_split(codes, LPQ.grid) for block in np.array_split(rows, LPQ.grid, axis=1)]
    return np.concatenate([np.bincount(block.ravel(), minlength=256) / block.size for block in blocks])


def phog_by_pixel(faces: Any) -> Any:
    """The same edges, counted one by one on each level in plain Python."""
    features = []
    for face in faces:
        dx, dy = cv2.spatialGradient(face)
        edges = cv2.Canny(dx, dy, PHOG.canny_low, PHOG.canny_high, L2gradient=True)
        levels = [[0.0] * (4**level * PHOG.bins) for level in range(PHOG.levels + 1)]
        for row, column in zip(*np.nonzero(edges), strict=True):
            x, y = float(dx[row, column]), float(dy[row, column])
            bin_ = int(math.degrees(math.atan2(y, x)) % PHOG.angle * PHOG.bins / PHOG.angle + 1e-9) % PHOG.bins
            for level, sums in enumerate(levels):
                cell = row * 2**level // face.shape[0] * 2**level + column * 2**level // face.shape[1]
                sums[cell * PHOG.bins + bin_] += math.hypot(x, y)
        vector = np.concatenate(levels)
        features.append(vector / (vector.sum() or 1))
    return np.array(features)


def peers() -> dict[str, Callable[[Any], Any]]:
    """Return the nearest descriptors of scikit-image: local binary patterns, and gradients without a pyramid."""
    if importlib.util.find_spec("skimage") is None:
        return {}
    from skimage.feature import hog, local_binary_pattern

    def patterns(faces: Any) -> Any:
        return np.array([histograms(local_binary_pattern(face, 8, 1).astype(np.int64)) for face in faces])

    def gradients(faces: Any) -> Any:
        cells = {"pixels_per_cell": (SIDE // 8, SIDE // 8), "cells_per_block": (1, 1)}
        return np.array([hog(face, orientations=PHOG.bins, **cells) for face in faces])

    return {"LBP, scikit-image": patterns, "HOG, scikit-image": gradients}


def main() -> None:
    arguments = options(__doc__ or "", rounds=5).parse_args()
    cv2.setNumThreads(1)
    count = 20 if arguments.quick else FACES
    drawn = draw_set(min(count, 100), no_face=0, size=SIDE).images
    different = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in drawn])
    faces = np.tile(different, (count // len(different), 1, 1))
    ways: dict[str, Callable[[Any], Any]] = {
        "LPQ, bimodal": lpq,
        "LPQ, scipy's convolutions": lpq_by_convolution,
        "LPQ, window by window": lpq_by_window,
        "PHOG, bimodal": phog,
        "PHOG, pixel by pixel": phog_by_pixel,
        **peers(),
    }
    for name, fast in (("LPQ", lpq), ("PHOG", phog)):
        for way in (way for way in FEW if way.startswith(name)):
            if not np.allclose(ways[way](faces[:2]), fast(faces[:2]), atol=1e-6):
                raise SystemExit(f"{way} gives other numbers than bimodal")

    def run(way: str) -> float:
        some = faces[: FEW.get(way, len(faces))]
        start = time.perf_counter()
        ways[way](some)
        return (time.perf_counter() - start) * len(faces) / len(some)

    times = alternate({way: partial(run, way) for way in ways}, 1 if arguments.quick else arguments.rounds)
    fast_of = {way: "LPQ, bimodal" if way.startswith("L") else "PHOG, bimodal" for way in ways}
    show(
        f"{count:,} drawn faces ({len(different)} different ones) of {SIDE} pixels; slow methods: measured on a few faces, scaled",
        ["method", "seconds, median (min to max)", "times bimodal"],
        [[way, spread(times[way]), spread(ratios(times[way], times[fast_of[way]]), 1)] for way in ways],
    )
    if not peers():
        print("\nscikit-image is not installed, so its LBP and HOG were not measured.")
    verdict(
        f"each descriptor of {count:,} faces in under {SECONDS:g} s on one core",
        all(median(times[way]) < SECONDS for way in ("LPQ, bimodal", "PHOG, bimodal")),
        [max(pair) for pair in zip(times["LPQ, bimodal"], times["PHOG, bimodal"], strict=True)],
        "s",
    )


if __name__ == "__main__":
    main()
