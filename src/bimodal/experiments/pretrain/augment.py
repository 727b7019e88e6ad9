"""Augmentation of small grey faces, a whole batch at once, on the training device."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

TURN, ZOOM, SHIFT, STRETCH = math.radians(14), 0.15, 0.08, 0.08
BRIGHTNESS, CONTRAST = 0.15, 0.3
ERASED = (0.08, 0.3)
"""Width and height of the erased patch, as shares of the side (Zhong et al., Random erasing data augmentation, 2017)."""
_ERASE = 1 / 3
"""Share of the faces with an erased patch."""


def augment_faces(pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return the faces mirrored, rotated, zoomed, stretched, shifted, with another brightness and contrast, some erased in part.

    Args:
        pictures: uint8 (B,H,W), grey.
        size: side of the result, in pixels.
        generator: random generator on the CPU, so that a seed gives the same on every device.

    Returns:
        float (B,1,size,size), from about 0 to 1.

    >>> out = augment_faces(torch.zeros(2, 48, 48, dtype=torch.uint8), 40, torch.Generator().manual_seed(0))
    >>> tuple(out.shape)
    (2, 1, 40, 40)
    """
    count, device = len(pictures), pictures.device

    def draw(*shape: int) -> Tensor:
        return 2 * torch.rand(*shape, generator=generator) - 1

    mirror = torch.where(draw(count) < 0, -1.0, 1.0)
    turn, zoom, stretch = draw(count) * TURN, torch.exp(draw(count) * ZOOM), torch.exp(draw(count) * STRETCH)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = turn.cos() * zoom * stretch * mirror
    matrix[:, 0, 1] = -turn.sin() * zoom
    matrix[:, 1, 0] = turn.sin() * zoom * mirror
    matrix[:, 1, 1] = turn.cos() * zoom / stretch
    matrix[:, :, 2] = draw(count, 2) * 2 * SHIFT  # the grid is 2 wide
    grid = affine_grid(matrix, [count, 1, size, size], align_corners=False)
    images = pictures[:, None].float() / 255
    moved = grid_sample(images, grid.to(device), padding_mode="border", align_corners=False)
    contrast = torch.exp(draw(count, 1, 1, 1) * CONTRAST).to(device)
    brightness = (draw(count, 1, 1, 1) * BRIGHTNESS).to(device)
    middle = moved.mean(dim=(2, 3), keepdim=True)
    lit = (moved - middle) * contrast + middle + brightness
    return _erase(lit, middle, size, generator)


def _erase(images: Tensor, middle: Tensor, size: int, generator: torch.Generator) -> Tensor:
    count = len(images)
    chosen = torch.rand(count, generator=generator) < _ERASE
    low, high = ERASED
    half = (low + (high - low) * torch.rand(count, 2, generator=generator)) / 2  # of the patch, in parts of the side
    centre = torch.rand(count, 2, generator=generator)
    places = (torch.arange(size) + 0.5) / size
    inside = (places[None, None] - centre[..., None]).abs() < half[..., None]  # (B,2,size)
    patch = (inside[:, 0, :, None] & inside[:, 1, None, :] & chosen[:, None, None])[:, None].to(images.device)
    return torch.where(patch, middle, images)
