"""What every method has in common: what its runs are given, and the files that they leave.

A run folder of a study holds `predictions_val.csv`, `predictions_test.csv`, `environment.json`, and `result.json`, which
is written last and marks the run as finished.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.files import write_text
from bimodal.runs.tables import predictions_table
from bimodal.runs.writer import write_predictions

RESULT = "result.json"


@dataclass(frozen=True)
class RunInputs:
    """What a run is given; paths, so that another machine can run it.

    Attributes:
        data: the data folder.
        out: the run folder.
        seed: random seed of the run.
        descriptors: files of the descriptors that the method needs, in its order.
        members: run folders of the ensemble's members.
        quick: whether to use small networks and small pictures.
        weights: files of pretrained weights by network, in place of those from the Hugging Face hub.
        stage_one: weights trained on the larger set.
    """

    data: Path
    out: Path
    seed: int
    descriptors: tuple[Path, ...] = ()
    members: tuple[Path, ...] = ()
    quick: bool = False
    weights: Mapping[str, str] | None = None
    stage_one: Path | None = None


@dataclass(frozen=True)
class Runner(ABC):
    """Runs a method; the properties say what its runs need.

    Attributes:
        descriptors: the descriptors that it learns from, of `lpq` and `phog`.
        members: the methods whose predictions it averages.
    """

    descriptors: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def needs(self) -> str | None:
        """The data folder that it needs besides the study's own.

        `larger` (a larger set to train on first), `unaligned` (the same faces before alignment) or None.
        """
        return None

    @property
    def expensive(self) -> bool:
        """Whether it needs deep networks: by default it then gets fewer seeds."""
        return False

    @property
    def uses_pretrained_faces(self) -> bool:
        """Whether its network was pretrained on faces, some of which may be in the study."""
        return False

    @abstractmethod
    def run(self, given: RunInputs) -> None:
        """Train or fit, predict validation and test, and write the results into the run folder; a job."""


def write_split_predictions(out: Path, manifest: Manifest, probabilities: Mapping[str, NDArray[np.float64]]) -> None:
    """Write `predictions_<split>.csv` for each split from its probabilities, (n,7)."""
    out.mkdir(parents=True, exist_ok=True)
    for split, values in probabilities.items():
        write_predictions(out / f"predictions_{split}.csv", predictions_table(manifest, manifest.rows(split), values))


def write_result(
    out: Path,
    manifest: Manifest,
    network: str,
    seconds: float,
    settings: Mapping[str, Any],
    removed: Sequence[int] = (),
) -> None:
    """Write `result.json`, and `environment.json` if it is missing.

    Args:
        out: the run folder.
        manifest: of the data folder.
        network: what was trained, in words.
        seconds: duration of the training.
        settings: the settings of the run, `seed` among them if it has one.
        removed: manifest rows of the removed training faces.
    """
    from bimodal.training.environment import environment_of  # imports torch

    if not (out / "environment.json").is_file():
        environment = environment_of(manifest, int(settings.get("seed", 0)))
        write_text(out / "environment.json", json.dumps(environment, indent=1))
    result = {
        "network": network,
        "seconds": round(seconds, 3),
        "removed": len(removed),
        "removed_wrong": _count_known_wrong(manifest, removed),
        "settings": settings,
    }
    write_text(out / RESULT, json.dumps(result, indent=1) + "\n")


def _count_known_wrong(manifest: Manifest, rows: Sequence[int]) -> int | None:
    """Count the rows whose label is known to be wrong; None if no true label is known at all."""
    truth = manifest.table["true_label"].to_numpy()
    if not truth.astype(bool).any():
        return None
    wrong = (truth != "") & (truth != manifest.table["label"].to_numpy())
    return int(wrong[list(rows)].sum())
