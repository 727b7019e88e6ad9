"""A report on validation and test labels; these labels are never changed."""

import numpy as np
import pandas as pd
import torch

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.predict import load_model, predict
from bimodal.training.settings import TrainSettings


def rank_other_splits(run: Run, manifest: Manifest, device: torch.device) -> pd.DataFrame:
    """Return `image,split,label,loss,suggested,confidence` of validation and test faces, highest log-odds first.

    Args:
        run: the training of the audit.
        manifest: its faces.
        device: where to compute the predictions.

    Raises:
        InputError: there are no validation and test faces, or a picture cannot be read.
    """
    rows = np.concatenate([manifest.rows("val"), manifest.rows("test")])
    if not len(rows):
        raise InputError(f"{manifest.root} has no validation or test faces to report on")
    predictions = predict(load_model(run), manifest, rows, TrainSettings.from_dict(run.config), device)
    pred_probs = predictions[PROBABILITIES].to_numpy(dtype=np.float64)
    given = np.arange(len(NAMES)) == manifest.labels[rows][:, None]
    log_given = np.log(np.maximum(pred_probs[given], 1e-12))
    others = np.where(given, -1, pred_probs)
    confidence = others.max(axis=1)
    table = pd.DataFrame(
        {
            "image": predictions["image"].to_numpy(),
            "split": manifest.table["split"].to_numpy()[rows],
            "label": predictions["label"].to_numpy(),
            "loss": -log_given.round(4),
            "suggested": np.array(NAMES, dtype=object)[others.argmax(axis=1)],
            "confidence": confidence.round(4),
        }
    )
    return table.iloc[np.argsort(log_given - np.log(confidence), kind="stable")]
