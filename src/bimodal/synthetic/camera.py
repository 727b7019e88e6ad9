"""Simulating a camera: blurred background, light on the head, exposure, blur and noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.synthetic.view import View

Image = NDArray[np.uint8]
"""RGB, uint8 (size, size, 3)."""

_CANVAS = 192


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise an `InputError` unless a value is from `low` to `high`."""
    if not low <= value <= high:
        raise InputError(f"the {name} must be from {low:,} to {high:,}, got {value}")


def check_size(size: int) -> None:
    """Raise an `InputError` unless the side of a picture to draw is from 32 to 512 pixels."""
    check_range("size of a picture in pixels", size, 32, 512)


def canvas_side(size: int) -> int:
    """Return the side of the canvas for a picture, a multiple of its size: shrinking the canvas keeps thin lines thin.

    >>> canvas_side(96), canvas_side(112), canvas_side(512)
    (192, 224, 512)
    """
    check_size(size)
    return size * -(-_CANVAS // size)


def background(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a background out of focus, float32 (side, side, 3): a few blurred colours, sometimes vertical bars."""
    base = rng.uniform(25, 235) + rng.normal(0, 28, 3)
    cells = rng.normal(0, rng.uniform(6, 34), (4, 4, 1)) + rng.normal(0, 10, (4, 4, 3)) + base
    picture = cv2.resize(cells.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.3:
        left = np.arange(side, dtype=np.float32) / side
        bars = np.sin(2 * np.pi * left * rng.uniform(2, 9) + rng.uniform(0, 6)) * rng.uniform(5, 22)
        picture += bars.astype(np.float32)[None, :, None]
    return np.asarray(np.clip(picture, 0, 255), np.float32)


def head_light(view: View, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the share of the light that each pixel reflects, float32 (3, side, side): Lambert's law on an ellipsoid."""
    towards = np.array([rng.normal(0, 0.6), -0.45 + rng.normal(0, 0.45), 0.9])
    towards /= np.linalg.norm(towards)
    ambient = rng.uniform(0.45, 0.8)
    warmth = rng.normal(0, 0.07)
    cells = 48
    place = (np.arange(cells) + 0.5) / cells * side
    x = (place[None, :] - view.centre[0]) / view.scale
    y = (place[:, None] - view.centre[1]) / view.scale
    across, down = x / 0.95, y / 1.35
    squared = across**2 + down**2
    stretch = np.where(squared > 0.92, np.sqrt(0.92 / np.maximum(squared, 1e-6)), 1.0)
    across, down = across * stretch, down * stretch
    out = np.sqrt(1 - across**2 - down**2)
    lit = np.maximum(across * towards[0] + down * towards[1] + out * towards[2], 0)
    shade = (ambient + (1.12 - ambient) * lit).astype(np.float32)
    shade = cv2.resize(shade, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(shade * np.array([1 + warmth, 1.0, 1 - warmth], np.float32)[:, None, None])


def expose(planes: NDArray[np.float32], size: int, rng: np.random.Generator) -> Image:
    """Return a photograph of a canvas, with random light, exposure, contrast, colour, focus, noise and compression.

    `planes` are red, green and blue, float32 (3, side, side); `size` is the side of the photograph in pixels.
    """
    gain, contrast, colour = np.exp(rng.normal(0, 0.1)), np.exp(rng.normal(0, 0.1)), rng.uniform(0.35, 1.15)
    grey = rng.random() < 0.15
    angle, slope = rng.uniform(0, 2 * np.pi), abs(rng.normal(0, 0.22))
    focus, noise = abs(rng.normal(0, 0.35)) * size / 96, abs(rng.normal(0, 2.5))
    quality, compressed = int(rng.integers(45, 95)), rng.random() < 0.3
    grain = rng.standard_normal((size, size, 3), np.float32)

    picture = cv2.resize(planes.transpose(1, 2, 0), (size, size), interpolation=cv2.INTER_AREA)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    slant = 1 + slope * (np.cos(angle) * ramp[None, :] + np.sin(angle) * ramp[:, None]) / 1.4
    picture *= (gain * slant)[:, :, None].astype(np.float32)
    picture = (picture - 118) * np.float32(contrast) + 118
    mean = picture.mean(2, keepdims=True)
    picture = mean + (picture - mean) * np.float32(0 if grey else colour)
    if focus > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), focus)
    picture += grain.mean(2, keepdims=True) * np.float32(noise * 1.7) if grey else grain * np.float32(noise)
    image = np.asarray(np.clip(picture, 0, 255), np.uint8)
    if compressed:
        _, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
    return image
