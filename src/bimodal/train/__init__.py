"""Training: a run folder out of a data folder, and the callback that brings removal to anybody's Lightning training."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bimodal.train.callback import BimodalDistributionRemoval
    from bimodal.train.fit import fit
    from bimodal.train.run import Run
    from bimodal.train.settings import TrainSettings

__all__ = ["BimodalDistributionRemoval", "Run", "TrainSettings", "fit"]

_HOMES = {"BimodalDistributionRemoval": "callback", "fit": "fit", "Run": "run", "TrainSettings": "settings"}


def __getattr__(name: str) -> Any:  # loaded when first asked for: settings and runs need no torch
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # or the import would leave the module `fit` under the name of the function
    return value
