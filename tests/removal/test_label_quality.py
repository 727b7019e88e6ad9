"""The label quality scores against cleanlab."""

from typing import get_args

import numpy as np
import pytest

from bimodal.removal.label_quality import Method, label_quality
from tests.removal.test_two_modes import simulate


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("classes", [2, 7])
def test_scores_equal_cleanlabs(method: Method, classes: int) -> None:
    theirs = pytest.importorskip("cleanlab.rank").get_label_quality_scores
    pred_probs, labels, _ = simulate(300, 0.2, 0, classes=classes)
    np.testing.assert_allclose(
        label_quality(labels, pred_probs, method), theirs(labels, pred_probs, method=method), rtol=1e-9
    )


@pytest.mark.parametrize("method", get_args(Method))
def test_certain_predictions_have_finite_scores(method: Method) -> None:
    quality = label_quality(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]), method)
    assert np.isfinite(quality).all()
    assert method == "confidence_weighted_entropy" or quality[0] > quality[1]
