"""A run folder as an object: settings, learning curves, losses, removed examples and predictions."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd
import yaml
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.runs import tables
from bimodal.runs.read import Column, read_arrays, read_csv, read_json, read_text
from bimodal.settings import plain_yaml

FINISHED = "model.safetensors"
"""The kept weights under their final name; their presence marks a finished run."""
BEST = "best.safetensors"
"""The kept weights so far, in an unfinished run."""
STATE = "last.ckpt"
"""The training state after the last finished epoch."""
_MAX_CONFIG_BYTES = 2**20


def _table(name: str, columns: Mapping[str, Column]) -> "cached_property[pd.DataFrame]":
    """Return an attribute of `Run`: the table in a file of the run folder."""
    return cached_property(lambda run: read_csv(run._file(name), columns))


@dataclass(frozen=True, eq=False)
class Run:
    """A folder written by `bimodal train`; each file is read and checked when it is first needed.

    Attributes:
        path: the run folder.
        config: all settings of the run, as in `config.yaml`.

    Raises:
        InputError: from `Run.open` and from each attribute, if a file is missing or damaged, or is not a file of a run.
    """

    path: Path
    config: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run folder."""
        path = Path(path)
        file = path / "config.yaml"
        if not file.is_file():
            raise InputError(
                f"expected a run folder, but {path} has no config.yaml; make one: bimodal train DATA --out RUN"
            )
        try:
            config = plain_yaml(read_text(file, _MAX_CONFIG_BYTES))
        except yaml.YAMLError as error:
            raise InputError(f"{file} is not readable as YAML: {error}") from error
        is_mapping = isinstance(config, dict) and {"bimodal", "backbone", "removal"} <= config.keys()
        if not is_mapping or not isinstance(config.get("data"), str):
            raise InputError(f"{file} is not the configuration of a run; expected one written by bimodal train")
        return cls(path, config)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.resolve().name

    @property
    def data(self) -> Path:
        """The data folder on which the run was trained."""
        return Path(self.config["data"])

    @property
    def is_finished(self) -> bool:
        """Whether all epochs have been trained."""
        return (self.path / FINISHED).is_file()

    def was_trained_on(self, fingerprint: str) -> bool:
        """Return whether the run was trained on the images, labels and splits with this fingerprint of a manifest."""
        return bool(self.environment.get("data_fingerprint") == fingerprint)

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """The manifest of the data, one row for each face; all columns are text, and unknown values are `""`."""
        table = read_csv(self._file("manifest.csv"), tables.MANIFEST)
        if not (table["split"] == "train").any():
            raise InputError(f"{self._file('manifest.csv')} is damaged: expected faces in split train, found none")
        return table.assign(**{name: "" for name in tables.OPTIONAL_IN_MANIFEST if name not in table})

    metrics = _table("metrics.csv", tables.METRICS)
    """One row for each epoch: losses, accuracies, and the variance of the per-example losses."""
    steps = _table("steps.csv", tables.STEPS)
    """One row for each training step: loss and accuracy of its batch."""
    seconds = _table("seconds.csv", tables.SECONDS)
    """One row for each epoch: how many seconds it took."""
    removed = _table("removed.csv", tables.REMOVED)
    """One row for each removed example, in the order of removal."""
    removal_steps = _table("removal_steps.csv", tables.REMOVAL_STEPS)
    """One row for each removal step: `epoch,rule,m1,m2,std2,threshold,removed,kept_by_limits`."""

    @cached_property
    def losses(self) -> dict[str, NDArray[Any]]:
        """The per-example losses: `rows, last, mean, count, kept, before, after`, mostly also `pred_probs` and `by_epoch`."""
        return read_arrays(self._file("losses.npz"), tables.LOSSES, optional=tables.OPTIONAL_LOSSES)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, random seed, commit, device and data fingerprint."""
        return dict(read_json(self._file("environment.json"), dict))

    @cached_property
    def network(self) -> list[dict[str, Any]]:
        """The stages of the network as built: `name, kind, detail, output, parameters`; none without `network.json`."""
        file = self.path / "network.json"
        if not file.is_file():  # other programs that write run folders may leave it out
            return []
        stages = list(read_json(file, list))
        for number, stage in enumerate(stages, start=1):
            if not tables.is_stage(stage):
                raise InputError(
                    f"{file}, stage {number}: expected name, kind, detail (text) and parameters (a number)"
                )
        return stages

    @cached_property
    def info(self) -> ModelInfo:
        """Input size, normalisation and calibration temperature of the trained network."""
        return ModelInfo.read(self._file(INFO_FILE))

    def predictions(self, split: str) -> pd.DataFrame:
        """Return the calibrated predictions on `val` or `test`: `image,row,label,predicted,p_angry,...,p_surprise`."""
        file = self.path / f"predictions_{split}.csv"
        if not file.is_file():
            raise InputError(
                f"{self.path} has no predictions on {split} yet; make them: "
                f"bimodal evaluate {shlex.quote(str(self.path))} --split {split}"
            )
        return tables.read_predictions(file)

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            raise InputError(
                f"{self.path} has no {name}; if the run is unfinished, resume it: "
                f"bimodal train --out {shlex.quote(str(self.path))} --resume"
            )
        return file
