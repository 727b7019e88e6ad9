"""Detecting faces with YuNet and aligning them, as in the paper's figure 1.

Wu et al., YuNet: a tiny millisecond-level face detector, 2023. The alignment is the similarity transform that
brings five landmarks nearest to a template (Umeyama, Least-squares estimation of transformation parameters
between two point patterns, 1991).
"""

import errno
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.files import unwritable_cache, user_cache_folder
from bimodal.vision.face import Face
from bimodal.vision.pictures import resize
from bimodal.vision.tiles import detect_in_tiles, merge_faces

TEMPLATE = np.array([[0.35, 0.39], [0.65, 0.39], [0.50, 0.56], [0.375, 0.735], [0.625, 0.735]])
"""The positions of the eyes, the tip of the nose and the corners of the mouth in an aligned face, as fractions of the
side; of each pair, the left one in the picture is first. Brows and chin are inside, because both show emotions."""

DETECTOR_URL = (
    "https://huggingface.co/opencv/face_detection_yunet/resolve/3cc26e7f1014a5ee5d74a42acee58bafc9d0a310/"
    "face_detection_yunet_2023mar.onnx"
)
DETECTOR_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_TIMEOUT_S = 10  # for the connection, and for each part of the file
_MIN_SIDE, MAX_SIDE = 256, 640
"""The sides in pixels between which a whole picture is searched. YuNet detects faces of 10 to 300 pixels."""
_TILED_FROM, _TILED_SIDE, _TINY = 960, 2048, 48
"""A second look at 2,048 pixels helps pictures of at least 960 whose largest face has fewer than 48 of the 640 pixels."""
_PEEK_SIDE, _PEEK_SCORE = 1280, 0.2
"""Where no face is found, a pass at this side and with this score says whether a second look is worth its time."""
_COARSE_SIDE, _COARSE_SHARE, _COARSE_SCORE = 160, 0.5, 0.8
"""The coarse pass suffices if it finds a face with this score that fills this share of the longer side. Of the 1,692 faces
in 1,696 photographs, most of one person, the coarse pass missed one, and it sufficed for 99 % of the photographs."""


