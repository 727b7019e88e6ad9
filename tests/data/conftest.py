"""Small pictures and sources, drawn from seeds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Noise = Callable[..., Path]


@pytest.fixture
def noise() -> Noise:
    """Write a picture of noise that no other seed gives: `noise(path, seed)`."""

    def write(path: Path, seed: int, size: int = 12) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def class_folders(tmp_path: Path, noise: Noise) -> Path:
    """Forty pictures: twenty happy, twenty sad, all different."""
    source = tmp_path / "source"
    for label, first in (("happy", 0), ("Sadness", 100)):
        for number in range(20):
            noise(source / label / f"{label}{number:02d}.png", first + number)
    return source
