"""The trainings of a cell: each takes a data folder and writes one `.npz` file. Each function is a job."""

import shutil
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from bimodal.data.manifest import Manifest
from bimodal.data.views import write_view
from bimodal.emotions import NAMES
from bimodal.experiments.label_noise.detectors import DETECTORS
from bimodal.experiments.label_noise.evidence import fold_of, mean_margin, read_evidence
from bimodal.files import write_atomically
from bimodal.runs.run import Run
from bimodal.runs.tables import PROBABILITIES
from bimodal.training.datamodule import FaceData
from bimodal.training.module import EmotionModule
from bimodal.training.predict import build_classifier, load_model, predict
from bimodal.training.settings import TrainSettings
from bimodal.training.train import train

THRESHOLD_PERCENTILE = 99
"""Percentile of the margins in the threshold class (Pleiss et al. 2020, section 3.2)."""


class RecordLogits(pl.Callback):
    """Records the logits of each training face in each epoch, before the optimiser step on that face.

    Args:
        rows: (n,), the manifest rows of the faces, ascending.
        classes: number of logits.

    Attributes:
        seen: number of faces trained on, over all epochs.
    """

    def __init__(self, rows: NDArray[np.int64], classes: int = len(NAMES)) -> None:
        self.rows = rows
        self.classes = classes
        self.epochs: list[NDArray[np.float16]] = []
        self.seen = 0

    @property
    def logits(self) -> NDArray[np.float16]:
        """(epochs, n, classes) float16; NaN in the epochs that did not train on a face."""
        return np.stack(self.epochs)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(np.full((len(self.rows), self.classes), np.nan, dtype=np.float16))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        places = np.searchsorted(self.rows, batch["index"].cpu().numpy())
        self.epochs[-1][places] = outputs["logits"].detach().float().cpu().numpy()
        self.seen += len(places)


def train_plain(data: Path, out: Path, settings: TrainSettings) -> None:
    """Train on all faces, record the logits of each epoch, and test; `removed` holds the rows that a rule removed."""
    manifest = Manifest.read(data)
    _train(manifest, manifest.table, out, settings)


def retrain(data: Path, out: Path, settings: TrainSettings, method: str, relabel: bool) -> None:
    """Train without the faces that a method removes, or with the labels that it suggests for them, and test.

    Args:
        data: the data folder.
        out: the file to write; the evidence lies in its folder.
        settings: of the training.
        method: a name in `DETECTORS`.
        relabel: change the labels instead of removing the faces.
    """
    manifest = Manifest.read(data)
    detection = DETECTORS[method](read_evidence(out.parent, manifest, settings.seed))
    if detection.remove is None or (relabel and detection.suggested is None):
        raise ValueError(f"{method} does not decide which faces to remove, or does not suggest labels")
    table = manifest.table.copy()
    changed = manifest.rows("train")[detection.remove]
    if detection.suggested is not None and relabel:
        table.loc[changed, "label"] = np.array(NAMES, dtype=object)[detection.suggested[detection.remove]]
    else:
        table = table.drop(index=changed.tolist()).reset_index(drop=True)
    _train(manifest, table, out, settings)


def train_fold(data: Path, out: Path, settings: TrainSettings, fold: int) -> None:
    """Train on four fifths of the training faces and predict the others, for cleanlab."""
    manifest = Manifest.read(data)
    rows = manifest.rows("train")
    table = manifest.table.drop(index=manifest.rows("test").tolist())
    table.loc[rows[fold_of(manifest.labels[rows], settings.seed) == fold], "split"] = "test"
    _train(manifest, table.reset_index(drop=True), out, settings)


def train_threshold(data: Path, out: Path, settings: TrainSettings) -> None:
    """Train with an eighth of the faces in an additional class, to find the margin of wrong labels (AUM).

    A network can only memorise which faces are in the additional class, as with wrong labels, so their margins are those
    of wrong labels: Pleiss et al. 2020, "Identifying mislabeled data using the area under the margin ranking", section
    3.2. `threshold` is their 99th percentile. The authors train twice, with different faces in that class, to score all
    faces; here the plain training scores them, at the same cost.
    """
    manifest = Manifest.read(data)
    rows = manifest.rows("train")
    start = time.monotonic()
    pl.seed_everything(settings.seed, verbose=False)
    model = build_classifier(settings)
    if not isinstance(model.head, nn.Sequential):
        raise TypeError("expected a classifier whose head is a sequence of layers")
    model.head[-1] = nn.Linear(settings.hidden, len(NAMES) + 1)
    faces = _FacesWithThreshold(manifest, settings)
    faces.chosen = np.random.default_rng((settings.seed, 1)).permutation(rows)[: len(rows) // (len(NAMES) + 1)]
    record = RecordLogits(rows, len(NAMES) + 1)
    module = EmotionModule(model, settings.lr, settings.schedule, settings.seed, augment=True)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=settings.epochs,
        callbacks=[record],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=faces)
    margins = mean_margin(record.logits, np.full(len(rows), len(NAMES)))
    threshold = float(np.percentile(margins[np.isin(rows, faces.chosen)], THRESHOLD_PERCENTILE))
    _write(out, threshold=threshold, seen=record.seen, seconds=time.monotonic() - start)


class _FacesWithThreshold(FaceData):
    """Training data in which the faces in the rows `chosen` have the label of an additional class."""

    chosen: NDArray[np.int64]

    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.train_faces.labels = self.manifest.labels.copy()
        self.train_faces.labels[self.chosen] = len(NAMES)


def _train(source: Manifest, table: pd.DataFrame, out: Path, settings: TrainSettings) -> None:
    """Train on a table of faces, test, and write the record; the run folder is beside `out` and removed at the end."""
    work = out.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        write_view(source, table, work / "data")
        manifest = Manifest.read(work / "data")
        record = RecordLogits(manifest.rows("train"))
        start = time.monotonic()
        train(work / "data", work / "run", settings, callbacks=[record])
        seconds = time.monotonic() - start
        run = Run.open(work / "run")
        rows = manifest.rows("test")
        test = predict(load_model(run), manifest, rows, settings, torch.device("cpu"))
        _write(
            out,
            logits=record.logits,
            rows=rows,
            probabilities=test[PROBABILITIES].to_numpy(dtype=np.float32),
            removed=run.removed["row"].to_numpy(dtype=np.int64),
            seen=record.seen,
            seconds=seconds,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(out: Path, **arrays: Any) -> None:
    write_atomically(out, lambda file: np.savez_compressed(file, **arrays))
