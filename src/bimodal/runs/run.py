"""A run folder, read: what was trained, how it went, what was removed, what was predicted."""

import json
import shlex
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from bimodal.emotions import CODES, NAMES
from bimodal.errors import InputError
from bimodal.settings import plain_yaml

PROBABILITIES = [f"p_{name}" for name in NAMES]
FINISHED = "model.safetensors"
"""The file that is there once training has come to its end."""

_MAX_BYTES, _MAX_CONFIG = 256 * 2**20, 2**20


@dataclass(frozen=True, eq=False)
class Run:
    """A folder written by `bimodal train`; each table is read when it is first asked for.

    Attributes:
        path: the run folder.
        config: every setting of the run, as in `config.yaml`.

    Raises:
        InputError: from `Run.open` and from each attribute, if a file is missing, corrupt, or not a run's.
    """

    path: Path
    config: dict[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a run folder."""
        path = Path(path)
        file = path / "config.yaml"
        if not file.is_file():
            raise InputError(
                f"expected a run folder, but {path} has no config.yaml; make one: bimodal train DATA --out RUN"
            )
        try:
            config = plain_yaml(_text(file, _MAX_CONFIG))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(f"{file} is not readable as YAML: {error}") from error
        if (
            not isinstance(config, dict)
            or not {"bimodal", "data", "backbone", "removal"} <= config.keys()
            or not isinstance(config["data"], str)
        ):
            raise InputError(f"{file} is not the configuration of a run; expected one written by bimodal train")
        return cls(path, config)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def data(self) -> Path:
        """The data folder that the run was trained on."""
        return Path(self.config["data"])

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end."""
        return (self.path / FINISHED).is_file()

    def was_trained_on(self, fingerprint: str) -> bool:
        """Whether a data folder with this fingerprint holds the very faces and labels of this run."""
        return bool(self.environment.get("data_fingerprint") == fingerprint)

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """The manifest that was trained on; all columns text."""
        return self._table("manifest.csv", ["image", "label", "split"], text=True)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row an epoch."""
        return self._table("metrics.csv", ["epoch", "step", "train_loss", "val_loss"])

    @cached_property
    def steps(self) -> pd.DataFrame:
        """A row a step."""
        return self._table("steps.csv", ["step", "epoch", "train_loss"])

    @cached_property
    def removed(self) -> pd.DataFrame:
        """A row for each removed example, in the order of removal; empty if none was."""
        return self._table(
            "removed.csv", ["image", "label", "row", "loss"], names=["image", "label", "predicted", "rule"]
        )

    @cached_property
    def losses(self) -> dict[str, NDArray[Any]]:
        """The ledger at the end: `rows, last, mean, count, kept, before, after` (see docs/architecture.md)."""
        file = self._file("losses.npz")
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (ValueError, OSError, EOFError, KeyError, BadZipFile, zlib.error) as error:
            raise InputError(f"{file} is corrupt: {error}") from error

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, seed, commit, device, data fingerprint."""
        return dict(self._json("environment.json", dict))

    @cached_property
    def network(self) -> list[dict[str, Any]]:
        """The stages of the network as built: `name, kind, detail, output, parameters`."""
        return list(self._json("network.json", list))

    def predictions(self, split: str) -> pd.DataFrame:
        """The predictions on `val` or `test`: `image,row,label,predicted,p_angry,...,p_surprise`.

        Raises:
            InputError: if they have not been made yet; the message names the command.
        """
        if not (self.path / f"predictions_{split}.csv").is_file():
            raise InputError(
                f"{self.path} has no predictions on {split} yet; make them: bimodal evaluate {shlex.quote(str(self.path))} --split {split}"
            )
        table = self._table(
            f"predictions_{split}.csv", ["image", "row", "label", *PROBABILITIES], names=["image", "label", "predicted"]
        )
        unknown = set(table["label"]) - CODES.keys()
        if unknown:
            raise InputError(
                f"{self.path}/predictions_{split}.csv has unknown labels: {', '.join(map(repr, sorted(unknown)))}"
            )
        return table

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            raise InputError(
                f"{self.path} has no {name}; is the run unfinished? bimodal train --out {shlex.quote(str(self.path))} --resume"
            )
        return file

    def _json(self, name: str, kind: type) -> Any:
        try:
            content = json.loads(_text(self._file(name)))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{self.path / name} is corrupt: {error}") from error
        if not isinstance(content, kind):
            raise InputError(f"{self.path / name} is not what bimodal train writes there; train anew")
        return content

    def _table(self, name: str, columns: list[str], names: list[str] | None = None, text: bool = False) -> pd.DataFrame:
        file = self._file(name)
        dtype: Any = str if text else dict.fromkeys(names or [], str)
        try:
            # A picture may be called "NA" or "nan": only numbers may be missing, and only as an empty field.
            table = pd.read_csv(file, dtype=dtype, keep_default_na=False, na_values=[] if text else [""])
        except (ValueError, pd.errors.ParserError, UnicodeDecodeError) as error:
            raise InputError(f"{file} is corrupt: {error}") from error
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise InputError(f"{file} lacks the column {', '.join(missing)}; was it written by bimodal train?")
        return table


def _text(file: Path, largest: int = _MAX_BYTES) -> str:
    if file.stat().st_size > largest:
        raise InputError(f"{file} is larger than {largest >> 20} MiB; that is no file of a run")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text: {error}") from error
