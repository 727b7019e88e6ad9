"""Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels in the same run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # "as": type checkers take these names for public
    from bimodal.data.prepare import prepare as prepare
    from bimodal.errors import InputError as InputError
    from bimodal.inference.embed import embed as embed
    from bimodal.inference.load import load as load
    from bimodal.inference.predict import predict as predict
    from bimodal.label_audit.audit import audit as audit
    from bimodal.removal import LossLedger as LossLedger
    from bimodal.removal import Remover as Remover
    from bimodal.removal import find_label_issues as find_label_issues
    from bimodal.removal import get_label_quality_scores as get_label_quality_scores
    from bimodal.runs.run import Run as Run
    from bimodal.training.callback import BimodalDistributionRemoval as BimodalDistributionRemoval
    from bimodal.training.evaluate import evaluate as evaluate
    from bimodal.training.settings import TrainSettings as TrainSettings
    from bimodal.training.train import train as train
    from bimodal.version import __version__ as __version__

_MODULES = {
    "prepare": "data.prepare",
    "train": "training.train",
    "evaluate": "training.evaluate",
    "audit": "label_audit.audit",
    "embed": "inference.embed",
    "predict": "inference.predict",
    "load": "inference.load",
    "Run": "runs.run",
    "TrainSettings": "training.settings",
    "find_label_issues": "removal",
    "get_label_quality_scores": "removal",
    "BimodalDistributionRemoval": "training.callback",
    "LossLedger": "removal",
    "Remover": "removal",
    "InputError": "errors",
    "__version__": "version",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:  # imported on first use: most of these load large libraries
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
