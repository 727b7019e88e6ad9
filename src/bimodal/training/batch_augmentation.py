"""Augmentation of a whole batch on the training device; for small images several times faster than image by image."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from bimodal.model_files.info import STD
from bimodal.training.batch_share import BatchShare

ROTATION, SCALE, SHIFT, BRIGHTNESS = math.radians(15), 0.1, 0.0625, 0.2
"""Strengths of the operations, equal to those of `Transform`."""


def augment_batch(images: Tensor, share: BatchShare | None = None) -> Tensor:
    """Return normalised images (B,3,S,S) flipped, rotated, scaled, shifted and brightened, each with probability 0.5.

    These are five of the paper's seven operations (section 2.1); compression and hue are left out. The random numbers come
    from PyTorch's generator on the CPU for every device. If the images are a share of a batch, they get the numbers that they
    would have in the whole batch.

    >>> _ = torch.manual_seed(0)
    >>> tuple(augment_batch(torch.zeros(2, 3, 48, 48)).shape)
    (2, 3, 48, 48)
    """
    share = share or BatchShare(0, len(images), len(images))
    count = share.count
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    angle, scale = _half(count) * ROTATION, 1 + _half(count) * SCALE
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = angle.cos() * scale * flip
    matrix[:, 0, 1] = -angle.sin() * scale
    matrix[:, 1, 0] = angle.sin() * scale * flip
    matrix[:, 1, 1] = angle.cos() * scale
    matrix[:, :, 2] = torch.stack([_half(count), _half(count)], dim=1) * 2 * SHIFT  # the grid is 2 wide
    own = slice(share.start, share.stop)
    grid = affine_grid(matrix[own].to(images.device), list(images.shape), align_corners=False)
    moved = grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)
    brighter = (_half(count)[own, None] * BRIGHTNESS / torch.tensor(STD)).to(images)
    return (moved + brighter[:, :, None, None]).contiguous(memory_format=torch.channels_last)


def _half(count: int) -> Tensor:
    """Return random numbers from -1 to 1; each is 0 with probability 0.5."""
    return (2 * torch.rand(count) - 1) * (torch.rand(count) < 0.5)
