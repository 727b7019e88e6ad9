"""Quantise an ONNX file: weights and activations of 8 bits."""

import logging
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.export.onnx import INPUT, describe, quiet, require_packages
from bimodal.files import write_atomically
from bimodal.model_files.info import ModelInfo
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import load_onnx

_BATCH = 32
_MIN_FOR_ENTROPY = 100  # faces; with fewer the range of an activation is its minimum and maximum


def write_int8(single: Path, out: Path, info: ModelInfo, faces: NDArray[np.uint8]) -> None:
    """Quantise an ONNX file of `write_onnx`: weights by channel, activations by their range on training faces, (n,S,S,3).

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
    with tempfile.TemporaryDirectory() as folder, quiet("root", logging.ERROR):
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
