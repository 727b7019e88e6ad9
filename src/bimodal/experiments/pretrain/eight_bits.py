"""The packaged network with weights and activations of 8 bits, for `bimodal predict` on a CPU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.evaluation.metrics import Measures, measure
from bimodal.experiments.pretrain.faces import Faces
from bimodal.export.int8 import write_int8
from bimodal.model_files.onnx_network import load_onnx
from bimodal.model_files.packaged import FACE_INT8
from bimodal.vision.pictures import resize

_CALIBRATION_FACES = 512
_BATCH = 256


def write_eight_bits(single: Path, out: Path, train: Faces) -> None:
    """Quantise the ONNX file of the network; training faces, spread evenly over all, give the ranges of the activations."""
    network = load_onnx(single)
    rows = np.linspace(0, len(train) - 1, min(len(train), _CALIBRATION_FACES)).astype(int)
    faces = np.stack([resize(face, network.info.image_size) for face in as_rgb(train.pictures[rows])])
    write_int8(single, out, replace(network.info, name=FACE_INT8), faces)


def measure_eight_bits(file: Path, test: Faces) -> Measures:
    """Measure the quantised network on the faces on which one emotion has more than half of the votes."""
    network, clear = load_onnx(file), test.is_clear
    faces = as_rgb(test.pictures[clear])
    parts = [network.probabilities(faces[start : start + _BATCH]) for start in range(0, len(faces), _BATCH)]
    return measure(test.votes[clear].argmax(axis=1), np.concatenate(parts))


def as_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey pictures, uint8 (n,S,S), with three equal channels, (n,S,S,3)."""
    return np.repeat(grey[..., None], 3, axis=3)
