"""The paper's head: two layers with dropout and SELU in place of the backbone's classifier."""

from torch import nn

from bimodal.emotions import NAMES


def build_head(
    features: int, hidden: int = 512, dropout_features: float = 0.6, dropout_hidden: float = 0.8
) -> nn.Module:
    """Return Dropout -> Linear -> SELU -> Dropout -> Linear to seven logits (paper, section 2.2 and figure 4).

    Args:
        features: F, channels of the backbone's pooled output (2048 for ResNet50).
        hidden: width between the two layers; the paper's is 512.
        dropout_features: share of the pooled features set to zero in training, 0 to 1; the paper's is 0.6.
        dropout_hidden: share of the hidden features, 0 to 1; the paper's is 0.8. Plain dropout: the paper names
            no other, though SELU was published with alpha dropout.

    >>> import torch
    >>> build_head(2048)(torch.zeros(2, 2048)).shape
    torch.Size([2, 7])
    """
    return nn.Sequential(
        nn.Dropout(dropout_features),
        nn.Linear(features, hidden),
        nn.SELU(),
        nn.Dropout(dropout_hidden),
        nn.Linear(hidden, len(NAMES)),
    )
