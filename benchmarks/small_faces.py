"""Small drawn faces by the thousand a second, in shards of WebDataset with known wrong labels: `python small_faces.py OUT COUNT`."""

import argparse
import io
import json
import tarfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.emotions import NAMES

SIDE = 32
WRONG = 0.1
BATCH = 2000
SHARD = 50_000
_SPOTS = 7
# of each emotion: curvature of the mouth, its opening, its width, height of the brows, their slope, opening of the eyes
EXPRESSIONS = {
    "angry": (-0.6, 0.05, 0.9, -0.9, 0.9, 0.6),
    "disgust": (-0.9, 0.15, 0.7, -0.4, 0.3, 0.3),
    "fear": (-0.2, 0.5, 1.1, 0.7, -0.9, 1.2),
    "happy": (1.0, 0.3, 1.2, 0.1, 0.0, 0.7),
    "neutral": (0.0, 0.0, 0.8, 0.0, 0.0, 0.8),
    "sad": (-0.9, 0.0, 0.8, 0.2, -0.8, 0.6),
    "surprise": (0.0, 1.0, 0.6, 1.0, 0.0, 1.3),
}
_CODES = np.array([EXPRESSIONS[name] for name in NAMES], np.float32)  # (7,6)


def draw(emotions: NDArray[np.int64], rng: np.random.Generator, side: int = SIDE) -> NDArray[np.uint8]:
    """Draw grey faces of some emotions, uint8 (B,S,S); persons, poses and light differ."""
    count = len(emotions)

    def vary(middle: float, spread: float) -> NDArray[np.float32]:
        return (middle + spread * rng.standard_normal((count, 1, 1))).astype(np.float32)

    curve, opening, width, height, slope, eyes = (
        (_CODES[emotions, part] + 0.25 * rng.standard_normal(count)).astype(np.float32)[:, None, None]
        for part in range(6)
    )
    line = np.linspace(-1, 1, side, dtype=np.float32)
    turn = vary(0, 0.06)
    x = line[None, None, :] - vary(0, 0.05) + turn * line[None, :, None]
    y = line[None, :, None] - vary(0, 0.05) - turn * line[None, None, :]
    head = (x / vary(0.72, 0.05)) ** 2 + (y / vary(0.92, 0.05)) ** 2
    skin, back = vary(170, 25), vary(90, 40)
    picture = back + (skin - back) / (1 + np.exp(np.clip(14 * (head - 1), -20, 20)))
    picture = picture + vary(0, 18) * x  # light from one side
    places = np.abs(np.linspace(0, _SPOTS - 1, side, dtype=np.float32)[:, None] - np.arange(_SPOTS, dtype=np.float32))
    spread = np.maximum(1 - places, 0)  # (S,spots), linear interpolation
    spots = rng.standard_normal((count, _SPOTS, _SPOTS), np.float32)
    picture = picture + (12 + 38 * (head > 1)) * (spread @ spots @ spread.T)  # hair, hats and walls: no two are alike
    apart, level = vary(0.33, 0.03), vary(-0.2, 0.03)
    for each in (-1, 1):
        across = x - each * apart
        picture = picture - 95 * _blob(across / 0.15, (y - level) / (0.03 + 0.06 * np.maximum(eyes, 0)))
        brow = level - 0.22 - 0.07 * height - 0.28 * slope * each * across
        picture = picture - 80 * _blob(across / 0.2, (y - brow) / 0.05)
    mouth = 0.48 + vary(0, 0.02)
    half = 0.3 * width
    arc = mouth - 0.9 * curve * (x**2 - 0.05)
    picture = picture - 90 * _blob(x / half, (y - arc) / (0.045 + 0.11 * np.maximum(opening, 0)))
    picture = picture - 30 * _blob(x / 0.06, (y - 0.15) / 0.12)
    picture = picture + 4 * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _blob(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + (x * x + y * y) ** 3))


def write(out: Path, count: int, wrong: float = WRONG, seed: int = 0, side: int = SIDE) -> None:
    """Write shards `faces-00000.tar`, ...; each face has its label and its true label in a file `.json`."""
    out.mkdir(parents=True)
    for number, first in enumerate(range(0, count, SHARD)):
        rng = np.random.default_rng((seed, number))
        part = out / f".faces-{number:05d}.part"
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
            for start in range(first, min(first + SHARD, count), BATCH):
                size = min(BATCH, count - start)
                true = rng.integers(0, len(NAMES), size)
                given = np.where(
                    rng.random(size) < wrong, (true + rng.integers(1, len(NAMES), size)) % len(NAMES), true
                )
                for place, face in enumerate(draw(true, rng, side)):
                    _, content = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 90])
                    labels = {"label": NAMES[given[place]], "true_label": NAMES[true[place]]}
                    _add(tar, f"{start + place:07d}.jpg", content.tobytes())
                    _add(tar, f"{start + place:07d}.json", json.dumps(labels).encode())
        part.rename(out / f"faces-{number:05d}.tar")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    tar.members.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--side", type=int, default=SIDE, help=f"side of a picture in pixels [{SIDE}]")
    arguments = parser.parse_args()
    start, computing = time.perf_counter(), time.process_time()
    write(arguments.out, arguments.count, side=arguments.side)
    seconds, computing = time.perf_counter() - start, time.process_time() - computing
    rate = f"{arguments.count / seconds:,.0f} a second, {arguments.count / computing:,.0f} a processor second"
    print(f"{arguments.count:,} faces of {arguments.side} pixels: {rate}")


if __name__ == "__main__":
    main()
