"""The network that comes with bimodal, as files: weights for training, ONNX for prediction. Needs no engine.

`bimodal pretrain` makes them; README.md is their model card, and log.csv how the training went.
"""

from pathlib import Path

from bimodal.errors import InputError

FACE = "bimodal/face-s"
"""The name by which `--backbone` and `--model` take it."""
FAMILY = "bimodal/"
WEIGHTS, ONNX = "face-s.safetensors", "face-s.onnx"
HOME = Path(__file__).parent


def packaged_file(name: str, file: str) -> Path:
    """Return the path of a file of the packaged network.

    Args:
        name: `FACE`; there is no other yet.
        file: `WEIGHTS` or `ONNX`.

    Raises:
        InputError: another name, or a copy of bimodal without the files.

    >>> packaged_file("bimodal/face-xxl", ONNX)
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: bimodal comes with bimodal/face-s, and not with 'bimodal/face-xxl'
    """
    if name != FACE:
        raise InputError(f"bimodal comes with {FACE}, and not with {name!r}")
    path = HOME / file
    if not path.is_file():
        raise InputError(f"this copy of bimodal lacks {file}; make it with bimodal pretrain, or install bimodal again")
    return path
