"""A data folder of drawn faces for the benchmarks."""

from pathlib import Path

from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.synthetic.dataset import write_set


def draw(folder: Path, train: int, side: int = 160) -> Path:
    """Draw and prepare a set, and return its data folder; the aligned faces of SFEW have 143 by 181 pixels."""
    write_set(folder / "drawn", count=train, val=7, test=7, size=side)
    prepare(folder / "drawn", folder / "data", PrepareOptions())
    return folder / "data"
