"""The paper's head: two layers with dropout and SELU in place of the backbone's classifier."""

from torch import nn

from bimodal.emotions import NAMES


def build_head(
    features: int, hidden: int = 512, dropout_features: float = 0.6, dropout_hidden: float = 0.8
) -> nn.Module:
    """Return Dropout -> Linear -> SELU -> Dropout -> Linear to seven logits (paper, section 2.2 and figure 4).

    With `hidden` 0 the head is linear: Dropout -> Linear. `features` is the width of the backbone's pooled output (2048 for
    ResNet50). The dropout is plain: the paper does not mention alpha dropout, with which SELU was published.

    >>> import torch
    >>> build_head(2048)(torch.zeros(2, 2048)).shape
    torch.Size([2, 7])
    """
    if not hidden:
        return nn.Sequential(nn.Dropout(dropout_features), nn.Linear(features, len(NAMES)))
    return nn.Sequential(
        nn.Dropout(dropout_features),
        nn.Linear(features, hidden),
        nn.SELU(),
        nn.Dropout(dropout_hidden),
        nn.Linear(hidden, len(NAMES)),
    )
