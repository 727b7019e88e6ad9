"""The network that comes with bimodal, as files: weights for training, ONNX for prediction. Needs no engine.

`bimodal pretrain` makes them; README.md is their model card, and log.csv how the training went.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

FACE = "bimodal/face-s"
"""The name by which `--backbone` and `--model` take it."""
PACKAGED_PREFIX = "bimodal/"
WEIGHTS, ONNX = "face-s.safetensors", "face-s.onnx"
TRAINING_DIGESTS = "face-s.training-digests.npy"
"""What `short_digests` makes of the pictures that it was trained and chosen on: enough to know them again, nothing to see."""
FOLDER = Path(__file__).parent


def packaged_file(name: str, file: str) -> Path:
    """Return the path of a file of the packaged network.

    Args:
        name: `FACE`; there is no other yet.
        file: `WEIGHTS`, `ONNX` or `TRAINING_DIGESTS`.

    Raises:
        InputError: another name, or a copy of bimodal without the files.

    >>> packaged_file("bimodal/face-xxl", ONNX)
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: bimodal comes with bimodal/face-s, and not with 'bimodal/face-xxl'
    """
    if name != FACE:
        raise InputError(f"bimodal comes with {FACE}, and not with {name!r}")
    path = FOLDER / file
    if not path.is_file():
        raise InputError(f"this copy of bimodal lacks {file}; make it with bimodal pretrain, or install bimodal again")
    return path


def short_digests(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return the first eight bytes of each digest as a number, (n,).

    >>> short_digests([bytes([1, *[0] * 15]), bytes([0, 1, *[0] * 14])]).tolist()
    [1, 256]
    """
    return np.frombuffer(b"".join(digest[:8] for digest in digests), dtype="<u8").astype(np.uint64)


def in_pretraining(digests: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return which pictures the packaged network was trained or chosen on, (n,).

    Args:
        digests: of the pictures' pixels, from `bimodal.data.copies.pixel_hashes`. One that was resized, cropped or compressed
            anew is not known again.

    Raises:
        InputError: a copy of bimodal without that file.
    """
    known = np.load(packaged_file(FACE, TRAINING_DIGESTS), allow_pickle=False)
    return np.isin(short_digests(digests), known)
