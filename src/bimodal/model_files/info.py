"""What a trained network takes and gives, as a small JSON file beside its weights: all that a prediction needs to know.

Pure: whoever predicts with an ONNX file reads this and loads no training engine.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bimodal.emotions import NAMES
from bimodal.errors import InputError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, of red, green and blue in units of 0 to 1: so are pictures normalised for every network of ours."""

INFO_FILE = "model.json"
FORMAT = 1
"""Of the file; a reader refuses what is newer."""
TEMPERATURES = (0.05, 20.0)
_MAX_BYTES = 2**16
_MAX_EMOTIONS, _MAX_NAME, _LARGEST = 64, 200, 1e4


@dataclass(frozen=True)
class ModelInfo:
    """How to feed a network, and how to read it.

    Attributes:
        name: what it is called.
        emotions: K names, in the order of the logits.
        image_size: S, pixels a side of the square faces that it takes.
        mean, std: of red, green and blue, in units of 0 to 1: input = (pixel / 255 - mean) / std.
        aligned: whether it was trained on faces cut out by their landmarks, as `bimodal prepare --align` does;
            False: on pictures as they came.
        template: five points x, y in parts of the side, where such a face has its eyes, nose and corners of the mouth;
            empty: those of `bimodal prepare --align`.
        temperature: by which logits are divided before the softmax (Guo et al., On calibration of modern neural
            networks, 2017); 1 where it was not fitted.
        version: of the bimodal that wrote it.

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
    version: str = ""

    def __post_init__(self) -> None:
        numbers = [*self.mean, *self.std, *(value for point in self.template for value in point)]
        sound = (
            _is_name(self.name)
            and all(isinstance(several, tuple) for several in (self.emotions, self.mean, self.std, self.template))
            and 2 <= len(self.emotions) <= _MAX_EMOTIONS
            and all(_is_name(name) for name in self.emotions)
            and len(set(self.emotions)) == len(self.emotions)
            and isinstance(self.image_size, int)
            and 16 <= self.image_size <= 1024
            and len(self.mean) == len(self.std) == 3
            and [len(point) for point in self.template] in ([], [2] * 5)
            and all(isinstance(number, int | float) and abs(number) <= _LARGEST for number in numbers)
            and all(value >= 1 / _LARGEST for value in self.std)
            and isinstance(self.temperature, int | float)
            and TEMPERATURES[0] <= self.temperature <= TEMPERATURES[1]
        )
        if not sound:
            raise InputError(f"the description of a network has a value that cannot be: {self}")

    def to_json(self) -> str:
        """Return it as JSON; `from_json` is the way back."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: object) -> Self:
        """Read `to_json`; keys that we do not know are left out.

        Args:
            text: the JSON.
            where: the file, for messages.

        Raises:
            InputError: it is something else, or newer than this program.
        """
        if len(text) > _MAX_BYTES:
            raise InputError(f"{where}: the description of the network is larger than {_MAX_BYTES >> 10} KiB")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: the description of the network is no JSON: {error}") from error
        if not isinstance(values, Mapping) or not isinstance(values.get("format"), int):
            raise InputError(f"{where}: this is not the description of a network that bimodal wrote")
        if values["format"] > FORMAT:
            raise InputError(
                f"{where} was written by a newer bimodal ({values.get('version', '?')}); update this one to read it"
            )
        try:
            return cls(**{name: _tuples(values[name]) for name in cls.__dataclass_fields__ if name in values})
        except TypeError as error:
            raise InputError(f"{where}: the description of the network is damaged: {error}") from error

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the file of a network.

        Raises:
            InputError: it is missing, too large, or something else.
        """
        if not file.is_file():
            raise InputError(f"{file} is missing: it says how to feed the network beside it")
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file} is larger than {_MAX_BYTES >> 10} KiB; that is no description of a network")
        try:
            return cls.from_json(file.read_text(encoding="utf-8"), file)
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not text: {error}") from error


def _is_name(value: Any) -> bool:
    """Whether it is a text that any terminal and any file takes."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
