from pathlib import Path

import numpy as np
from PIL import Image

from bimodal.data.counts import count_faces, draw_counts


def test_counts_and_their_picture(tmp_path: Path) -> None:
    counts = count_faces(np.array([0, 0, 6, 3]), np.array(["train", "val", "train", "train"]))
    assert counts["train"].tolist() == [1, 0, 0, 1, 0, 0, 1]
    assert counts["test"].sum() == 0
    draw_counts(counts, tmp_path / "counts.png")
    with Image.open(tmp_path / "counts.png") as image:
        assert image.size == (1200, 480)  # two panels: nothing in test
        assert len(image.convert("L").getcolors() or []) > 10
