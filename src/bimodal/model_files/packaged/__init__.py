"""The network that comes with bimodal: its weights, its ONNX files and the digests of its training images.

`bimodal pretrain` writes these files. README.md is the model card, log.csv the log of the training.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

FACE = "bimodal/face-s"
"""The packaged network's name, for `--backbone` and `--model`."""
FACE_INT8 = "bimodal/face-s-int8"
"""The same network with weights and activations of 8 bits, for `--model` of predictions."""
PACKAGED_PREFIX = "bimodal/"
WEIGHTS, ONNX, ONNX_INT8 = "face-s.safetensors", "face-s.onnx", "face-s-int8.onnx"
TRAINING_DIGESTS = "face-s.training-digests.npy"
"""The `short_digests` of its training and validation images: the file identifies an image but does not show it."""
FOLDER = Path(__file__).parent


def packaged_file(name: str, file: str) -> Path:
    """Return the path of `WEIGHTS`, `ONNX` or `TRAINING_DIGESTS` of the packaged network `name`, which must be `FACE`.

    Raises:
        InputError: the name is another, or the file is missing from this installation.
    """
    if name == FACE_INT8:
        raise InputError(f"{FACE_INT8} only predicts (--model of bimodal predict); here, use {FACE}")
    if name != FACE:
        raise InputError(f"no packaged network {name!r}; bimodal comes with {FACE} and {FACE_INT8}")
    return _existing(file)


def packaged_onnx(name: str) -> Path:
    """Return the path of the ONNX file of the packaged network `name`, `FACE` or `FACE_INT8`.

    Raises:
        InputError: the name is another, or the file is missing from this installation.
    """
    return _existing(ONNX_INT8) if name == FACE_INT8 else packaged_file(name, ONNX)


def _existing(file: str) -> Path:
    path = FOLDER / file
    if not path.is_file():
        raise InputError(f"{file} is missing from this installation; install bimodal again, or run bimodal pretrain")
    return path


def short_digests(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return the first eight bytes of each digest as a number, (n,).

    >>> short_digests([bytes([1, *[0] * 15]), bytes([0, 1, *[0] * 14])]).tolist()
    [1, 256]
    """
    return np.frombuffer(b"".join(digest[:8] for digest in digests), dtype="<u8").astype(np.uint64)


def in_pretraining(digests: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return which images the packaged network was trained or validated on, bool (n,), by their `pixel_digest`.

    An image that was resized, cropped or recompressed after the pretraining has another digest and is not recognised.

    Raises:
        InputError: the file of digests is missing from this installation.
    """
    known = np.load(packaged_file(FACE, TRAINING_DIGESTS), allow_pickle=False)
    return np.isin(short_digests(digests), known)
