"""Every number of a training run. The defaults are the paper's recipe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml

from bimodal.errors import InputError
from bimodal.model_files.packaged import FACE
from bimodal.removal.settings import PRESETS as REMOVAL_PRESETS
from bimodal.removal.settings import RemovalSettings
from bimodal.removal.settings import preset as removal_preset
from bimodal.settings import check_choice, check_range, option, plain_yaml

TWO_MODES_SHARE = 0.8
"""Of the epochs, after which the rule `two-modes` looks."""
Keep = Literal["best", "last"]
Schedule = Literal["constant", "cycle"]
Augmentation = Literal["paper", "fast", "none"]
LossSource = Literal["training", "clean"]
Precision = Literal["auto", "32", "bf16"]
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class TrainSettings:
    """What to train and how; a run with the same settings, data, versions and device gives the same result.

    Raises:
        InputError: for a value outside its range; the message names the option.

    >>> TrainSettings().epochs, TrainSettings.preset("small").backbone
    (31, 'test_resnet')
    """

    preset_name: str = option("paper", "")
    backbone: str = option("resnet50.tv_in1k", f"timm name of the network under the head, or {FACE}")
    backbone_options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of timm's for the backbone, such as `{"drop_path_rate": 0.1}`; from a file of settings only."""
    pretrained: bool = option(
        True, "start from the weights of the hub (fetched once; of bimodal's own: in the package) or from random ones"
    )
    weights: str | None = option(None, "start from this file instead: .safetensors, or .pth read without pickle")
    image_size: int = option(224, "side of the pictures that the network sees, in pixels")
    hidden: int = option(512, "width of the head's hidden layer")
    dropout_features: float = option(0.6, "dropout before the head's first layer")
    dropout_hidden: float = option(0.8, "dropout before the head's second layer")
    augment: Augmentation = option(
        "paper", "paper (its seven operations), fast (five of them, a whole batch at once: for small pictures) or none"
    )
    epochs: int = option(31, "passes over the training faces")
    batch_size: int = option(64, "faces a step, over all devices")
    lr: float = option(1e-4, "learning rate of Adam")
    schedule: Schedule = option(
        "constant", "course of the learning rate: constant, or cycle (rises for a fifth of the epochs, then falls to 0)"
    )
    keep: Keep = option("best", "which weights to keep: best (validation accuracy) or last")
    losses: LossSource = option(
        "training", "per-example losses from the training pass itself, or from a clean pass after each epoch"
    )
    seed: int = option(0, "of weights, order, augmentation and dropout")
    precision: Precision = option("auto", "auto (bf16 where the hardware has it), 32 or bf16")
    removal: RemovalSettings = field(default_factory=RemovalSettings)

    def __post_init__(self) -> None:
        check_choice("preset", self.preset_name, tuple(PRESETS))
        if not isinstance(self.backbone, str) or not isinstance(self.weights, str | None):
            raise InputError(f"backbone and weights must be text, got {self.backbone!r} and {self.weights!r}")
        if not isinstance(self.backbone_options, Mapping):
            raise InputError(f"backbone-options must be a mapping of names to values, got {self.backbone_options!r}")
        check_choice("augment", self.augment, get_args(Augmentation))
        check_choice("schedule", self.schedule, get_args(Schedule))
        check_choice("keep", self.keep, get_args(Keep))
        check_choice("losses", self.losses, get_args(LossSource))
        check_choice("precision", self.precision, get_args(Precision))
        check_range("image_size", self.image_size, 32, 1024, whole=True)
        check_range("hidden", self.hidden, 1, 65536, whole=True)
        check_range("dropout_features", self.dropout_features, 0, 0.99)
        check_range("dropout_hidden", self.dropout_hidden, 0, 0.99)
        check_range("epochs", self.epochs, 1, 100_000, whole=True)
        check_range("batch_size", self.batch_size, 2, 65536, whole=True)
        check_range("lr", self.lr, 1e-9, 10)
        check_range("seed", self.seed, 0, 2**31 - 1, whole=True)
        if not isinstance(self.pretrained, bool):
            raise InputError(f"pretrained must be true or false, got {self.pretrained!r}")

    @classmethod
    def preset(cls, name: str, changes: Mapping[str, Any] | None = None) -> Self:
        """Return a preset with some values changed; `changes["removal"]` is a rule's name or a mapping.

        Raises:
            InputError: for an unknown preset, an unknown setting (the near ones are named) or a bad value.

        >>> TrainSettings.preset("paper", {"epochs": 2, "removal": {"rule": "wang", "k": 2}}).removal.k
        2
        """
        check_choice("preset", name, tuple(PRESETS))
        values = PRESETS[name] | dict(changes or {})
        own = _removal(values.pop("removal", {}))
        removal = {**_removal(PRESETS[name].get("removal", {})), **own}
        _known(values, cls, "setting")
        _known(removal, RemovalSettings, "removal setting")
        rule = removal.pop("rule", "wang")
        numbers = _numbers(values, cls)
        if rule == "two-modes" and "epoch" not in own:
            removal["epoch"] = _late(numbers.get("epochs", cls.epochs))
        return cls(preset_name=name, removal=removal_preset(rule, **_numbers(removal, RemovalSettings)), **numbers)

    @classmethod
    def read(cls, file: Path, changes: Mapping[str, Any] | None = None) -> Self:
        """Read settings from a YAML file; `changes` (the command line's) win over it.

        Raises:
            InputError: if the file is missing, too large, no YAML, or names what is no setting.
        """
        return cls.preset(*merge(load_yaml(file), changes or {}))

    @property
    def starts_from_face(self) -> bool:
        """Whether training starts from the network that comes with bimodal."""
        return self.backbone == FACE and self.pretrained and self.weights is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as `config.yaml` holds them; `from_dict` is the way back."""
        values = asdict(self)
        return {"preset": values.pop("preset_name"), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild settings from `to_dict`; further keys (version, data) are ignored.

        Raises:
            InputError: if a value is missing or bad.
        """
        names = {f.name for f in fields(cls)} - {"preset_name", "removal"}
        values = {"backbone_options": {}, **values}  # runs of version 0.1 have none
        try:
            removal = RemovalSettings(**values["removal"])
            return cls(preset_name=values["preset"], removal=removal, **{name: values[name] for name in names})
        except (KeyError, TypeError) as error:
            raise InputError(
                f"the run's configuration lacks or does not know {error}; was it written by bimodal train?"
            ) from error

    def with_seed(self, seed: int) -> Self:
        """Return the same settings with another seed."""
        return replace(self, seed=seed)


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "backbone": "test_resnet",  # 0.4 million weights; in spite of its name the best that we found for its cost
        "pretrained": False,
        "image_size": 80,
        "hidden": 128,
        "dropout_features": 0.2,
        "dropout_hidden": 0.2,
        "epochs": 20,
        "batch_size": 16,
        "lr": 2e-3,
        "schedule": "cycle",
        "removal": {"epoch": 12},  # from random weights the wrong labels stand out later
    },
    "face": {
        "backbone": FACE,
        "image_size": 48,
        "hidden": 128,
        "dropout_features": 0.2,
        "dropout_hidden": 0.2,
        "augment": "fast",
        "epochs": 15,
        "batch_size": 32,
        "lr": 1e-3,
        "schedule": "cycle",
        "removal": {"epoch": 6},
    },
}
"""`paper`: the paper's recipe. `small`: for a laptop without a GPU or without the hub. `face`: the network that comes with
bimodal and knows faces already, trained on; both download nothing."""


