"""Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels meanwhile."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bimodal.removal import find_label_errors

__all__ = ["__version__", "find_label_errors"]
__version__ = version("bimodal")


def __getattr__(name: str) -> Any:  # loaded when first asked for: numpy and scipy take a moment
    if name == "find_label_errors":
        from bimodal.removal import find_label_errors

        return find_label_errors
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
