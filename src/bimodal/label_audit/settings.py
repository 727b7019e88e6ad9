"""How an audit judges labels, and the recipes of its trainings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from bimodal.errors import InputError
from bimodal.settings import check_fields, option

if TYPE_CHECKING:
    from bimodal.training.settings import TrainSettings

Method = Literal["features", "thorough", "training"]
IMAGE_SIZE = 48
THOROUGH: dict[str, Any] = {
    "preset": "face",
    "image_size": 48,
    "head_start": "random",  # a head fitted to all labels would know the wrong ones from the start
    "hidden": 128,
    "dropout_features": 0.2,
    "dropout_hidden": 0.2,
    "epochs": 6,
    "lr": 1e-3,
    "mirror": False,
}
"""The training of a thorough audit: the packaged network, fine-tuned for so few epochs that it memorises few labels."""
_COMMON: dict[str, Any] = {
    "augment": "fast",
    "keep": "last",  # validation chooses nothing, so wrong validation labels do no harm
    "removal": "none",  # one training judges all labels
}
_BY_SIZE: tuple[tuple[int, dict[str, Any]], ...] = (
    (2_500, {"epochs": 16, "batch_size": 32, "lr": 2e-3}),
    (10_000, {"epochs": 10, "batch_size": 64, "lr": 3e-3}),
)
_LARGER: dict[str, Any] = {"epochs": 8, "batch_size": 128, "lr": 3e-3}


@dataclass(frozen=True)
class AuditSettings:
    """How an audit judges labels.

    Raises:
        InputError: a value outside its range; the message names the option.

    >>> AuditSettings().method, AuditSettings.from_dict({"method": "thorough"}).seed
    ('features', 0)
    """

    method: Method = "features"
    """How: `features`, a logistic regression on features of a frozen network, in seconds; `thorough`, also a short training
    of the packaged network; `training`, one training of a small network from random weights, without features."""
    model: str | None = option(
        None,
        "network that gives the features: a run folder, a published folder, an .onnx file, or a Hugging Face repository "
        "owner/name (default: the network that comes with bimodal)",
    )
    backbone: str | None = option(
        None, "in place of --model, a backbone of timm that gives the features, for pictures of anything"
    )
    weights: str | None = option(
        None, "file of weights for --backbone (default: its pretrained weights from the Hugging Face hub, fetched once)"
    )
    image_size: int = option(224, "side of the input of --backbone, in pixels, 32 to 1024", 32, 1024)
    seed: int = option(0, "random seed for folds, simulated labels and trainings, at least 0", 0, 2**31 - 1)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Training settings that replace those of the recipe, such as `{"epochs": 3}` or `{"preset": "small"}`; not used by the
    method `features`."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.recipe, Mapping):
            raise InputError(f"the recipe must be a mapping of training settings, got {self.recipe!r}")
        if self.recipe and self.method == "features":
            raise InputError("training settings need --thorough or --training: features alone train no network")
        if self.method == "training" and (self.model or self.backbone or self.weights):
            raise InputError("--model, --backbone and --weights name a network for features, and --training uses none")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return settings from a mapping of those that differ from the defaults.

        Raises:
            InputError: an unknown name, or a value outside its range.
        """
        known = [each.name for each in fields(cls)]
        unknown = values.keys() - set(known)
        if unknown:
            raise InputError(f"unknown setting {min(unknown)!r} of an audit; known: {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` reads them."""
        return asdict(self)

    def training(self, faces: int) -> "TrainSettings":
        """Return the settings of the audit's training; it never removes an example.

        Args:
            faces: number of training faces.

        Raises:
            InputError: the recipe has an unknown setting, or one outside its range.
        """
        from dataclasses import replace

        from bimodal.removal import RemovalSettings
        from bimodal.training.settings import TrainSettings

        changes = {"seed": self.seed, **self.recipe}
        if self.method == "thorough":
            batch_size = min(32, max(2, faces // 4))
            settings = TrainSettings.load(changes={**THOROUGH, "batch_size": batch_size, **changes})
        else:
            settings = audit_settings(faces, changes=changes)
        return replace(settings, removal=RemovalSettings(rule="none"))


def audit_settings(
    faces: int, image_size: int = IMAGE_SIZE, changes: Mapping[str, Any] | None = None
) -> "TrainSettings":
    """Return the settings of a training from random weights: fewer epochs for more faces, so that it memorises few labels.

    Args:
        faces: number of training faces.
        image_size: side of the network's input, in pixels.
        changes: settings that replace those of the recipe. With a `preset` among them, they change that preset instead.

    Raises:
        InputError: a change is unknown or outside its range.

    >>> audit_settings(891).epochs, audit_settings(50_000).batch_size
    (16, 128)
    >>> audit_settings(891, changes={"epochs": 3}).epochs, audit_settings(891, changes={"preset": "face"}).epochs
    (3, 8)
    """
    from bimodal.training.settings import TrainSettings

    recipe = next((recipe for limit, recipe in _BY_SIZE if faces <= limit), _LARGER)
    batch_size = min(recipe["batch_size"], max(2, faces // 4))
    start = TrainSettings.preset("small", {**_COMMON, **recipe, "batch_size": batch_size, "image_size": image_size})
    return TrainSettings.load(changes=dict(changes or {}), start=start)
