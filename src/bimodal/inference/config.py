"""The settings of inference, from which the command line makes its options."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bimodal.errors import InputError
from bimodal.settings import check_fields, option

if TYPE_CHECKING:
    from bimodal.vision.face import Finder


MAX_DETECT_SIDE = 16_384


@dataclass(frozen=True)
class InferenceConfig:
    """Settings of inference.

    Attributes:
        keep_pixels: return the decoded pixels with each result.
        threads: number of threads that decode and detect; None: the number of cores, at most 4.
        make_detector: returns a face detector, called once for each thread; None: YuNet.

    Raises:
        InputError: a number is out of its range, or `detector`, `detect_side` or `track` is given without `detect`.
    """

    detect: bool = option(True, "find and align the faces; --no-detect: each image is one cropped face")
    detector: Path | None = option(
        None, "ONNX file of the face detector YuNet; without it, the file is downloaded once"
    )
    detect_side: int | None = option(
        None,
        "longest side in pixels, 640 to 16384, to which images and frames are reduced to look for small faces; each takes time "
        "in proportion to its square; without it, 640, and 2048 for images in which only tiny faces, or none, are found at 640",
        640,
        MAX_DETECT_SIDE,
    )
    track: bool = option(
        False,
        "search the whole picture in each N-th frame of a video only (--track-every), and follow its faces between: faster if "
        "a frame has few faces",
    )
    track_every: int = option(5, "N of --track, 2 to 60; faces that appear for fewer frames may be missed", 2, 60)
    largest: bool = option(False, "keep only the largest face of each image")
    flip: bool = option(
        False, "classify the mirrored faces, too, and average the probabilities: slightly more accurate, half as fast"
    )
    batch_size: int = option(64, "number of faces classified at once, 1 to 4096; affects the speed only", 1, 4096)
    keep_pixels: bool = False
    threads: int | None = None
    make_detector: "Callable[[], Finder] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("detector", "detect_side", "track"):
            if getattr(self, name) and not self.detect:
                raise InputError(f"--{name.replace('_', '-')} and --no-detect exclude each other; give one of them")
