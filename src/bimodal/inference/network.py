"""A trained network, ready to be asked: faces to probabilities, whatever runs it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.evaluation.calibration import log_softmax
from bimodal.model_files.info import ModelInfo
from bimodal.vision.faces import TEMPLATE
from bimodal.vision.pictures import resize

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Normalised faces, (N,3,S,S), to logits, (N,K)."""


@dataclass(frozen=True, eq=False)
class Network:
    """What `bimodal.load` returns.

    Attributes:
        info: how it is fed and read.
        forward: normalised faces to logits.
        digest: SHA-256 of the file of its weights; empty where there is none.
    """

    info: ModelInfo
    forward: Forward
    digest: str = ""

    @property
    def template(self) -> NDArray[np.float64]:
        """Where it wants the landmarks of a face, (5,2), in parts of the side."""
        return np.array(self.info.template) if self.info.template else TEMPLATE

    def normalise(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's input, (N,3,S,S), of faces uint8 (N,S,S,3), RGB."""
        mean, std = np.array(self.info.mean, np.float32), np.array(self.info.std, np.float32)
        scaled = (faces.astype(np.float32) - 255 * mean) / (255 * std)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def probabilities(self, faces: NDArray[np.uint8], flip: bool = False) -> NDArray[np.float64]:
        """Return the probability of each emotion, calibrated, (N,K) in the order of `info.emotions`.

        Args:
            faces: uint8 (N,H,W,3), RGB, cut out already; those of another size than the network's are resized.
            flip: ask of the mirrored faces, too, and average: twice the cost, a little more accurate.

        >>> trial = Network(ModelInfo("trial", ("a", "b"), image_size=16), lambda x: x.mean(axis=(2, 3))[:, :2])
        >>> trial.probabilities(np.zeros((1, 16, 16, 3), np.uint8)).round(2).tolist()
        [[0.48, 0.52]]
        """
        size = self.info.image_size
        if not len(faces):
            return np.zeros((0, len(self.info.emotions)))
        if faces.shape[1:3] != (size, size):
            faces = np.stack([resize(face, size) for face in faces])
        inputs = self.normalise(faces)
        mean = self._softmax(inputs)
        return (mean + self._softmax(np.ascontiguousarray(inputs[..., ::-1]))) / 2 if flip else mean

    def _softmax(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.exp(log_softmax(self.forward(inputs).astype(np.float64) / self.info.temperature))