class Detector:
    """The face detector YuNet; threads must not share one."""

    def __init__(
        self, model: Path, threshold: float = 0.6, coarse: bool = False, side: int | None = None, least: int = _MIN_SIDE
    ) -> None:
        """Load the ONNX file.

        Args:
            model: the file, see `detector_file`.
            threshold: the least score of a face, 0 to 1.
            coarse: first run a coarse pass at a low resolution. If a face fills half of the picture, return the faces of
                that pass, in a third of the time; their landmarks are off by some 3 % of the face's width.
            side: longest side in pixels to which larger pictures are reduced. Above 640, such pictures are searched whole at
                640 and then in tiles, except where the coarse pass suffices. None: 640, and 2,048 for a picture in which only
                tiny faces are found, or none although a pass at 1,280 finds what may be one.
            least: longest side in pixels to which smaller pictures are enlarged.

        Raises:
            InputError: the file is missing or is not a YuNet.
        """
        if not model.is_file():
            raise InputError(f"no face detector at {model}; give YuNet's ONNX file with --detector, or leave it out")
        self._coarse, self._threshold, self._side, self._least = coarse, threshold, side, least
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV 5 warns about every YuNet
        try:
            self._net = cv2.FaceDetectorYN.create(str(model), "", (_MIN_SIDE, _MIN_SIDE), threshold)
            self._net.detect(np.zeros((_MIN_SIDE, _MIN_SIDE, 3), np.uint8))  # another ONNX file fails only here
        except cv2.error as error:
            raise InputError(f"{model} is not a YuNet face detector (ONNX)") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a picture, uint8 (H, W, 3) RGB, the largest first."""
        longest = max(image.shape[:2])
        if self._coarse:
            faces = self._detect(image, _COARSE_SIDE / longest)
            if faces and faces[0].score >= _COARSE_SCORE and faces[0].box[2] >= _COARSE_SHARE * longest:
                return faces
        faces = self._detect(image, min(max(longest, self._least), MAX_SIDE) / longest)
        side = self._tiled_side(image, faces)
        return merge_faces(faces, detect_in_tiles(image, self._detect, side), longest) if side else faces

    def _tiled_side(self, image: NDArray[np.uint8], faces: list[Face]) -> int:
        """Return the side at which to look again in tiles, or 0."""
        longest = max(image.shape[:2])
        if self._side is not None:
            return self._side if min(self._side, longest) > MAX_SIDE else 0
        if longest < _TILED_FROM:
            return 0
        if faces:
            return _TILED_SIDE if faces[0].box[2] * faces[0].scale < _TINY else 0
        return _TILED_SIDE if self._detect(image, min(1.0, _PEEK_SIDE / longest), _PEEK_SCORE) else 0

    def _detect(self, image: NDArray[np.uint8], scale: float = 1.0, threshold: float | None = None) -> list[Face]:
        size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        self._net.setInputSize(size)
        self._net.setScoreThreshold(self._threshold if threshold is None else threshold)
        table = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if table is None:
            return []
        rows = table.astype(np.float64)
        rows[:, :14] /= scale
        faces = [Face(row[:4], float(row[14]), row[4:14].reshape(5, 2), scale) for row in rows]
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def similarity(points: NDArray[np.float64], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the similarity transform, (2, 3), that maps points (N, 2) onto others (N, 2) with the least squared error.

    With points as complex numbers the transform is z -> a z + b, and `a` is a quotient of two sums.

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
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], size: int = 224, template: NDArray[np.float64] = TEMPLATE
) -> NDArray[np.uint8]:
    """Crop a face so that it is upright and centred.

    Args:
        image: uint8 (H, W, 3), RGB.
        landmarks: float64 (5, 2), see `Face`.
        size: side of the square, in pixels.
        template: float64 (5, 2), the positions of the landmarks in the result, as fractions of the side.

    Returns:
        uint8 (size, size, 3); black outside the picture, as in SFEW.
    """
    matrix = similarity(landmarks, template * size)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.5:  # a warp reads only four pixels: shrink first to avoid aliasing
        image, landmarks = _near(image, landmarks, matrix, size)
        shorter = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        ratio = np.array(shorter) / image.shape[1::-1]
        image = cv2.resize(image, shorter, interpolation=cv2.INTER_AREA)
        matrix = similarity(landmarks * ratio, template * size)
    warped: NDArray[np.uint8] = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return warped


def _near(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], matrix: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the part of a picture that a face's square needs, and the landmarks in it, if it is at most a quarter of the picture.

    Args:
        matrix: the transform from the picture to the square, (2, 3).
        size: side of the square, in pixels.
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - matrix[:, 2]
    places = corners @ np.linalg.inv(matrix[:, :2]).T
    margin = 3 / np.hypot(*matrix[:, 0])  # three pixels of the square
    left, top = np.floor(places.min(axis=0) - margin).clip(0).astype(int)
    right, bottom = np.ceil(places.max(axis=0) + margin).astype(int).clip(0, image.shape[1::-1])
    if right - left < 1 or bottom - top < 1 or 4 * (right - left) * (bottom - top) > image.shape[0] * image.shape[1]:
        return image, landmarks
    return image[top:bottom, left:right], landmarks - [left, top]


def centre_square(image: NDArray[np.uint8], size: int = 224) -> NDArray[np.uint8]:
    """Crop the middle square of a picture without a detected face, resized to `size` pixels; uint8 (size, size, 3)."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side]
    return resize(square, size)


def detector_file(given: str | Path | None = None) -> Path:
    """Return the path of the detector's ONNX file: the given one, or YuNet, downloaded once into the user's cache.

    Raises:
        InputError: the file cannot be downloaded, or the download has another checksum.
    """
    if given is not None:
        return Path(given)
    import pooch  # slow to import, and often not needed

    folder = user_cache_folder()
    try:
        downloader = pooch.HTTPDownloader(timeout=_TIMEOUT_S)
        digest = f"sha256:{DETECTOR_SHA256}"
        return Path(pooch.retrieve(DETECTOR_URL, digest, Path(DETECTOR_URL).name, folder, downloader=downloader))
    except (OSError, ValueError) as error:  # no network, a full disk; or another checksum
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise unwritable_cache(folder, error) from error
        raise InputError(
            f"the face detector cannot be downloaded from {DETECTOR_URL} ({type(error).__name__}); "
            "download it on another machine and give it with --detector FILE"
        ) from error
