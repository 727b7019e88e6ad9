"""A trained network for prediction: cropped faces to calibrated probabilities, with any runtime."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bimodal.evaluation.calibration import log_softmax
from bimodal.model_files.info import ModelInfo
from bimodal.vision.faces import TEMPLATE
from bimodal.vision.pictures import resize

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From normalised faces, (N,3,S,S), to logits, (N,K)."""


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network, as `bimodal.load` returns it.

    Attributes:
        info: the emotions, the image size, the normalisation and the temperature.
        forward: the function from normalised faces, float32 (N,3,S,S), to logits, float32 (N,K).
        digest: SHA-256 of the file of the weights; empty if there is no file.
        embed: the function from normalised faces to the pooled features of the backbone, float32 (N,F), and the logits,
            which come from one pass; None for a file that gives logits alone.
    """

    info: ModelInfo
    forward: Forward
    digest: str = ""
    embed: Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]] | None = None

    @property
    def template(self) -> NDArray[np.float64]:
        """The places of the five landmarks in an aligned face, (5,2), as fractions of the side."""
        return np.array(self.info.template) if self.info.template else TEMPLATE

    def normalise(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the input of `forward`, float32 (N,3,S,S), for faces uint8 (N,S,S,3) RGB."""
        mean, std = np.array(self.info.mean, np.float32), np.array(self.info.std, np.float32)
        scaled = (faces.astype(np.float32) - 255 * mean) / (255 * std)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def probabilities(self, faces: NDArray[np.uint8], flip: bool = False) -> NDArray[np.float64]:
        """Return the calibrated probability of each emotion, float64 (N,K), in the order of `info.emotions`.

        Args:
            faces: uint8 (N,H,W,3) RGB, cropped faces; faces of another size than S are resized.
            flip: also classify the mirrored faces and average the probabilities, which takes twice as long. It has no
                effect on a network whose description says `mirror`, because that averages the logits of both already.

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
        logits = self.forward(inputs)
        if not (self.info.mirror or flip):
            return self._softmax(logits)
        mirrored = self.forward(np.ascontiguousarray(inputs[..., ::-1]))
        if self.info.mirror:
            return self._softmax((logits + mirrored) / 2)
        return (self._softmax(logits) + self._softmax(mirrored)) / 2

    def _softmax(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.exp(log_softmax(logits.astype(np.float64) / self.info.temperature))
