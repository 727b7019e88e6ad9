"""Augmentation of a whole batch at once, on the device that trains: for small pictures several times the pace."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from bimodal.model_files.info import STD

TURN, SCALE, SHIFT, BRIGHTNESS = math.radians(15), 0.1, 0.0625, 0.2
"""The strengths of `PaperAugmentation`, of what it has in common with this one."""


def augment_batch(images: Tensor) -> Tensor:
    """Return the batch mirrored, turned, scaled, shifted and brightened, each with probability 0.5.

    Of the paper's seven operations (section 2.1) those two are missing that leave the geometry and a grey picture
    as they are, compression and hue. All draws come from PyTorch's generator on the CPU, whatever the device.

    Args:
        images: float (B,3,S,S), normalised.

    >>> _ = torch.manual_seed(0)
    >>> tuple(augment_batch(torch.zeros(2, 3, 48, 48)).shape)
    (2, 3, 48, 48)
    """
    count = len(images)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    turn, scale = _half(count) * TURN, 1 + _half(count) * SCALE
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = turn.cos() * scale * mirror
    matrix[:, 0, 1] = -turn.sin() * scale
    matrix[:, 1, 0] = turn.sin() * scale * mirror
    matrix[:, 1, 1] = turn.cos() * scale
    matrix[:, :, 2] = torch.stack([_half(count), _half(count)], dim=1) * 2 * SHIFT  # the grid is 2 wide
    grid = affine_grid(matrix.to(images.device), list(images.shape), align_corners=False)
    moved = grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)
    brighter = (_half(count)[:, None] * BRIGHTNESS / torch.tensor(STD)).to(images)
    return (moved + brighter[:, :, None, None]).contiguous(memory_format=torch.channels_last)


def _half(count: int) -> Tensor:
    """Return numbers from -1 to 1, half of them 0."""
    return (2 * torch.rand(count) - 1) * (torch.rand(count) < 0.5)
