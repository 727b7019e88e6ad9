"""The table of predictions, as every method writes it."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import CODES, NAMES
from bimodal.evaluation.calibration import fit_temperature
from bimodal.files import write_atomically
from bimodal.runs.run import PROBABILITIES


def predictions_table(manifest: Manifest, rows: NDArray[np.int64], probabilities: NDArray[np.float64]) -> pd.DataFrame:
    """Return a row for each face: `image,row,label,predicted,p_angry,...,p_surprise`.

    Args:
        manifest: the faces.
        rows: which of them, (n,).
        probabilities: of each emotion, (n,7).
    """
    names = np.array(NAMES)
    table = pd.DataFrame(
        {
            "image": manifest.table["image"].to_numpy()[rows],
            "row": rows,
            "label": names[manifest.labels[rows]],
            "predicted": names[probabilities.argmax(axis=1)],
        }
    )
    table[PROBABILITIES] = probabilities
    return table


def write_predictions(path: Path, table: pd.DataFrame) -> None:
    """Write a table of predictions, with nine decimals."""
    write_atomically(path, lambda file: table.to_csv(file, index=False, float_format="%.9f"))


def fitted_temperature(table: pd.DataFrame) -> float:
    """Return the temperature that a table of predictions on validation asks for, see `fit_temperature`.

    Args:
        table: as `predictions_table` returns it; of `Run.predictions`, too.
    """
    logs = np.log(np.maximum(table[PROBABILITIES].to_numpy(dtype=np.float64), 1e-9))
    return fit_temperature(logs, np.array([CODES[label] for label in table["label"]], dtype=np.int64))
