"""The description of a trained network, a small JSON file beside its weights: how to feed it and how to read it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.calibration import TEMPERATURES
from bimodal.untrusted import plain_json

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of red, green and blue, in units of 0 to 1; all our networks use them."""

INFO_FILE = "model.json"
FORMAT = 1
"""The version of the file's format; a file with a higher one is refused."""
_MAX_BYTES = 2**16
_MAX_EMOTIONS, _MAX_NAME, _MAX_VALUE = 64, 200, 1e4


@dataclass(frozen=True)
class ModelInfo:
    """What a network takes and gives.

    Attributes:
        name: the network's name.
        emotions: K names, in the order of the logits; K from 2 to 64.
        image_size: S, the side of the square faces that the network takes, in pixels, 16 to 1024.
        mean, std: of red, green and blue, in units of 0 to 1: input = (pixel / 255 - mean) / std.
        aligned: True if the network was trained on faces aligned by their landmarks, as `bimodal prepare --align` does;
            False if it was trained on images that were not aligned.
        template: five points (x, y), as fractions of the side: where an aligned face has its eyes, nose and corners of
            the mouth; empty: the template of `bimodal prepare --align`.
        temperature: the logits are divided by it before the softmax (Guo et al., On calibration of modern neural
            networks, 2017), 0.05 to 20; 1 where it was not fitted.
        mirror: True if predictions average the logits of each face and its mirror image.
        version: the version of bimodal that wrote the description.
        weights_sha256: the SHA-256 of the file of weights beside the description, in hexadecimal; empty if it is not known.

    Raises:
        InputError: a value is out of its range.

    >>> ModelInfo("trial").emotions[3]
    'happy'
    """

    name: str
    emotions: tuple[str, ...] = NAMES
    image_size: int = 224
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    aligned: bool = True
    template: tuple[tuple[float, ...], ...] = ()
    temperature: float = 1.0
    mirror: bool = False
    version: str = ""
    weights_sha256: str = ""

    def __post_init__(self) -> None:
        numbers = [*self.mean, *self.std, *(value for point in self.template for value in point)]
        is_valid = (
            _is_name(self.name)
            and all(isinstance(several, tuple) for several in (self.emotions, self.mean, self.std, self.template))
            and 2 <= len(self.emotions) <= _MAX_EMOTIONS
            and all(_is_name(name) for name in self.emotions)
            and len(set(self.emotions)) == len(self.emotions)
            and isinstance(self.image_size, int)
            and 16 <= self.image_size <= 1024
            and len(self.mean) == len(self.std) == 3
            and [len(point) for point in self.template] in ([], [2] * 5)
            and all(isinstance(number, int | float) and abs(number) <= _MAX_VALUE for number in numbers)
            and all(value >= 1 / _MAX_VALUE for value in self.std)
            and isinstance(self.temperature, int | float)
            and TEMPERATURES[0] <= self.temperature <= TEMPERATURES[1]
            and isinstance(self.mirror, bool)
            and isinstance(self.weights_sha256, str)
            and re.fullmatch("([0-9a-f]{64})?", self.weights_sha256) is not None
        )
        if not is_valid:
            raise InputError(f"the description of the network has an invalid value: {self}")

    def to_json(self) -> str:
        """Return the description as JSON, which `from_json` reads."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: object) -> Self:
        """Read the JSON that `to_json` wrote; unknown keys are ignored. `where` names the file in error messages.

        Raises:
            InputError: the text is something else, or was written by a newer bimodal.
        """
        if len(text) > _MAX_BYTES:
            raise InputError(f"{where}: the description of the network is larger than {_MAX_BYTES >> 10} KiB")
        try:
            values = plain_json(text)
        except ValueError as error:
            raise InputError(f"{where}: the description of the network is not JSON: {error}") from error
        if not isinstance(values, Mapping) or not isinstance(values.get("format"), int):
            raise InputError(f"{where} is not the description of a network that bimodal wrote")
        if values["format"] > FORMAT:
            raise InputError(f"{where} was written by a newer bimodal ({values.get('version', '?')}); update bimodal")
        try:
            return cls(**{name: _tuples(values[name]) for name in cls.__dataclass_fields__ if name in values})
        except TypeError as error:
            raise InputError(f"{where}: the description of the network is damaged: {error}") from error

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the description of a network from its file.

        Raises:
            InputError: the file is missing, too large, or not such a description.
        """
        if not file.is_file():
            raise InputError(f"{file} is missing; it describes the network beside it")
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file} is larger than {_MAX_BYTES >> 10} KiB; it is not the description of a network")
        try:
            return cls.from_json(file.read_text(encoding="utf-8"), file)
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not text: {error}") from error


def _is_name(value: Any) -> bool:
    """Return whether the value is a short text that every terminal can print."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
