"""Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels meanwhile."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bimodal.inference.load import load
    from bimodal.inference.predict import predict
    from bimodal.removal import find_label_issues

__all__ = ["__version__", "find_label_issues", "load", "predict"]
__version__ = version("bimodal")


_HOMES = {"find_label_issues": "removal", "load": "inference.load", "predict": "inference.api"}


def __getattr__(name: str) -> Any:  # loaded when first asked for: each brings libraries of its own
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
