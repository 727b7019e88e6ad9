"""The network that comes with bimodal: a residual network for small grey faces; `bimodal pretrain` trains it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from bimodal.model_files.info import MEAN, STD

SIZE = 44
"""Side of the network's input in pixels, chosen on validation among 40, 44 and 48. The network resizes much larger pictures."""
_LUMA = (0.299, 0.587, 0.114)
_GREY_MEAN, _GREY_STD = 0.508, 0.255  # of FER2013's faces
_MAX_RATIO = 4 / 3  # sizes up to this ratio are not resized: the pooling adapts


class ToGrey(nn.Module):
    """Converts normalised colour pictures, (B,3,S,S), to normalised grey pictures, (B,1,S,S)."""

    weight: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        luma, mean, std = torch.tensor(_LUMA), torch.tensor(MEAN), torch.tensor(STD)
        self.register_buffer("weight", (luma * std / _GREY_STD).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("bias", ((luma @ mean - _GREY_MEAN) / _GREY_STD).reshape(1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:  # (B,3,S,S) -> (B,1,S,S)
        return nn.functional.conv2d(images, self.weight, self.bias)

    @staticmethod
    def normalise(grey: Tensor) -> Tensor:
        """Normalise grey pictures with values from 0 to 1, as `forward` does."""
        return (grey - _GREY_MEAN) / _GREY_STD


class Block(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016); a shortcut with a stride averages first (He et al. 2019)."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(width_in, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))
        norm = nn.BatchNorm2d(width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), norm)
        self.shortcut = nn.Sequential()
        if stride > 1 or width_in != width:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(width_in, width, 1, bias=False), nn.BatchNorm2d(width))
        nn.init.zeros_(norm.weight)  # initially, each block returns its shortcut

    def forward(self, x: Tensor) -> Tensor:  # (B,width_in,H,W) -> (B,width,H/stride,W/stride)
        return relu(self.second(relu(self.first(x))) + self.shortcut(x))


class FaceNet(nn.Module):
    """Computes pooled features of faces: conversion to grey, then three stages of two blocks; 2.8 million weights.

    The first convolution, the second and the third stage halve the side of the picture.

    >>> FaceNet()(torch.zeros(2, 3, 44, 44)).shape
    torch.Size([2, 256])
    """

    def __init__(self) -> None:
        super().__init__()
        self.grey = ToGrey()
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.stages = nn.Sequential(
            nn.Sequential(Block(32, 64, stride=1), Block(64, 64, stride=1)),
            nn.Sequential(Block(64, 128, stride=2), Block(128, 128, stride=1)),
            nn.Sequential(Block(128, 256, stride=2), Block(256, 256, stride=1)),
        )
        self.num_features = 256

    def forward(self, images: Tensor) -> Tensor:  # (B,3,S,S), normalised -> (B,F)
        side = int(images.shape[-1])
        if side > _MAX_RATIO * SIZE:
            images = interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
        return self.features(self.grey(images))

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Return the patterns by which timm assigns parameters to stages, or to blocks."""
        return {"stem": r"^stem", "stages": r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.(\d+)"}

    def features(self, grey: Tensor) -> Tensor:
        """Return pooled features, (B,F), of normalised grey pictures, (B,1,S,S)."""
        features: Tensor = self.stages(self.stem(grey)).mean(dim=(2, 3))
        return features
