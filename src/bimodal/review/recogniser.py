"""Predicts the emotions in pictures that are uploaded, and which pixels speak for them; it stores nothing."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
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
from bimodal.model_files.packaged import FACE
from bimodal.runs.run import FINISHED
from bimodal.vision.faces import MAX_SIDE, Detector, align, detector_file
from bimodal.vision.pictures import resize

SIDE = 224
"""Side in pixels of a face as it is shown."""
_KEPT = 3  # networks of runs in memory


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
    """Networks and the face detector, loaded when they are first needed; threads may share it.

    Attributes:
        is_aligned: whether the network that predicts where no run is named was trained on aligned faces.
    """

    def __init__(self, detector: Path | None = None, network: Network | None = None) -> None:
        """Load nothing yet.

        Args:
            detector: YuNet's ONNX file; None: downloaded once.
            network: predicts where no run is named; None: the packaged network.
        """
        self._file, self._lock = detector, threading.Lock()
        self._detectors: dict[bool, Detector] = {}
        self._network = None if network is None else _quiet(network)
        self.is_aligned = network is None or network.info.aligned
        self._of_runs: OrderedDict[tuple[Path, int], Network] = OrderedDict()

    @property
    def name(self) -> str:
        """The name of the network that predicts where no run is named."""
        return FACE if self._network is None else self._network.info.name

    def network(self, run: Path | None = None) -> Network:
        """Return the network of a run; None: the one that predicts where no run is named.

        Raises:
            InputError: the run is unfinished or damaged.
        """
        with self._lock:
            return self._loaded(run)

    def predict(
        self, pixels: NDArray[np.uint8], detect: bool, is_frame: bool = False, run: Path | None = None
    ) -> ImageResult:
        """Return the faces of a picture with their probabilities.

        Args:
            pixels: uint8 (H,W,3) RGB.
            detect: find the faces; False: the picture is one cropped face.
            is_frame: it is one of many of a camera, in which tiny faces are not looked for.
            run: the folder of the run whose network predicts; None: as in `network`.

        Raises:
            InputError: the detector or the network cannot be downloaded or loaded.
        """
        with self._lock:  # threads must not share a detector
            config = InferenceConfig(detect=detect, threads=1, make_detector=lambda: self._detector(is_frame))
            (result,) = run_inference([Frame("upload", pixels)], self._loaded(run), config)
        return result

    def explain(
        self, pixels: NDArray[np.uint8], detect: bool, number: int, emotion: str, run: Path | None = None
    ) -> Explanation:
        """Return which pixels speak for an emotion.

        Args:
            pixels: uint8 (H,W,3) RGB.
            detect: as in `predict`.
            number: of the face, in the order of `predict`.
            emotion: one of the network's.
            run: as in `predict`.

        Raises:
            InputError: there is no such face or emotion, or the detector cannot be downloaded or loaded.
        """
        network = self.network(run)
        emotions = network.info.emotions
        if emotion not in emotions:
            raise InputError(f"expected an emotion, one of {', '.join(emotions)}, got {emotion!r}")
        size = network.info.image_size
        with self._lock:
            if not detect:
                face, shown = resize(pixels, size), resize(pixels, SIDE)
            else:
                faces = self._detector(False).detect(pixels)
                if not 0 <= number < len(faces):
                    raise InputError(f"expected a face from 0 to {len(faces) - 1}, got {number}")
                template = network.template
                face, shown = (align(pixels, faces[number].landmarks, side, template) for side in (size, SIDE))
            return Explanation(shown, occlusion_map(network, face, emotions.index(emotion)))

    def _loaded(self, run: Path | None) -> Network:
        if run is None:
            if self._network is None:
                self._network = load()
            return self._network
        try:
            key = run, (run / FINISHED).stat().st_mtime_ns  # a run may be trained anew in its folder
        except OSError:
            raise InputError(f"{run.name} is not finished; its network can be tried when it is") from None
        if key not in self._of_runs:
            self._of_runs[key] = _quiet(load(run))
        self._of_runs.move_to_end(key)
        while len(self._of_runs) > _KEPT:
            self._of_runs.popitem(last=False)
        return self._of_runs[key]

    def _detector(self, is_frame: bool) -> Detector:
        if is_frame not in self._detectors:
            side = MAX_SIDE if is_frame else None
            self._detectors[is_frame] = Detector(detector_file(self._file), coarse=True, side=side)
        return self._detectors[is_frame]


def _quiet(network: Network) -> Network:
    """Return a network about whose alignment nothing is logged for each picture: the page says it once."""
    return replace(network, info=replace(network.info, aligned=True))
