import numpy as np
import pytest

from bimodal.data.sampling import SFEW, draw_sample, wanted_counts
from bimodal.errors import InputError

LABELS = np.tile(np.arange(7), 300)
SPLITS = np.repeat(["train", "val", "test"], 700)


def test_sfew_has_the_counts_of_the_paper() -> None:
    assert {split: sum(counts) for split, counts in SFEW.items()} == {"train": 891, "val": 215, "test": 216}
    wanted = wanted_counts("sfew", LABELS, SPLITS)
    keep = draw_sample(LABELS, SPLITS, wanted, seed=0)
    for split, by_class in SFEW.items():
        expected = [min(count, 100) for count in by_class]
        assert np.bincount(LABELS[keep & (split == SPLITS)], minlength=7).tolist() == expected


def test_a_number_scales_every_split() -> None:
    keep = draw_sample(LABELS, SPLITS, wanted_counts("350", LABELS, SPLITS), seed=0)
    for split in ("train", "val", "test"):
        assert np.bincount(LABELS[keep & (split == SPLITS)]).tolist() == [50] * 7
    assert (keep != draw_sample(LABELS, SPLITS, wanted_counts("350", LABELS, SPLITS), seed=1)).any()


@pytest.mark.parametrize("sample", ["0", "701", "-3", "many", "1.5", ""])
def test_refuses_other_samples(sample: str) -> None:
    with pytest.raises(InputError, match="--sample"):
        wanted_counts(sample, LABELS, SPLITS)