def _late(epochs: Any) -> int:
    """Return the epoch after which `two-modes` looks: before, a young network contradicts too many right labels."""
    return max(1, round(TWO_MODES_SHARE * epochs)) if isinstance(epochs, int) else 1  # what else it is, is said later


def load_yaml(file: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises:
        InputError: if the file is missing, larger than 1 MiB, or no mapping.
    """
    if not file.is_file():
        raise InputError(f"--config must be a YAML file, but there is none at {file}")
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"--config {file} is larger than 1 MiB; that is no file of settings")
    try:
        values = plain_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"--config {file} is not readable as YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"--config {file} must hold settings as 'name: value', got a {type(values).__name__}")
    return {key.replace("-", "_"): value for key, value in values.items()}


def merge(file: Mapping[str, Any], line: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Merge a file's settings with the command line's, which win; return the preset's name and the changes."""
    removal = {**_removal(file.get("removal", {})), **_removal(line.get("removal", {}))}
    values = {**file, **line}
    preset = values.pop("preset", "paper")
    # config.yaml of a run can be given as a file of settings: what only describes that run is left out
    for key in ("bimodal", "data"):
        values.pop(key, None)
    if removal:
        values["removal"] = removal
    return preset, values


def _removal(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"rule": value}
    if isinstance(value, Mapping):
        return {str(key).replace("-", "_"): number for key, number in value.items()}
    raise InputError(f"removal must be one of {', '.join(REMOVAL_PRESETS)}, or a mapping, got {value!r}")


def _known(values: Mapping[str, Any], settings: type, what: str) -> None:
    names = [f.name for f in fields(settings) if f.name not in ("preset_name", "removal")]
    for key in values:
        if key not in names:
            near = get_close_matches(key, names, n=3)
            raise InputError(
                f"unknown {what} {key!r}; {'near it: ' + ', '.join(near) if near else 'known: ' + ', '.join(names)}"
            )


def _numbers(values: Mapping[str, Any], settings: type) -> dict[str, Any]:
    """Read "1e-4" as the number that it is: YAML takes it for text, since it has no point."""
    floats = {f.name for f in fields(settings) if isinstance(f.default, float)}
    result = dict(values)
    for key in floats & values.keys():
        try:
            result[key] = float(values[key]) if isinstance(values[key], str) else values[key]
        except ValueError:
            raise InputError(f"{key.replace('_', '-')} must be a number, got {values[key]!r}") from None
    return result
