"""`bimodal.predict`: images to a table of predictions."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame, check_inputs, find_files
from bimodal.inference.load import load
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import table_columns, table_rows
from bimodal.inference.video import file_frames
from bimodal.model_files.network import Network
from bimodal.vision.pictures import no_size_warnings

Images = str | Path | NDArray[np.uint8]


def predict(
    images: Images | Iterable[Images],
    model: Network | str | Path | None = None,
    *,
    detect: bool = True,
    detector: str | Path | None = None,
    detect_side: int | None = None,
    track: bool = False,
    track_every: int = 5,
    largest: bool = False,
    flip: bool = False,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Predict the emotion of each face.

    Args:
        images: one or several files, folders, patterns such as `faces/*.jpg`, videos, or arrays, uint8 (H,W,3) RGB or
            (H,W) grey.
        model: a network from `bimodal.load`, or what `bimodal.load` takes; None: the packaged network.
        detect: find and align the faces; False: each image is one cropped face.
        detector: the ONNX file of YuNet, the face detector; None: downloaded once.
        detect_side: longest side in pixels to which images are reduced to look for small faces, 640 to 16,384; None: 640, and
            2,048 for images in which only tiny faces, or none, are found at 640.
        track: search the whole picture in each `track_every`-th frame of a video only, and follow its faces between.
        track_every: 2 to 60; faces that appear for fewer frames may be missed.
        largest: keep only the largest face of each image.
        flip: also classify the mirrored faces and average the probabilities: slightly more accurate, half as fast.
        batch_size: number of faces that the network classifies at once, 1 to 4096; affects the speed only.

    Returns:
        A row for each face, the largest of an image first, and a row for each image without faces. Columns: `file` (for
        an array its position), `frame` and `time` in seconds (of videos), `x`, `y`, `width` and `height` of the face in
        pixels, `detection_score`, `emotion` (the most probable), `p_angry`, ... (the calibrated probabilities), and
        `note`, the reason if there is no face or the file cannot be read.

    Raises:
        InputError: a file does not exist, an array has another type or shape, or the model or detector cannot be used.

    >>> import bimodal
    >>> table = bimodal.predict(np.zeros((48, 48), np.uint8), detect=False)
    >>> len(table), float(table.filter(like="p_").sum(axis=1)[0].round(4))
    (1, 1.0)
    """
    config = InferenceConfig(
        detect=detect,
        detector=None if detector is None else Path(detector),
        detect_side=detect_side,
        track=track,
        track_every=track_every,
        largest=largest,
        flip=flip,
        batch_size=batch_size,
    )
    several = [images] if isinstance(images, str | Path | np.ndarray) else images
    if isinstance(several, Sequence):  # an iterator can be read only once
        check_inputs([image for image in several if isinstance(image, str | Path)])
    network = model if isinstance(model, Network) else load(model)
    emotions = network.info.emotions
    with no_size_warnings():
        results = run_inference(_frames(several), network, config)
        rows = [row for result in results for row in table_rows(result, emotions)]
    return pd.DataFrame(rows, columns=list(table_columns(emotions)))


def _frames(images: Iterable[Images]) -> Iterator[Frame]:
    for number, image in enumerate(images):
        if isinstance(image, np.ndarray):
            yield Frame(str(number), _to_rgb(image))
        elif isinstance(image, str | Path):
            for file in find_files([image]):
                yield from file_frames(file)
        else:
            raise InputError(f"expected paths or arrays, got {type(image).__name__}")


def _to_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    is_image = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not is_image or not image.size:
        raise InputError(f"expected an image as uint8 (H,W,3) RGB or (H,W) grey, got {image.dtype} {image.shape}")
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
