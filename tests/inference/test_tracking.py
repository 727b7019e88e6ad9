"""Following faces between the frames that are searched whole: the same faces as without, cuts, and lost faces."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import ImageResult
from bimodal.inference.tracking import REGION, find_in_frames
from bimodal.inference.video import file_frames
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import load_onnx
from bimodal.vision.face import Face
from tests.conftest import Outcome, fails_with_one_line
from tests.inference.conftest import BrightSquareDetector, scene

Picture = NDArray[np.uint8]


class Counted:
    """Detects bright squares, and counts the pictures that it searched, by their size."""

    def __init__(self) -> None:
        self.whole, self.near = 0, 0

    def find(self, picture: Picture) -> list[Face]:
        self.whole += 1
        return BrightSquareDetector().detect(picture)

    def find_near(self, picture: Picture) -> list[Face]:
        assert picture.shape == (REGION, REGION, 3)
        self.near += 1
        return BrightSquareDetector().detect(picture)


def lefts(found: list[list[Face]]) -> list[list[int]]:
    """Return the left sides of all faces, rounded to ten pixels."""
    return [[10 * round(float(face.box[0]) / 10) for face in faces] for faces in found]


def test_moving_faces_are_followed_from_the_frame_in_the_middle() -> None:
    detector = Counted()
    pictures = [scene((10 + 4 * k, 20, 40), (100 - 3 * k, 70, 24)) for k in range(7)]
    found = find_in_frames(pictures, detector.find, detector.find_near)
    assert (detector.whole, detector.near) == (1, 12)
    for k, faces in enumerate(found):
        expected = BrightSquareDetector().detect(pictures[k])
        assert len(faces) == 2
        for face, other in zip(faces, expected, strict=True):
            assert np.abs(face.box - other.box).max() < 2
            assert np.abs(face.landmarks - other.landmarks).max() < 2


def test_after_a_cut_the_frame_is_searched_whole() -> None:
    detector = Counted()
    other = np.full_like(scene(), 59)  # one face where one was, and a new one
    other[20:80, 10:70] = other[30:70, 90:130] = 255
    found = find_in_frames([other] * 2 + [scene((10, 20, 60))] * 5, detector.find, detector.find_near)
    assert lefts(found) == [[10, 90]] * 2 + [[10]] * 5
    assert detector.whole == 2, "the middle, and the last frame before the cut"


def test_a_face_that_comes_is_found_at_once() -> None:
    detector = Counted()
    pictures = [scene((10, 20, 40))] * 5 + [scene((10, 20, 40), (90, 60, 40))] * 2
    assert lefts(find_in_frames(pictures, detector.find, detector.find_near)) == [[10]] * 5 + [[10, 90]] * 2
    assert detector.whole == 2


def test_where_a_face_is_lost_the_frame_is_searched_whole() -> None:
    detector = Counted()
    jumps = [scene((10, 20, 30)), scene((120, 20, 30)), scene((11, 20, 30)), scene(), scene()]
    found = find_in_frames(jumps, detector.find, detector.find_near)
    assert lefts(found) == [[10], [120], [10], [], []]
    assert detector.whole == 4, "not in the last frame: there is nothing to follow"


def test_two_faces_never_become_one() -> None:
    detector = Counted()
    pictures = [scene((10, 20, 30), (60 - 6 * k, 20, 28)) for k in range(5)]  # the second moves into the first
    found = find_in_frames(pictures, detector.find, detector.find_near)
    assert [len(faces) for faces in found] == [len(BrightSquareDetector().detect(one)) for one in pictures]


def test_no_frames_and_no_faces() -> None:
    detector = Counted()
    assert find_in_frames([], detector.find, detector.find_near) == []
    assert find_in_frames([scene()] * 6, detector.find, detector.find_near) == [[]] * 6
    assert (detector.whole, detector.near) == (1, 0)


@pytest.fixture(scope="module")
def network(onnx_file: Path) -> Network:
    return load_onnx(onnx_file, threads=1)


def infer(network: Network, frames: list[Frame], **options: object) -> list[ImageResult]:
    config = InferenceConfig(make_detector=BrightSquareDetector, **options)  # type: ignore[arg-type]
    return list(run_inference(frames, network, config))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_tracked_video_has_the_same_rows(network: Network, write_video: Callable[..., Path], threads: int) -> None:
    video = write_video(frames=23)
    frames = [Frame("a.png", scene((5, 5, 30))), *file_frames(video), Frame("b.png", scene((70, 5, 30)))]
    plain = infer(network, frames)
    tracked = infer(network, frames, track=True, track_every=4, threads=threads, batch_size=5)
    for one, other in zip(plain, tracked, strict=True):
        assert (one.frame.file, one.frame.number, one.frame.time) == (
            other.frame.file,
            other.frame.number,
            other.frame.time,
        )
        assert len(one.faces) == len(other.faces) == 1
        assert one.faces[0].box == pytest.approx(other.faces[0].box, abs=2)


def test_damaged_frames_and_problems_keep_their_rows(network: Network) -> None:
    pictures = [scene((10 + k, 20, 40)) for k in range(6)]
    frames = [
        Frame("v.mp4", None if k == 2 else one, k, k / 10, "damaged" if k == 2 else "")
        for k, one in enumerate(pictures)
    ]
    frames += [Frame("v.mp4", None, 6, None, "the video ends"), Frame("none.mp4", None, problem="an empty file")]
    results = infer(network, frames, track=True, track_every=5)
    assert [len(result.faces) for result in results] == [1, 1, 0, 1, 1, 1, 0, 0]
    assert [result.problem for result in results if result.problem] == ["damaged", "the video ends", "an empty file"]


def test_the_command_tracks(cli: Callable[..., Outcome], onnx_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--track and --no-detect"):
        InferenceConfig(detect=False, track=True)
    fails_with_one_line(cli("predict", "--camera", 0, "--track", "--model", onnx_file), "--camera and --track")
    fails_with_one_line(cli("predict", "a.mp4", "--track", "--track-every", 1), "--track-every", "2 to 60")
