"""Augmentation and normalisation of single images; the only file that uses albumentations."""

import os

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or the import looks for a newer version online

import albumentations as A

from bimodal.model_files.info import MEAN, STD


class Transform:
    """Turns a resized picture, uint8 (S,S,3) RGB, and a seed into the network's input, float32 (S,S,3), normalised.

    With `augment`, the paper's seven operations (section 2.1) come first. The paper does not give their strengths. Here each
    has probability 0.5: horizontal flip; brightness by up to 0.2 of the range; shift by up to 6.25 %, scale by up to 10 % and
    rotation by up to 15 degrees (together); JPEG quality 60 to 100; hue, saturation and value by up to 10, 20 and 10 of 255.

    >>> picture = np.full((64, 64, 3), 128, dtype=np.uint8)
    >>> augment = Transform(augment=True)
    >>> bool((augment(picture, seed=1) == augment(picture, seed=1)).all())
    True
    """

    def __init__(self, augment: bool = False) -> None:
        self.augment = augment
        normalise = A.Normalize(mean=MEAN, std=STD)
        operations = [
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.0, p=0.5),
            A.Affine(scale=(0.9, 1.1), translate_percent=(-0.0625, 0.0625), rotate=(-15, 15), p=0.5),
            A.ImageCompression(quality_range=(60, 100), p=0.5),
            A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20, val_shift_limit=10, p=0.5),
        ]
        self._transform = A.Compose([*operations, normalise]) if augment else normalise

    def __call__(self, picture: NDArray[np.uint8], seed: int = 0) -> NDArray[np.float32]:
        if self.augment:  # seeded by picture, so that the result does not depend on workers, processes or interruptions
            self._transform.set_random_seed(seed)
        result: NDArray[np.float32] = self._transform(image=picture)["image"]
        return result
