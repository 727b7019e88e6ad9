"""Load a network from an ONNX file, for ONNX Runtime."""

import hashlib
import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.memory import check_memory
from bimodal.model_files.info import ModelInfo
from bimodal.model_files.network import Network
from bimodal.text import first_line

METADATA_KEY = "bimodal"
"""The key in the file's metadata under which its `ModelInfo` stands, as JSON."""
LOGITS, FEATURES = "logits", "features"
"""The outputs of a file: logits (N,K), and the pooled features of the backbone (N,F)."""
_NO_FOLDER = os.devnull  # no file can lie in it
_MAX_BYTES = 2**31 - 1  # the limit of a protocol buffer


def load_onnx(file: Path, threads: int | None = None) -> Network:
    """Load an ONNX file that `bimodal export` wrote; it is read as a whole, so that it cannot refer to other files.

    One batch uses the given number of threads, by default one for each core that this process may use.

    Raises:
        InputError: the file is missing, too large, damaged, not made by bimodal, or written by a newer bimodal.
    """
    if not file.is_file():
        raise InputError(f"no model at {file}; expected an ONNX file that bimodal export wrote")
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{file} is larger than 2 GiB; expected an ONNX file that bimodal export wrote")
    check_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.log_severity_level = 4
    # waiting threads sleep: in a busy loop they take the cores from the threads that decode and detect, and from other programs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # weights in other files are refused: given bytes, the runtime would look for these files in the current folder
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NO_FOLDER)
    try:
        content = file.read_bytes()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        description = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except Exception as error:  # the runtime has an error type for each kind of damage
        raise InputError(f"{file} is damaged or is not an ONNX model: {first_line(error)}") from error
    if description is None:
        raise InputError(f"{file} was not made by bimodal export: its metadata do not describe the network's input")
    info = ModelInfo.from_json(description, file)
    inputs, size = session.get_inputs(), info.image_size
    shape = inputs[0].shape if len(inputs) == 1 else None
    if shape is None or shape[1:] != [3, size, size] or inputs[0].type != "tensor(float)":
        raise InputError(f"{file}: expected an input (N, 3, {size}, {size}), got {shape}")
    names = [output.name for output in session.get_outputs()]
    if names not in ([LOGITS], [LOGITS, FEATURES]):
        given = ", ".join(names) or "0 outputs"
        raise InputError(f"{file}: expected the outputs {LOGITS} and, optionally, {FEATURES}; got {given}")
    input_name = inputs[0].name

    def forward(faces: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([LOGITS], {input_name: faces})[0])

    def embed(faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features, logits = session.run([FEATURES, LOGITS], {input_name: faces})
        return np.asarray(features), np.asarray(logits)

    for count in (1, 2):
        try:
            logits = forward(np.zeros((count, 3, size, size), np.float32))
        except Exception as error:
            raise InputError(f"{file} cannot classify a batch of {count}: {first_line(error)}") from error
        if logits.shape != (count, len(info.emotions)):
            raise InputError(f"{file}: expected logits ({count}, {len(info.emotions)}), got {logits.shape}")
        if logits.dtype.kind != "f" or not np.isfinite(logits).all():
            raise InputError(f"{file} is damaged: its logits are not finite floating-point numbers")
    return Network(info, forward, hashlib.sha256(content).hexdigest(), embed if FEATURES in names else None)
