"""A timm backbone under the paper's head."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from difflib import get_close_matches
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from bimodal.errors import InputError
from bimodal.model_files.packaged import FACE, PACKAGED_PREFIX
from bimodal.models.face_net import FaceNet
from bimodal.models.head import build_head

_READS = ("checkpoint", "pretrained", "cache", "features_only", "num_classes", "hf_", "scriptable", "exportable")
"""Parts of the names of timm arguments that load a network or change its output, instead of shaping it."""
_PLAIN = (bool, int, float, str, type(None))
_LARGEST_OPTION = 8192
_MOST_WEIGHTS = 2 * 10**9


class EmotionClassifier(nn.Module):
    """Computes seven logits of a picture: `backbone` (pooled features) and `head`, which can be called separately.

    Args:
        name: a model name of timm, `resnet50.tv_in1k` in the paper, or `bimodal/face-s`. The weights are random;
            `weights.load_into` loads pretrained ones.
        hidden, dropout_features, dropout_hidden: see `build_head`.
        image_size: S, the side of the square pictures in pixels.
        options: further arguments of timm for this backbone, such as `{"drop_path_rate": 0.1}`.

    Raises:
        InputError: timm does not know the name (similar names are listed), the backbone does not have an option, or it
            cannot process pictures of this size.
    """

    def __init__(
        self,
        name: str,
        hidden: int = 512,
        dropout_features: float = 0.6,
        dropout_hidden: float = 0.8,
        image_size: int = 224,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = build_backbone(name, image_size, options)
        features = _count_features(self.backbone, name, image_size)
        self.head = build_head(features, hidden, dropout_features, dropout_hidden)

    def forward(self, images: Tensor) -> Tensor:  # (B,3,S,S) -> (B,7)
        return self.embed(images)[1]

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:  # (B,3,S,S) -> (B,F), (B,7)
        """Return pooled features and logits of one pass."""
        features: Tensor = self.backbone(images)
        return features, self.head(features)


def build_backbone(name: str, image_size: int, options: Mapping[str, Any] | None = None) -> nn.Module:
    """Return a backbone with random weights, from pictures (B,3,S,S) to pooled features (B,F); see `EmotionClassifier`."""
    options = options or {}
    if name.startswith(PACKAGED_PREFIX):
        if name != FACE or options:
            raise InputError(
                f"--backbone: the only network of bimodal is {FACE}, without options; got {name!r} {options or ''}"
            )
        return FaceNet()
    if not timm.is_model(name):
        near = get_close_matches(name.split(".")[0], timm.list_models(), n=4)
        hint = f"; similar: {', '.join(near)}" if near else ""
        raise InputError(f"--backbone must be {FACE} or a model of timm, got {name!r}{hint}")
    architecture = name.split(".")[0]
    _check_options(architecture, options)

    def build(**size: int) -> nn.Module:
        with _bounded() if options else nullcontext():
            return timm.create_model(architecture, pretrained=False, num_classes=0, **size, **options)  # type: ignore[no-any-return]

    def build_for_size() -> nn.Module:
        try:
            return build(img_size=image_size)  # transformers are built for one size
        except TypeError:  # most other backbones have no such argument
            return build()

    try:
        if options:
            with (
                suppress(RuntimeError, NotImplementedError),
                torch.device("meta"),
            ):  # counts weights without making them
                build_for_size()
        return build_for_size()
    except Exception as error:  # the type of the error depends on the backbone
        if not options:
            raise
        raise InputError(f"backbone-options {dict(options)} do not fit {architecture}: {error}") from error


@contextmanager
def _bounded() -> Iterator[None]:
    """Stop building a network that its options make too large, before it fills the memory."""
    count = 0

    def add(_module: nn.Module, _name: str, parameter: nn.Parameter) -> None:
        nonlocal count
        count += parameter.numel()
        if count > _MOST_WEIGHTS:
            raise InputError(f"the network would have more than {_MOST_WEIGHTS:,} weights")

    handle = register_module_parameter_registration_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _check_options(architecture: str, options: Mapping[str, Any]) -> None:
    """Allow only options that shape the network: a downloaded run is not trusted, and some arguments of timm read files."""
    for name, value in options.items():
        values = value if isinstance(value, list | tuple) else [value]
        shapes = not any(word in name for word in _READS) and all(isinstance(v, _PLAIN) for v in values)
        if not shapes or any(isinstance(v, int | float) and abs(v) > _LARGEST_OPTION for v in values):
            raise InputError(
                f"backbone-options: {name}={value!r} is not allowed; expected plain values that shape {architecture}"
            )


def _count_features(backbone: nn.Module, name: str, image_size: int) -> int:
    """Count the features by a forward pass: `num_features` of some backbones (VGG) is not the width of their output."""
    backbone.eval()
    try:
        with torch.no_grad():
            pooled = backbone(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        reason = f"({str(error).splitlines()[0]}); try another --image-size"
        raise InputError(f"{name} cannot process pictures of {image_size} pixels {reason}") from error
    finally:
        backbone.train()
    return int(pooled.shape[1])


def describe(model: EmotionClassifier, image_size: int) -> list[dict[str, Any]]:
    """Return the stages of a classifier in the order of a forward pass of a blank picture (paper, figure 4).

    For each: name, kind of module, its arguments (`detail`), shape of its output, and number of parameters.
    """
    stages: list[dict[str, Any]] = []

    def record(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                stage = {"name": name, "kind": type(module).__name__}
                detail = str(module).partition("(")[2].rstrip(")") if not list(module.children()) else ""
                count = sum(p.numel() for p in module.parameters())
                stages.append(stage | {"detail": detail, "output": tuple(output.shape[1:]), "parameters": count})

        return hook

    parts = {"backbone": model.backbone, "head": model.head}
    stages_of = [(f"{part}.{name}", stage) for part in parts for name, stage in parts[part].named_children()]
    handles = [
        stage.register_forward_hook(record(name)) for name, stage in stages_of if not isinstance(stage, nn.Identity)
    ]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, image_size, image_size))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return stages
