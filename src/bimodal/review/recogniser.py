"""Predicts the emotions in pictures that are uploaded, and which pixels speak for them; it stores nothing."""

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.load import load
from bimodal.inference.occlusion import occlusion_map
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import ImageResult
from bimodal.model_files.network import Network
from bimodal.vision.faces import MAX_SIDE, Detector, align, detector_file
from bimodal.vision.pictures import resize

SIDE = 224
"""Side in pixels of a face as it is shown."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which pixels of a face speak for an emotion.

    Attributes:
        face: uint8 (224,224,3) RGB, as the network sees it.
        cells: (12,12), see `occlusion_map`.
    """

    face: NDArray[np.uint8]
    cells: NDArray[np.float64]


class Recogniser:
    """The packaged network and the face detector, loaded when they are first needed; threads may share it."""

    def __init__(self, detector: Path | None) -> None:
        """Load nothing yet.

        Args:
            detector: YuNet's ONNX file; None: downloaded once.
        """
        self._file, self._lock = detector, threading.Lock()
        self._detectors: dict[bool, Detector] = {}

    @cached_property
    def network(self) -> Network:
        """The network."""
        return load()

    def predict(self, pixels: NDArray[np.uint8], detect: bool, is_frame: bool = False) -> ImageResult:
        """Return the faces of a picture with their probabilities.

        Args:
            pixels: uint8 (H,W,3) RGB.
            detect: find the faces; False: the picture is one cropped face.
            is_frame: it is one of many of a camera, in which tiny faces are not looked for.

        Raises:
            InputError: the detector cannot be downloaded or loaded.
        """
        with self._lock:  # threads must not share a detector
            config = InferenceConfig(detect=detect, threads=1, make_detector=lambda: self._detector(is_frame))
            (result,) = run_inference([Frame("upload", pixels)], self.network, config)
        return result

    def explain(self, pixels: NDArray[np.uint8], detect: bool, number: int, emotion: str) -> Explanation:
        """Return which pixels speak for an emotion.

        Args:
            pixels: uint8 (H,W,3) RGB.
            detect: as in `predict`.
            number: of the face, in the order of `predict`.
            emotion: one of the network's.

        Raises:
            InputError: there is no such face or emotion, or the detector cannot be downloaded or loaded.
        """
        emotions = self.network.info.emotions
        if emotion not in emotions:
            raise InputError(f"expected an emotion, one of {', '.join(emotions)}, got {emotion!r}")
        size = self.network.info.image_size
        with self._lock:
            if not detect:
                face, shown = resize(pixels, size), resize(pixels, SIDE)
            else:
                faces = self._detector(False).detect(pixels)
                if not 0 <= number < len(faces):
                    raise InputError(f"expected a face from 0 to {len(faces) - 1}, got {number}")
                template = self.network.template
                face, shown = (align(pixels, faces[number].landmarks, side, template) for side in (size, SIDE))
            return Explanation(shown, occlusion_map(self.network, face, emotions.index(emotion)))

    def _detector(self, is_frame: bool) -> Detector:
        if is_frame not in self._detectors:
            side = MAX_SIDE if is_frame else None
            self._detectors[is_frame] = Detector(detector_file(self._file), coarse=True, side=side)
        return self._detectors[is_frame]
