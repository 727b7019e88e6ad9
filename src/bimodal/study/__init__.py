"""Studies: many methods on the same faces, with several seeds, and what may be concluded from them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bimodal.study.options import StudyOptions
    from bimodal.study.reproduction import reproduce

__all__ = ["StudyOptions", "reproduce"]

_HOMES = {"StudyOptions": "options", "reproduce": "reproduction"}


def __getattr__(name: str) -> Any:  # loaded when first asked for: the list of methods needs no torch
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
