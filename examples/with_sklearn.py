"""The paper's rule with a scikit-learn estimator: predict by cross-validation, remove by the losses, and fit.

A tenth of the labels of scikit-learn's digits is made wrong. Run it: python examples/with_sklearn.py
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from bimodal.removal import wang


def main() -> None:
    rng = np.random.default_rng(0)
    digits = load_digits()
    wrong = rng.random(len(digits.target)) < 0.1
    labels = np.where(wrong, (digits.target + rng.integers(1, 10, len(wrong))) % 10, digits.target)

    model = LogisticRegression(C=0.01, max_iter=1000)
    # A fitted estimator has memorised the wrong labels of its training set, so the losses are out of sample.
    probabilities = cross_val_predict(model, digits.data / 16, labels, cv=5, method="predict_proba")
    losses = -np.log(probabilities[np.arange(len(labels)), labels])

    cut = wang(losses)
    model.fit(digits.data[~cut.remove] / 16, labels[~cut.remove])
    print(
        f"removed {cut.remove.sum()} digits with a loss above {cut.threshold:.2f}; "
        f"{wrong[cut.remove].sum()} of them had wrong labels"
    )


if __name__ == "__main__":
    main()
