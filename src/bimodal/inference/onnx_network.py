"""A network in an ONNX file, run by ONNX Runtime."""

import hashlib
import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.network import Network
from bimodal.model_files.info import ModelInfo

KEY = "bimodal"
"""Of the file's metadata: its `ModelInfo` as JSON."""
_MAX_BYTES = 2**31 - 1  # of a protocol buffer


def load_onnx(file: Path, threads: int | None = None) -> Network:
    """Load an ONNX file that `bimodal export` wrote.

    Args:
        file: the file; read as a whole, so that it cannot point to others.
        threads: of one batch; None: one a core that this process may use.

    Raises:
        InputError: missing, too large, damaged, no network of ours, or written by a newer bimodal.
    """
    if not file.is_file():
        raise InputError(f"no model at {file}; expected an ONNX file, see bimodal export")
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{file} is larger than 2 GiB; that is no model of ours")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.log_severity_level = 4
    try:
        content = file.read_bytes()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own kinds, one for each way to be damaged
        raise InputError(f"{file} is damaged, or no ONNX model that can be run here: {_first_line(error)}") from error
    described = session.get_modelmeta().custom_metadata_map.get(KEY)
    if described is None:
        raise InputError(f"{file} was not made by bimodal export: nothing in it says how pictures are prepared for it")
    info = ModelInfo.from_json(described, file)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if len(inputs) == 1 else None
    if shape is None or shape[1:] != [3, info.image_size, info.image_size] or inputs[0].type != "tensor(float)":
        raise InputError(f"{file} takes {shape}, and should take faces (N, 3, {info.image_size}, {info.image_size})")
    if len(outputs) != 1:
        raise InputError(f"{file} gives {len(outputs)} outputs, and should give one: the logits")
    given, taken = inputs[0].name, outputs[0].name

    def forward(faces: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([taken], {given: faces})[0])

    for count in (1, 2):
        try:
            logits = forward(np.zeros((count, 3, info.image_size, info.image_size), np.float32))
        except Exception as error:
            raise InputError(f"{file} cannot be run on {count} faces: {_first_line(error)}") from error
        if logits.shape != (count, len(info.emotions)):
            raise InputError(
                f"{file} gives {logits.shape} for {count} faces: expected a logit for each of {len(info.emotions)} emotions"
            )
        if logits.dtype.kind != "f" or not np.isfinite(logits).all():
            raise InputError(f"{file} gives no finite floating-point numbers: is it damaged?")
    return Network(info, forward, hashlib.sha256(content).hexdigest())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
