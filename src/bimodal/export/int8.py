"""Quantise an ONNX file: weights and activations of 8 bits."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.export.onnx import INPUT, describe, require_packages
from bimodal.files import write_atomically
from bimodal.model_files.info import ModelInfo
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import load_onnx

_BATCH = 32
_MIN_FOR_ENTROPY = 100  # faces; with fewer the range of an activation is its minimum and maximum


def write_int8(single: Path, out: Path, info: ModelInfo, faces: NDArray[np.uint8]) -> None:
    """Quantise an ONNX file: weights by channel, activations by their range on some faces.

    Args:
        single: the file in single precision, which `write_onnx` wrote.
        out: the file to write.
        info: the description of the network, for the file's metadata.
        faces: uint8 (n,S,S,3), training faces on which the ranges of the activations are measured.

    Raises:
        InputError: the package onnx is not installed.
    """
    require_packages("onnx")
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    by_entropy = len(faces) >= _MIN_FOR_ENTROPY
    if by_entropy:
        faces = faces[: len(faces) // _BATCH * _BATCH]  # this method takes whole batches only
    network = load_onnx(single)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        ready, quantised = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(single), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(quantised),
            _CalibrationBatches(network, faces),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: with 8 the sums of pairs overflow on processors without VNNI
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Entropy if by_entropy else CalibrationMethod.MinMax,
        )
        proto = onnx.load(quantised)
    describe(proto, info)
    content = proto.SerializeToString()
    write_atomically(out, lambda part: part.write_bytes(content))


class _CalibrationBatches:
    """Batches of faces, in the form of ONNX Runtime's `CalibrationDataReader`."""

    def __init__(self, network: Network, faces: NDArray[np.uint8]) -> None:
        starts = range(0, len(faces), _BATCH)
        self._batches = iter({INPUT: network.normalise(faces[start : start + _BATCH])} for start in starts)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Hide what the quantisation logs and prints."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        root.setLevel(level)
