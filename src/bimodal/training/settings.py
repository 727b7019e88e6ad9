"""The settings of a training run; the defaults are the paper's recipe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

import yaml

from bimodal.errors import InputError
from bimodal.model_files.packaged import FACE
from bimodal.removal import RULES, RemovalSettings
from bimodal.settings import check_choice, check_fields, option, plain_yaml

_MAX_BYTES = 2**20


@dataclass(frozen=True)
class TrainSettings:
    """What to train and how; the same settings, data, versions and device give the same result.

    Raises:
        InputError: a value is of the wrong type or outside its range; the message names the option.

    >>> TrainSettings().epochs, TrainSettings.preset("small").backbone
    (31, 'test_resnet')
    """

    preset_name: str = option("paper", "")
    backbone: str = option("resnet50.tv_in1k", f"network under the head: a model name of timm, or {FACE}")
    backbone_options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of timm for the backbone, such as `{"drop_path_rate": 0.1}`; can be set in a settings file only."""
    pretrained: bool = option(
        True, f"start from pretrained weights (downloaded once; those of {FACE} are included) or from random weights"
    )
    weights: str | None = option(
        None, "start the backbone from this file of weights: .safetensors, or .pth that loads without running code"
    )
    image_size: int = option(224, "side of the network's input in pixels, 32 to 1024", 32, 1024)
    fit: Literal["gradient", "probe"] = option(
        "gradient",
        "how the weights are fitted: gradient (training over epochs), or probe (a logistic regression on the features of the "
        "frozen backbone, in seconds; options of the epochs, such as the learning rate, have no effect)",
    )
    head_start: Literal["random", "probe"] = option(
        "random",
        "initial weights of the head: random, or probe (a logistic regression on the features of the backbone before training; "
        "the first steps then do not damage pretrained features; needs --hidden 0)",
    )
    hidden: int = option(512, "width of the head's hidden layer, 0 (a linear head) to 65536", 0, 65536)
    dropout_features: float = option(0.6, "dropout rate before the head's first layer, 0 to 0.99", 0, 0.99)
    dropout_hidden: float = option(0.8, "dropout rate before the head's second layer, 0 to 0.99", 0, 0.99)
    augment: Literal["paper", "fast", "none"] = option(
        "paper",
        "augmentation of training faces: paper (its seven operations on each face), fast (five of them on a whole batch at "
        "once, for small pictures) or none",
    )
    epochs: int = option(31, "number of training epochs, 1 to 100000", 1, 100_000)
    batch_size: int = option(64, "faces in a batch, over all devices together, 2 to 65536", 2, 65536)
    lr: float = option(1e-4, "highest learning rate of Adam, 1e-9 to 10", 1e-9, 10)
    layer_decay: float = option(
        1.0,
        "learning rate of each stage of the backbone as a share of that of the stage above, 0.01 to 1; the head has the full "
        "rate; below 1, the first stages keep more of their pretraining",
        0.01,
        1,
    )
    schedule: Literal["constant", "cycle"] = option(
        "constant", "learning rate by epoch: constant, or cycle (rises for a fifth of the epochs, then falls to 0)"
    )
    label_smoothing: float = option(
        0.0,
        "share of each training label that is spread over all emotions, 0 to 0.9; wrong labels and rare confident errors then "
        "weigh less",
        0,
        0.9,
    )
    mixup: float = option(
        0.0,
        "train on mixtures of two faces and of their labels, with shares from Beta(MIXUP, MIXUP); 0 (off) to 10; delays "
        "memorising wrong labels; takes about a third more time",
        0,
        10,
    )
    ema: float = option(
        0.0,
        "decay of an exponential moving average of the weights, by step; the averaged weights are validated and kept; 0 (off) "
        "to 0.9999; they vary less from epoch to epoch",
        0,
        0.9999,
    )
    balance: Literal["none", "loss", "sampling"] = option(
        "none",
        "help for rare emotions: none, loss (a face weighs more, the fewer training faces have its label) or sampling (each "
        "epoch draws all emotions equally often, with repeats; needs --losses clean)",
    )
    mirror: bool = option(
        False,
        "average the logits of each face and its mirror image in validation, evaluation and prediction; takes twice as long there",
    )
    keep: Literal["best", "last"] = option(
        "best", "weights to keep: best (of the epoch with the highest validation accuracy) or last (of the last epoch)"
    )
    losses: Literal["training", "clean"] = option(
        "training",
        "source of the per-example losses: training (the training pass itself, without dropout) or clean (a second pass "
        "after each epoch, without dropout and augmentation)",
    )
    seed: int = option(0, "random seed for weights, data order, augmentation and dropout, from 0", 0, 2**31 - 1)
    precision: Literal["auto", "32", "bf16"] = option(
        "auto",
        "precision: 32, bf16 (mixed with 32), or auto (bf16 where the device computes it natively and, on a CPU, a few "
        "steps of this network are faster with it; measured once, and recorded in environment.json)",
    )
    removal: RemovalSettings = field(default_factory=RemovalSettings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", str(self.precision))  # YAML reads `precision: 32` as a number
        check_choice("preset", self.preset_name, PRESETS)
        check_fields(self)
        if self.fit == "probe" and (self.hidden or self.backbone_options):
            raise InputError("--fit probe needs a linear head, --hidden 0, and no backbone-options")
        if self.balance == "sampling" and self.losses != "clean" and self.fit == "gradient":
            raise InputError("--balance sampling needs --losses clean: an epoch then does not train on every face")
        if self.head_start == "probe" and (self.hidden or self.backbone_options):
            raise InputError("--head-start probe needs a linear head, --hidden 0, and no backbone-options")
        if self.head_start == "probe" and not self.pretrained and self.weights is None:
            raise InputError(
                "--head-start probe needs a pretrained backbone: give --weights, or leave out --no-pretrained"
            )
        if not isinstance(self.backbone_options, Mapping):
            raise InputError(f"backbone-options must be a mapping of names to values, got {self.backbone_options!r}")

    @classmethod
    def preset(cls, name: str, changes: Mapping[str, Any] | None = None) -> Self:
        """Return a preset (`paper`, `small`, `face` or `probe`) with some values changed.

        `changes` are settings by name; `removal` is a rule's name or a mapping of removal settings.

        Raises:
            InputError: the preset or a setting is unknown (similar names are listed), or a value is bad.

        >>> TrainSettings.preset("paper", {"epochs": 2, "removal": {"rule": "wang", "k": 2}}).removal.k
        2
        """
        check_choice("preset", name, PRESETS)
        values = PRESETS[name] | dict(changes or {})
        changed = _removal(values.pop("removal", {}))
        removal = _checked(_removal(PRESETS[name].get("removal", {})) | changed, RemovalSettings, "removal setting")
        values = _checked(values, cls, "setting")
        rule = removal.pop("rule", "wang")
        check_choice("removal", rule, RULES)
        share, epochs = RULES[rule].default_epoch_share, values.get("epochs", cls.epochs)
        if share is not None and "epoch" not in changed and isinstance(epochs, int):
            removal["epoch"] = max(1, round(share * epochs))
        return cls(preset_name=name, removal=RemovalSettings.preset(rule, **removal), **values)

    @classmethod
    def load(
        cls,
        preset: str | None = None,
        file: str | Path | None = None,
        changes: Mapping[str, Any] | None = None,
        start: "TrainSettings | None" = None,
    ) -> Self:
        """Return settings from a preset, a YAML file and single changes; each wins over the one before.

        Args:
            preset: name of the preset; by default the one that `changes` or the file names, or else `paper`.
            file: a YAML file of settings; `config.yaml` of a run can be given, too.
            changes: settings by name, as in `preset`. Another removal rule starts from its own defaults.
            start: the settings to change where no preset is named, in place of the preset `paper`.

        Raises:
            InputError: the file is missing, too large or not YAML, a name is unknown or a value is bad.
        """
        layers = [load_yaml(file) if file else {}, changes or {}, {"preset": preset} if preset else {}]
        if start is not None and not any("preset" in layer for layer in layers):
            layers.insert(0, start.to_dict())
        values: dict[str, Any] = {}
        removal: dict[str, Any] = {}
        for layer in layers:
            values |= layer
            changed = _removal(layer.get("removal", {}))
            if "rule" in changed and "rule" in removal and changed["rule"] != removal["rule"]:
                removal = {}  # another rule starts from its own defaults
            removal |= changed
        for key in ("bimodal", "data"):  # a run's config.yaml also holds its version and its data folder
            values.pop(key, None)
        return cls.preset(values.pop("preset", "paper"), values | ({"removal": removal} if removal else {}))

    @property
    def starts_from_face(self) -> bool:
        """Whether training starts from the pretrained network that comes with bimodal."""
        return self.backbone == FACE and self.pretrained and self.weights is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values as in `config.yaml`; `from_dict` reads them."""
        values = asdict(self)
        return {"preset": values.pop("preset_name"), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that `to_dict` wrote; other keys (version, data) are ignored."""
        names = {f.name for f in fields(cls)} - {"preset_name", "removal"}
        try:
            removal = RemovalSettings(**values["removal"])
            return cls(preset_name=values["preset"], removal=removal, **{name: values[name] for name in names})
        except (KeyError, TypeError) as error:
            raise InputError(f"the run's config.yaml lacks a setting or has an unknown one: {error}") from error


_SMALL_HEAD = {"hidden": 128, "dropout_features": 0.2, "dropout_hidden": 0.2}
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "backbone": "test_resnet",  # 0.4 million weights; the most accurate of those that cost as little
        "pretrained": False,
        "image_size": 80,
        **_SMALL_HEAD,
        "epochs": 20,
        "batch_size": 16,
        "lr": 2e-3,
        "schedule": "cycle",
        "removal": {"epoch": 12},  # a network with random initial weights separates wrong labels later
    },
    "face": {
        "backbone": FACE,
        "image_size": 44,  # that of its pretraining
        "head_start": "probe",
        "hidden": 0,
        "dropout_features": 0.5,
        "dropout_hidden": 0.0,
        "augment": "fast",
        "epochs": 8,
        "batch_size": 32,
        "lr": 3e-4,
        "schedule": "cycle",
        "keep": "last",  # the best epoch often comes before the removal
        "mirror": True,
        "removal": {"epoch": 5},
    },
    "probe": {
        "backbone": FACE,
        "image_size": 44,
        "fit": "probe",
        "hidden": 0,
        "dropout_features": 0.0,
        "dropout_hidden": 0.0,
        "augment": "none",
        "epochs": 1,
        "batch_size": 32,
        "keep": "last",
        "mirror": True,  # as its features are averaged
        "removal": {"rule": "none", "epoch": 1},
    },
}
"""`paper`: the paper's recipe. `small`: a small network from random weights, for a laptop. `face`: fine-tune the network that
comes with bimodal and was pretrained on faces. `probe`: its frozen features under a logistic regression, in seconds. The last
three download nothing."""


