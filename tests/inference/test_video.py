"""Video: every frame with its time, broken streams told, annotated copies and timelines, memory that stays flat."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.inputs import Frame
from bimodal.inference.onnx_network import load_onnx
from bimodal.inference.pipeline import FaceResult, ImageResult, InferenceConfig
from bimodal.inference.predict_files import Output, predict_files
from bimodal.inference.timeline import BINS, Timeline
from bimodal.inference.video import VideoWriter, camera_shots, frame_count, frames_a_second, video_shots
from tests.inference.conftest import EMOTIONS, LightFinder


@pytest.mark.parametrize("name", ["walk.mp4", "walk.avi"])
def test_every_frame_with_its_time(write_video: Callable[..., Path], name: str) -> None:
    file = write_video(name)
    shots = list(video_shots(file))
    assert [shot.frame for shot in shots] == list(range(20))
    assert [shot.time for shot in shots] == pytest.approx([k / 10 for k in range(20)], abs=0.02)
    assert all(isinstance(shot.source, np.ndarray) and shot.source.shape == (120, 160, 3) for shot in shots)
    assert (frame_count(file), frames_a_second(file)) == (20, pytest.approx(10))
    assert [shot.frame for shot in video_shots(file, every=6)] == [0, 6, 12, 18]


def test_what_is_no_video_is_said(write_video: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mp4").touch()
    cut = tmp_path / "cut.avi"
    whole = write_video("walk.avi").read_bytes()
    cut.write_bytes(whole[: int(0.6 * len(whole))])
    for name, words in (("text.mp4", "no video"), ("empty.mp4", "an empty file"), ("gone.mp4", "no such file")):
        (shot,) = video_shots(tmp_path / name)
        assert shot.source is None
        assert words in shot.problem
        assert frame_count(tmp_path / name) == 0
    shots = list(video_shots(cut))
    assert 5 < len(shots) < 20, "what is there of a broken stream is seen"
    assert "breaks off" in shots[-1].problem or shots[-1].source is not None


def test_a_picture_sequence_or_an_address_is_no_video(tmp_path: Path) -> None:
    """OpenCV would open `img%02d.png`, or an address: only files are looked at."""
    for name in ("img_%02d.mp4", "http:/127.0.0.1/a.mp4"):
        (shot,) = video_shots(tmp_path / name)
        assert shot.problem == "no such file"


def test_a_colon_in_a_name_is_no_protocol(
    write_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video().rename("2024-05-01T12:30.mp4")
    assert len(list(video_shots(Path("2024-05-01T12:30.mp4")))) == 20
    with VideoWriter(Path("drawn:1.mp4"), 10) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8))
    assert frame_count(Path("drawn:1.mp4")) == 1


def test_a_list_of_other_files_is_no_video(write_video: Callable[..., Path], tmp_path: Path) -> None:
    real = write_video()
    for number, text in enumerate((f"ffconcat version 1.0\nfile {real.name}\n", f"#EXTM3U\n{real.name}\n")):
        (tmp_path / f"{number}.mp4").write_text(text)
        (shot,) = video_shots(tmp_path / f"{number}.mp4")
        assert "list of other files" in shot.problem


@pytest.mark.parametrize("rate", [239.683, 119.881, 66.6667, 0.00025, 29.97])
def test_any_frame_rate_can_be_drawn(tmp_path: Path, rate: float) -> None:
    with VideoWriter(tmp_path / "a.mp4", rate) as writer:
        for _ in range(3):
            writer.write(np.zeros((1, 64, 3), np.uint8))
    assert len(list(video_shots(tmp_path / "a.mp4"))) == 3


def test_no_camera_is_one_line() -> None:
    with pytest.raises(InputError, match="no camera 97"):
        next(camera_shots(97))


def test_annotated_video_and_timeline(write_video: Callable[..., Path], tmp_path: Path, onnx_file: Path) -> None:
    file = write_video()
    network = load_onnx(onnx_file, threads=1)
    out = tmp_path / "drawn"
    rows = []
    tally = predict_files(
        [str(file)],
        network,
        InferenceConfig(finder=LightFinder),
        Output(draw=out),
        take=lambda seen, own: rows.extend(own),
    )
    assert (tally.pictures, tally.faces) == (20, 20)
    assert [row["frame"] for row in rows] == list(range(20))
    drawn = [shot.source for shot in video_shots(out / "walk.mp4.mp4")]
    assert len(drawn) == 20
    box = rows[0]
    edge = drawn[0][int(box["y"]) + 25, int(box["x"]) + 1]  # type: ignore[index]
    plain = next(video_shots(file)).source[int(box["y"]) + 25, int(box["x"]) + 1]  # type: ignore[index]
    assert np.abs(edge.astype(int) - plain.astype(int)).max() > 20, "no box was drawn"
    with Image.open(out / "walk.mp4-timeline.png") as figure:
        assert figure.width > 800
    assert not list(out.glob(".bimodal-*"))


def test_a_timeline_of_any_length_takes_the_same_memory() -> None:
    timeline = Timeline(EMOTIONS)
    for number in range(30_000):  # twenty minutes of 25 frames a second
        seconds = number / 25
        happy = np.array([0.1, 0.8, 0.1]) if seconds > 600 else np.array([0.8, 0.1, 0.1])
        faces = () if 300 < seconds < 400 else (FaceResult(None, None, happy),)
        timeline.add(ImageResult(Frame("a", None, number, seconds), faces, "", True))
    times, means = timeline.means()
    assert len(times) <= BINS
    assert times[-1] == pytest.approx(1200, abs=timeline.step)
    assert means[times < 290].mean(axis=0) == pytest.approx([0.8, 0.1, 0.1])
    assert np.isnan(means[(times > 310) & (times < 390)]).all()
    assert means[times > 610].mean(axis=0) == pytest.approx([0.1, 0.8, 0.1])


def test_frames_far_apart_leave_no_gaps() -> None:
    timeline = Timeline(EMOTIONS)
    for seconds in (0.0, 1.0, 2.0):
        timeline.add(
            ImageResult(Frame("a", None, 0, seconds), (FaceResult(None, None, np.array([1.0, 0, 0])),), "", True)
        )
    assert not np.isnan(timeline.means()[1]).any()


def test_odd_sizes_can_be_drawn(tmp_path: Path, onnx_file: Path) -> None:
    file = tmp_path / "odd.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 5, (161, 121))
    for _ in range(3):
        writer.write(np.full((121, 161, 3), 200, dtype=np.uint8))
    writer.release()
    predict_files(
        [str(file)], load_onnx(onnx_file, 1), InferenceConfig(finder=LightFinder), Output(draw=tmp_path / "drawn")
    )
    assert len(list(video_shots(tmp_path / "drawn/odd.avi.mp4"))) == 3
