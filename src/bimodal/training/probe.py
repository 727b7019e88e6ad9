"""Training without gradients: the head is a logistic regression on the features of the frozen backbone."""

import hashlib
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from bimodal.data.manifest import Manifest
from bimodal.data.splits import linked_groups
from bimodal.emotions import NAMES
from bimodal.features.embedder import Embedder, packaged_embedder
from bimodal.features.probe import OutOfSample, Probe, out_of_sample
from bimodal.features.store import features_of
from bimodal.files import write_atomically, write_csv
from bimodal.model_files.info import MEAN, STD
from bimodal.models import EmotionClassifier
from bimodal.progress import inform
from bimodal.removal import Remover
from bimodal.runs.run import BEST
from bimodal.training.balance import class_weights
from bimodal.training.settings import TrainSettings

_FOLDS = 5
_MIN_PROBABILITY = 1e-9


def fit_probe(
    out: Path, manifest: Manifest, model: EmotionClassifier, settings: TrainSettings
) -> tuple[Remover, dict[int, tuple[int, float]]]:
    """Fit the head of a classifier, and write its weights and learning curves of one epoch to the run folder.

    The loss of a training example is that of its out-of-sample prediction, by folds; copies of a picture are in one fold.
    A removal rule is applied to these losses once, and the head is then fitted without the removed examples.

    Args:
        out: the run folder.
        manifest: the faces.
        model: its linear head is changed in place.
        settings: of the run.

    Returns:
        The remover, and for each removed example the predicted class and its probability.
    """
    start = time.perf_counter()
    found = features_of(manifest, _embedder(model, settings))
    rows, val_rows = manifest.rows("train"), manifest.rows("val")
    values, val_values = (np.asarray(found.values[part], dtype=np.float32) for part in (rows, val_rows))
    labels, val_labels = manifest.labels[rows], manifest.labels[val_rows]
    held_out = _out_of_sample(manifest, values, settings)
    every_label = np.full(len(manifest), -1, dtype=np.int64)
    every_label[rows] = labels
    remover = Remover(every_label, settings.removal)
    remover.update(rows, _losses(held_out.pred_probs, labels), np.log(held_out.pred_probs))
    step = remover.end_epoch()
    kept = remover.kept[rows]
    probe = _fit(values[kept], labels[kept], held_out.inverse_penalty, settings)
    _load_into(model, probe)
    write_atomically(out / BEST, lambda part: part.write_bytes(save(_state(model), metadata={"epoch": "1"})))
    val_probs = probe.predict(val_values)
    losses, val_losses = _losses(held_out.pred_probs, labels), _losses(val_probs, val_labels)
    row = {
        "epoch": 1,
        "step": 1,
        "train_loss": losses.mean(),
        "train_accuracy": (held_out.pred_probs.argmax(axis=1) == labels).mean(),
        "val_loss": val_losses.mean(),
        "val_accuracy": (val_probs.argmax(axis=1) == val_labels).mean(),
        "loss_mean": losses.mean(),
        "loss_variance": losses.var(),
        "examples": len(rows),
    }
    write_csv(out / "metrics.csv", pd.DataFrame([row]))
    write_csv(out / "steps.csv", pd.DataFrame([row])[["step", "epoch", "train_loss", "train_accuracy"]])
    seconds = round(time.perf_counter() - start, 3)
    write_csv(out / "seconds.csv", pd.DataFrame({"epoch": [1], "seconds": [seconds]}))
    inform(
        f"logistic regression on features of {settings.backbone}: out-of-sample accuracy {row['train_accuracy']:.3f}, "
        f"val accuracy {row['val_accuracy']:.3f}"
    )
    if step is None:
        return remover, {}
    inform(f"  removed {len(step.rows)} faces")
    positions = np.searchsorted(rows, step.rows)
    removed = held_out.pred_probs[positions]
    predictions = zip(removed.argmax(axis=1).tolist(), removed.max(axis=1).tolist(), strict=True)
    return remover, dict(zip(step.rows.tolist(), predictions, strict=True))


def start_head(manifest: Manifest, model: EmotionClassifier, settings: TrainSettings) -> None:
    """Set the linear head of a classifier to a logistic regression on the features of its backbone, before training.

    The gradients of a random head damage pretrained features in the first steps (Kumar et al. 2022, "Fine-tuning can distort
    pretrained features and underperform out-of-distribution").
    """
    values = np.asarray(features_of(manifest, _embedder(model, settings)).values[manifest.rows("train")], np.float32)
    held_out = _out_of_sample(manifest, values, settings)
    labels = manifest.labels[manifest.rows("train")]
    _load_into(model, _fit(values, labels, held_out.inverse_penalty, settings))
    accuracy = (held_out.pred_probs.argmax(axis=1) == labels).mean()
    inform(
        f"the head starts as a logistic regression on features of {settings.backbone}: out-of-sample accuracy {accuracy:.3f}"
    )


def _out_of_sample(manifest: Manifest, values: NDArray[np.float32], settings: TrainSettings) -> OutOfSample:
    """Predict the training faces by folds from their features; copies of a picture are in one fold."""
    rows = manifest.rows("train")
    copies = linked_groups([manifest.pixel_digests[row] for row in rows]).tolist()
    folds = min(_FOLDS, len(rows))
    return out_of_sample(values, manifest.labels[rows], len(NAMES), groups=copies, folds=folds, seed=settings.seed)


def _fit(
    values: NDArray[np.float32], labels: NDArray[np.int64], inverse_penalty: float, settings: TrainSettings
) -> Probe:
    """Fit a probe in which, with `--balance`, rare emotions weigh as much as the others."""
    weights = class_weights(labels, len(NAMES))[labels] if settings.balance != "none" else None
    return Probe.fit(values, labels, len(NAMES), inverse_penalty, weights)


def _embedder(model: EmotionClassifier, settings: TrainSettings) -> Embedder:
    """Return the frozen backbone as an embedder; the packaged network runs as ONNX, whose features an audit shares."""
    packaged = packaged_embedder()
    if settings.starts_from_face and settings.image_size == packaged.image_size:
        return packaged
    backbone = model.backbone.eval()

    @torch.inference_mode()
    def outputs(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features = backbone(torch.from_numpy(inputs)).float().numpy()
        return features, np.zeros((len(features), 0), np.float32)

    digest = hashlib.sha256(
        save({name: value for name, value in _state(model).items() if name.startswith("backbone.")})
    )
    return Embedder(settings.backbone, digest.hexdigest(), settings.image_size, MEAN, STD, (), outputs)


def _load_into(model: EmotionClassifier, probe: Probe) -> None:
    """Set the linear head to the probe, with the standardisation of the features folded into its weights."""
    weights = probe.weights / probe.scale[:, None]
    bias = np.maximum(probe.bias, -30.0) - probe.mean @ weights  # -30: a class without training examples
    linear = next(layer for layer in model.head.children() if isinstance(layer, torch.nn.Linear))
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights.T)))
        linear.bias.copy_(torch.from_numpy(bias.astype(np.float32)))


def _state(model: EmotionClassifier) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def _losses(pred_probs: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return -np.log(np.maximum(pred_probs[np.arange(len(labels)), labels], _MIN_PROBABILITY))
