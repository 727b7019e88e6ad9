"""How a method is run: what a run is given, and the files that it leaves.

A run folder of a study holds `predictions_val.csv`, `predictions_test.csv`, `environment.json`, and `result.json`, which
is written last and marks the run as finished.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

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
        data, out: the data folder and the run folder.
        seed: random seed.
        descriptors: files of the descriptors that the method needs.
        members: run folders of the ensemble's members.
        quick: whether to use small networks and small pictures.
        weights: files of pretrained weights by network, in place of those from the Hugging Face hub.
        stage_one: weights trained on the larger set.
        loggers: where the learning curves of a deep network go.
    """

    data: Path
    out: Path
    seed: int
    descriptors: tuple[Path, ...] = ()
    members: tuple[Path, ...] = ()
    quick: bool = False
    weights: Mapping[str, str] | None = None
    stage_one: Path | None = None
    loggers: tuple[str, ...] = ("tensorboard",)


@dataclass(frozen=True, eq=False)
class RunResult:
    """The result of a run.

    Attributes:
        network: what was trained, in words.
        settings: the settings of the run.
        predictions: probabilities (n,7) by split; empty if they are written already.
        removed: manifest rows of the removed training faces.
        seconds: duration of the training; None: the duration of the run.
    """

    network: str
    settings: Mapping[str, Any]
    predictions: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    removed: Sequence[int] = ()
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Runner(ABC):
    """Runs a method.

    Attributes:
        descriptors: the descriptors that it learns from, of `lpq` and `phog`.
        members: the methods whose predictions it averages.
        expensive: whether it needs deep networks: by default it then gets fewer seeds.
    """

    expensive: ClassVar[bool] = False
    descriptors: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def needs(self) -> str | None:
        """`larger` (a set to train on first), `unaligned` (the same faces before alignment), or None."""
        return None

    @property
    def uses_pretrained_faces(self) -> bool:
        """Whether its network was pretrained on faces, some of which may be in the study."""
        return False

    @abstractmethod
    def fit(self, given: RunInputs, manifest: Manifest) -> RunResult:
        """Train, and predict validation and test."""

    def run(self, given: RunInputs) -> None:
        """Run the method and write the files of the run; a job."""
        from bimodal.training.environment import environment_of  # imports torch

        start = time.monotonic()
        manifest = Manifest.read(given.data)
        given.out.mkdir(parents=True, exist_ok=True)
        result = self.fit(given, manifest)
        seconds = time.monotonic() - start if result.seconds is None else result.seconds
        for split, probabilities in result.predictions.items():
            table = predictions_table(manifest, manifest.rows(split), probabilities)
            write_predictions(given.out / f"predictions_{split}.csv", table)
        if not (given.out / "environment.json").is_file():
            write_text(given.out / "environment.json", json.dumps(environment_of(manifest, given.seed), indent=1))
        content = {
            "network": result.network,
            "seconds": round(seconds, 3),
            "removed": len(result.removed),
            "removed_wrong": _count_known_wrong(manifest, result.removed),
            "settings": {"seed": given.seed, **result.settings},
        }
        write_text(given.out / RESULT, json.dumps(content, indent=1) + "\n")


def _count_known_wrong(manifest: Manifest, rows: Sequence[int]) -> int | None:
    """Count the rows whose label is known to be wrong; None if no true label is known at all."""
    truth = manifest.table["true_label"].to_numpy()
    if not truth.astype(bool).any():
        return None
    wrong = (truth != "") & (truth != manifest.table["label"].to_numpy())
    return int(wrong[list(rows)].sum())
