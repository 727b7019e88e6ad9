"""`bimodal.embed`: features of pictures or of a data folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import Embedder, backbone_embedder, network_embedder, packaged_embedder
from bimodal.features.store import features_of
from bimodal.inference.load import load
from bimodal.progress import track
from bimodal.settings import check_range
from bimodal.vision.pictures import UnreadableError, decode, resize

_BATCH = 64
Picture = str | Path | NDArray[np.uint8]


def embed(
    images: Picture | Sequence[Picture],
    model: str | Path | None = None,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int = 224,
) -> NDArray[np.float32]:
    """Return the features of pictures by a frozen network, averaged over each picture and its mirror image.

    Features of a data folder are computed once and kept in its cache. With the packaged network, PyTorch is not loaded.

    Args:
        images: a data folder, whose pictures are embedded in the order of its manifest; or a file, an array, uint8 (H,W,3)
            RGB, or a sequence of N files and arrays. Faces must be cropped: no face is detected.
        model: what `bimodal.load` takes; None: the packaged network.
        backbone: in place of `model`, a backbone of timm, for pictures of anything.
        weights: a file of weights for the backbone; None: its pretrained weights from the Hugging Face hub.
        image_size: side of the backbone's input, in pixels, 32 to 1024.

    Returns:
        float32 (N,F); F is 256 for the packaged network.

    Raises:
        InputError: a picture or a model cannot be used.

    >>> embed([np.zeros((48, 48, 3), np.uint8)]).shape
    (1, 256)
    """
    embedder = choose_embedder(model, backbone, weights, image_size)
    if isinstance(images, str | Path) and Path(images).is_dir():
        return np.asarray(features_of(Manifest.read(images), embedder).values, dtype=np.float32)
    is_single = isinstance(images, str | Path) or (isinstance(images, np.ndarray) and images.ndim == 3)
    pictures: Sequence[Picture] = [images] if is_single else images  # type: ignore[assignment,list-item]
    parts = []
    if not len(pictures):
        raise InputError("expected a data folder or pictures, got an empty sequence")
    for start in track(range(0, len(pictures), _BATCH), "computing features", -(-len(pictures) // _BATCH)):
        batch = [_pixels(picture, embedder.image_size) for picture in pictures[start : start + _BATCH]]
        parts.append(embedder(np.stack(batch))[0])
    return np.concatenate(parts)


def choose_embedder(
    model: str | Path | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int = 224,
) -> Embedder:
    """Return the frozen network that the arguments of `embed` name.

    Raises:
        InputError: it cannot be used, or the arguments exclude each other.
    """
    if backbone is not None:
        if model is not None:
            raise InputError("--model and --backbone exclude each other: the features come from one network")
        check_range("image_size", image_size, 32, 1024, whole=True)
        return backbone_embedder(backbone, weights, image_size)
    if weights is not None:
        raise InputError("--weights needs --backbone, the name of the network in timm")
    return packaged_embedder() if model is None else network_embedder(load(model))


def _pixels(picture: Picture, size: int) -> NDArray[np.uint8]:
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise InputError(f"expected uint8 pictures (H,W,3), got {picture.dtype} of shape {picture.shape}")
        return resize(picture, size)
    if not Path(picture).is_file():
        raise InputError(f"no picture at {picture}; expected a file, an array or a data folder")
    try:
        return resize(decode(Path(picture)), size)
    except UnreadableError as error:
        raise InputError(f"{picture} cannot be read: {error}") from error
