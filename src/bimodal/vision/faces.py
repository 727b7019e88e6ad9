"""Finding faces with YuNet, and turning them upright: the paper's figure 1.

Wu et al., YuNet: a tiny millisecond-level face detector, 2023. The alignment is the similarity transform that
brings five landmarks nearest to a template (Umeyama, Least-squares estimation of transformation parameters
between two point patterns, 1991).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError

TEMPLATE = np.array([[0.35, 0.39], [0.65, 0.39], [0.50, 0.56], [0.375, 0.735], [0.625, 0.735]])
"""Where the eyes, the tip of the nose and the corners of the mouth go, in parts of the side, left in the picture
first. Brow and chin are inside: both speak of emotions."""

DETECTOR_URL = (
    "https://huggingface.co/opencv/face_detection_yunet/resolve/3cc26e7f1014a5ee5d74a42acee58bafc9d0a310/"
    "face_detection_yunet_2023mar.onnx"
)
DETECTOR_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_TIMEOUT_S = 10  # to connect, and for each piece
_MIN_SIDE, _MAX_SIDE = 256, 640  # YuNet knows faces of 10 to 300 pixels
_GLANCE_SIDE, _GLANCE_SHARE, _GLANCE_SCORE = 160, 0.5, 0.8
"""At a glance a face is enough that fills half of the longer side and is found for certain. Of the 1,692 faces in 1,696
photographs, most of one person, the glance lost one, and saved the long look at 99 % of them."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found.

    Attributes:
        box: float64 (4,), left, top, width, height in pixels.
        score: from 0 to 1.
        landmarks: float64 (5, 2), x and y in pixels, in the order of `TEMPLATE`.
    """

    box: NDArray[np.float64]
    score: float
    landmarks: NDArray[np.float64]


class Finder(Protocol):
    """What finds faces in a picture: `Detector`, or a stand-in of one's own."""

    def detect(self, image: NDArray[np.uint8]) -> list[Face]: ...


class Detector:
    """YuNet, loaded; not to be shared between threads."""

    def __init__(self, model: Path, threshold: float = 0.6, glance: bool = False) -> None:
        """Load the ONNX file.

        Args:
            model: the file, see `detector_file`.
            threshold: the least score of a face, from 0 to 1.
            glance: where one face fills the picture, look for no other, and take its landmarks as a glance gives them: some
                3 % of the width of the face off, in a third of the time.

        Raises:
            InputError: no such file, or not a YuNet.
        """
        if not model.is_file():
            raise InputError(f"no face detector at {model}; expected YuNet's ONNX file, see --detector")
        self._glance = glance
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV 5 warns of each YuNet
        try:
            self._net = cv2.FaceDetectorYN.create(str(model), "", (_MIN_SIDE, _MIN_SIDE), threshold)
            self._net.detect(np.zeros((_MIN_SIDE, _MIN_SIDE, 3), np.uint8))  # another ONNX file is found out only now
        except cv2.error as error:
            raise InputError(f"{model} is not a YuNet face detector (ONNX)") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a picture, the largest first.

        Args:
            image: uint8 (H, W, 3), RGB.
        """
        longest = max(image.shape[:2])
        if self._glance:
            faces = self._detect(image, _GLANCE_SIDE / longest)
            if faces and faces[0].score >= _GLANCE_SCORE and faces[0].box[2] >= _GLANCE_SHARE * longest:
                return faces
        return self._detect(image, min(max(longest, _MIN_SIDE), _MAX_SIDE) / longest)

    def _detect(self, image: NDArray[np.uint8], scale: float) -> list[Face]:
        size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        self._net.setInputSize(size)
        found = self._net.detect(np.ascontiguousarray(small[..., ::-1]))[1]
        if found is None:
            return []
        rows = found.astype(np.float64)
        rows[:, :14] /= scale
        faces = [Face(row[:4], float(row[14]), row[4:14].reshape(5, 2)) for row in rows]
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def similarity(points: NDArray[np.float64], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2 x 3 matrix that turns, scales and moves points onto others with the least squared error.

    With points as complex numbers such a map is z -> a z + b, and `a` a quotient of two sums.

    Args:
        points: float64 (N, 2).
        onto: float64 (N, 2).

    >>> similarity(np.array([[0.0, 0], [1, 0]]), np.array([[2.0, 2], [2, 4]])).round(6) + 0.0
    array([[ 0., -2.,  2.],
           [ 2.,  0.,  2.]])
    """
    z, w = points @ [1, 1j], onto @ [1, 1j]
    centred = z - z.mean()
    spread = (abs(centred) ** 2).sum()
    a = (centred.conj() * (w - w.mean())).sum() / spread if spread > 0 else complex(1)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64],
    size: int = 224,
    template: NDArray[np.float64] = TEMPLATE,
) -> NDArray[np.uint8]:
    """Cut out a face, upright and in the middle.

    Args:
        image: uint8 (H, W, 3), RGB.
        landmarks: float64 (5, 2), see `Face`.
        size: side of the square, in pixels.
        template: float64 (5, 2), where the landmarks go, in parts of the side.

    Returns:
        uint8 (size, size, 3); black beyond the picture's edge, as in SFEW.
    """
    matrix = similarity(landmarks, template * size)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.5:  # a warp looks at four pixels only: shrink first, or fine patterns flicker
        shorter = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        ratio = np.array(shorter) / image.shape[1::-1]
        image = cv2.resize(image, shorter, interpolation=cv2.INTER_AREA)
        matrix = similarity(landmarks * ratio, template * size)
    warped: NDArray[np.uint8] = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return warped


def centre_square(image: NDArray[np.uint8], size: int = 224) -> NDArray[np.uint8]:
    """Cut the middle square out of a picture: what is left where no face was found.

    Args:
        image: uint8 (H, W, 3).
        size: side of the square, in pixels.
    """
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(square, (size, size), interpolation=how)
    return resized


def detector_file(given: str | Path | None = None) -> Path:
    """Return the detector's file: the user's own, or YuNet fetched once into the user's cache.

    Raises:
        InputError: it is not there and cannot be fetched, or what came is not what was published.
    """
    if given is not None:
        return Path(given)
    import pooch  # takes a moment, and most calls have their file

    try:
        return Path(
            pooch.retrieve(
                DETECTOR_URL,
                known_hash=f"sha256:{DETECTOR_SHA256}",
                fname="face_detection_yunet_2023mar.onnx",
                path=pooch.os_cache("bimodal"),
                downloader=pooch.HTTPDownloader(timeout=_TIMEOUT_S),
            )
        )
    except (OSError, ValueError) as error:  # no network, no room; or another checksum
        raise InputError(
            f"the face detector could not be fetched from {DETECTOR_URL} ({type(error).__name__}); "
            "fetch it elsewhere and give it with --detector FILE"
        ) from error
