"""Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels in the same run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bimodal.version import __version__

if TYPE_CHECKING:
    from bimodal.data.prepare import prepare
    from bimodal.errors import InputError
    from bimodal.inference.load import load
    from bimodal.inference.predict import predict
    from bimodal.label_audit.audit import audit
    from bimodal.removal import LossLedger, Remover, find_label_issues, get_label_quality_scores
    from bimodal.runs.run import Run
    from bimodal.training.callback import BimodalDistributionRemoval
    from bimodal.training.evaluate import evaluate
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train

__all__ = [
    "BimodalDistributionRemoval",
    "InputError",
    "LossLedger",
    "Remover",
    "Run",
    "TrainSettings",
    "__version__",
    "audit",
    "evaluate",
    "find_label_issues",
    "get_label_quality_scores",
    "load",
    "predict",
    "prepare",
    "train",
]

_MODULES = {
    "BimodalDistributionRemoval": "training.callback",
    "InputError": "errors",
    "LossLedger": "removal",
    "Remover": "removal",
    "Run": "runs.run",
    "TrainSettings": "training.settings",
    "audit": "label_audit.audit",
    "evaluate": "training.evaluate",
    "find_label_issues": "removal",
    "get_label_quality_scores": "removal",
    "load": "inference.load",
    "predict": "inference.predict",
    "prepare": "data.prepare",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:  # imported on first use: most of these load large libraries
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
