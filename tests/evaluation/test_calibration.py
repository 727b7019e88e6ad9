"""The temperature: found where it is known, harmless where little is known."""

import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.evaluation.calibration import fit_temperature, log_softmax


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_by_which_labels_were_drawn_is_found(true: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, (20_000, 5))
    chances = np.exp(log_softmax(logits / true))
    labels = (random.random((len(logits), 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=4)
    assert fit_temperature(logits, labels) == pytest.approx(true, rel=0.05)
    assert fit_temperature(log_softmax(logits), labels) == pytest.approx(true, rel=0.05), (
        "log probabilities serve as well"
    )
    assert fit_temperature(logits, chances) == pytest.approx(true, rel=0.05), "so do shares of votes"


def test_few_faces_all_right_do_not_ask_for_certainty() -> None:
    few = np.eye(3) * 4
    assert 0.3 < fit_temperature(few, [0, 1, 2]) < 1
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1


def test_what_is_no_logit_is_refused() -> None:
    with pytest.raises(InputError, match="expected logits"):
        fit_temperature(np.zeros((3, 2)), np.zeros(4, dtype=int))
    with pytest.raises(InputError, match="finite"):
        fit_temperature([[np.nan, 0.0]], [0])


def test_log_softmax_of_large_numbers() -> None:
    assert np.allclose(log_softmax(np.array([[1e4, 0.0]])), [[0, -1e4]])