def load_yaml(file: str | Path) -> dict[str, Any]:
    """Read a mapping from a YAML file; raise an `InputError` if the file is missing, too large or something else."""
    file = Path(file)
    if not file.is_file():
        raise InputError(f"--config must be a YAML file, but there is none at {file}")
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"--config must be a file of at most 1 MiB, but {file} is larger")
    try:
        values = plain_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"--config {file} is not readable as YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"--config {file} must hold settings as 'name: value', got a {type(values).__name__}")
    return {key.replace("-", "_"): value for key, value in values.items()}


def _removal(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"rule": value}
    if isinstance(value, Mapping):
        return {str(key).replace("-", "_"): number for key, number in value.items()}
    raise InputError(f"removal must be one of {', '.join(RULES)}, or a mapping, got {value!r}")


def _checked(values: Mapping[str, Any], settings: type, what: str) -> dict[str, Any]:
    """Check the names of settings, and convert numbers that YAML reads as text: `1e-4` has no decimal point."""
    defaults = {f.name: f.default for f in fields(settings) if f.name not in ("preset_name", "removal")}
    result = dict(values)
    for key, value in values.items():
        if key not in defaults:
            near = get_close_matches(key, defaults, n=3)
            names = f"similar: {', '.join(near)}" if near else f"known: {', '.join(defaults)}"
            raise InputError(f"unknown {what} {key!r}; {names}")
        if isinstance(value, str) and isinstance(defaults[key], float):
            try:
                result[key] = float(value)
            except ValueError:
                raise InputError(f"{key.replace('_', '-')} must be a number, got {value!r}") from None
    return result
