"""`bimodal.predict`: pictures to a table, from Python."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame, find_files, is_video_name, shown
from bimodal.inference.load import load
from bimodal.inference.network import Network
from bimodal.inference.pipeline import InferenceConfig, look_at
from bimodal.inference.rows import columns_of, rows_of
from bimodal.vision.faces import detector_file
from bimodal.vision.pictures import quiet_about_size

Picture = str | Path | NDArray[np.uint8]


def predict(
    images: Picture | Iterable[Picture],
    model: Network | str | Path | None = None,
    *,
    detect: bool = True,
    detector: str | Path | None = None,
    largest: bool = False,
    flip: bool = False,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Say what faces show.

    Args:
        images: files, folders, patterns, videos, or pictures as arrays, uint8 (H,W,3) RGB or (H,W) grey; one or many.
        model: what `bimodal.load` takes or returns; None: the network that comes with bimodal.
        detect: find the faces; False: each picture is a face, cut out already.
        detector: file of YuNet; None: fetched once.
        largest: only the largest face of each picture.
        flip: ask of the mirrored faces, too, and average.
        batch_size: faces that the network is asked for at once; changes nothing but the pace.

    Returns:
        A row a face, the largest of a picture first, and one for each picture without: `file` (of an array: its number),
        `frame`, `time` in seconds, `x,y,width,height` in pixels, `detection_score`, `emotion`, a column `p_...` an
        emotion, and `note`, which says why there is no face.

    Raises:
        InputError: a picture is not there, an array is none, or model or detector cannot be used. A file that is there
            and cannot be read is a row that says so.

    >>> import bimodal
    >>> table = bimodal.predict(np.zeros((48, 48), np.uint8), detect=False)
    >>> len(table), float(table.filter(like="p_").sum(axis=1)[0].round(4))
    (1, 1.0)
    """
    network = model if isinstance(model, Network) else load(model)
    file = detector_file(Path(detector) if detector is not None else None) if detect else None
    look = InferenceConfig(detector=file, largest=largest, flip=flip, batch_size=batch_size)
    several = [images] if isinstance(images, str | Path | np.ndarray) else images
    emotions = network.info.emotions
    with quiet_about_size():
        rows = [row for seen in look_at(_shots(several), network, look) for row in rows_of(seen, emotions)]
    return pd.DataFrame(rows, columns=list(columns_of(emotions)))


def _shots(images: Iterable[Picture]) -> Iterator[Frame]:
    for number, image in enumerate(images):
        if isinstance(image, np.ndarray):
            yield Frame(str(number), _checked(image))
        elif isinstance(image, str | Path):
            for path in find_files([str(image)]):
                if is_video_name(path):
                    from bimodal.inference.video import video_shots

                    yield from video_shots(path)
                else:
                    yield Frame(shown(path), path)
        else:
            raise InputError(f"expected paths or arrays, got a {type(image).__name__}")


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if (
        image.dtype != np.uint8
        or image.ndim not in (2, 3)
        or (image.ndim == 3 and image.shape[2] != 3)
        or not image.size
    ):
        raise InputError(f"expected a picture as uint8 (H,W,3) RGB or (H,W) grey, got {image.dtype} {image.shape}")
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
