"""Training: a run folder out of a data folder, and the callback that brings removal to anybody's Lightning training."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bimodal.train.callback import BimodalDistributionRemoval
    from bimodal.train.fitting import fit
    from bimodal.train.run import Run
    from bimodal.train.settings import TrainSettings

__all__ = ["BimodalDistributionRemoval", "Run", "TrainSettings", "fit"]

_HOMES = {"BimodalDistributionRemoval": "callback", "fit": "fitting", "Run": "run", "TrainSettings": "settings"}


def __getattr__(name: str) -> Any:  # loaded when first asked for: settings and runs need no torch
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
