"""A small network in an ONNX file, a detector of bright squares, and videos."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from bimodal.export.onnx import write_onnx
from bimodal.model_files.info import ModelInfo
from bimodal.vision.face import Face

SIZE = 32
EMOTIONS = ("angry", "happy", "sad")


@pytest.fixture(scope="session")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small network whose three logits differ from face to face."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    with torch.no_grad():
        model[-1].weight.mul_(20)
    file = tmp_path_factory.mktemp("onnx") / "small.onnx"
    faces = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
    write_onnx(model, ModelInfo("small", EMOTIONS, SIZE, temperature=1.5), file, faces)
    return file


class BrightSquareDetector:
    """Reports a face for each bright square on a dark background, in place of YuNet."""

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        mask = (image.mean(axis=2) > 60).astype(np.uint8)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(mask)
        faces = []
        for left, top, width, height, _ in boxes[1:count].astype(float):
            x = left + width * np.array([0.3, 0.7, 0.5, 0.35, 0.65])
            y = top + height * np.array([0.4, 0.4, 0.6, 0.75, 0.75])
            faces.append(Face(np.array([left, top, width, height]), 0.9, np.stack([x, y], axis=1)))
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def scene(*boxes: tuple[int, int, int], size: tuple[int, int] = (120, 160), seed: int = 0) -> NDArray[np.uint8]:
    """Return a dark image with bright squares of noise (left, top, side)."""
    random = np.random.default_rng(seed)
    image = np.zeros((*size, 3), dtype=np.uint8)
    for left, top, side in boxes:
        image[top : top + side, left : left + side] = random.integers(100, 256, (side, side, 3))
    return image


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a video of a moving square."""

    def write(name: str = "walk.mp4", frames: int = 20, rate: float = 10.0) -> Path:
        file = tmp_path / name
        codec = "MJPG" if name.endswith(".avi") else "mp4v"
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), rate, (160, 120))
        assert writer.isOpened()
        for number in range(frames):
            image = scene((10 + 2 * number, 20, 50), seed=1)
            writer.write(np.ascontiguousarray(image[..., ::-1]))
        writer.release()
        return file

    return write
