"""Videos: every frame with its time, broken videos, annotated copies, and timelines in constant memory."""

from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import Frame
from bimodal.inference.predict_files import Output, predict_files
from bimodal.inference.results import FaceResult, ImageResult
from bimodal.inference.timeline import BINS, Timeline
from bimodal.inference.video import VideoWriter, camera_frames, frame_count, frame_rate, video_frames
from bimodal.model_files.onnx_network import load_onnx
from tests.inference.conftest import EMOTIONS, BrightSquareDetector


@pytest.mark.parametrize("name", ["walk.mp4", "walk.avi"])
def test_every_frame_with_its_time(write_video: Callable[..., Path], name: str) -> None:
    file = write_video(name)
    frames = list(video_frames(file))
    assert [frame.number for frame in frames] == list(range(20))
    assert [frame.time for frame in frames] == pytest.approx([k / 10 for k in range(20)], abs=0.02)
    assert all(isinstance(frame.source, np.ndarray) and frame.source.shape == (120, 160, 3) for frame in frames)
    assert (frame_count(file), frame_rate(file)) == (20, pytest.approx(10))
    assert [frame.number for frame in video_frames(file, every=6)] == [0, 6, 12, 18]


def test_a_file_that_is_not_a_video_has_a_problem(write_video: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mp4").touch()
    cut = tmp_path / "cut.avi"
    whole = write_video("walk.avi").read_bytes()
    cut.write_bytes(whole[: int(0.6 * len(whole))])
    for name, words in (("text.mp4", "not a video"), ("empty.mp4", "an empty file"), ("gone.mp4", "no such file")):
        (frame,) = video_frames(tmp_path / name)
        assert frame.source is None
        assert words in frame.problem
        assert frame_count(tmp_path / name) == 0
    frames = list(video_frames(cut))
    assert 5 < len(frames) < 20, "the frames before the break are read"
    assert "the video ends after" in frames[-1].problem or frames[-1].source is not None


def write_with_pauses(file: Path, milliseconds: list[int]) -> None:
    """Write a video with a frame at each of these times."""
    av = pytest.importorskip("av")
    random = np.random.default_rng(0)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libvpx", rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in milliseconds:
            pixels = cv2.resize(random.integers(0, 256, (4, 4, 3)).astype(np.uint8), (64, 64))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("ending", ["webm", "mkv"])
def test_a_rate_that_varies_is_no_break(tmp_path: Path, ending: str) -> None:
    random = np.random.default_rng(1)
    times = [0, *np.cumsum(random.choice([33, 33, 66, 200, 500], 40)).tolist()]
    whole = tmp_path / f"meeting.{ending}"
    write_with_pauses(whole, times)
    assert frame_count(whole) > 80, "the number of frames is computed from the time"
    frames = list(video_frames(whole))
    assert [frame.problem for frame in frames] == [""] * 41
    assert [frame.time for frame in frames] == pytest.approx([time / 1000 for time in times], abs=0.04)
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames = list(video_frames(cut))
    assert 10 < len(frames) < 35
    assert "the video ends after" in frames[-1].problem


def test_an_image_sequence_or_an_address_is_not_a_video(tmp_path: Path) -> None:
    """OpenCV would open `img%02d.png` or an address; only files may be opened."""
    for name in ("img_%02d.mp4", "http:/127.0.0.1/a.mp4"):
        (frame,) = video_frames(tmp_path / name)
        assert frame.problem == "no such file"


def test_a_colon_in_a_name_is_not_a_protocol(
    write_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video().rename("2024-05-01T12:30.mp4")
    assert len(list(video_frames(Path("2024-05-01T12:30.mp4")))) == 20
    with closing(VideoWriter(Path("annotated:1.mp4"), 10)) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8))
    assert frame_count(Path("annotated:1.mp4")) == 1


def test_a_list_of_other_files_is_not_a_video(write_video: Callable[..., Path], tmp_path: Path) -> None:
    real = write_video()
    for number, text in enumerate((f"ffconcat version 1.0\nfile {real.name}\n", f"#EXTM3U\n{real.name}\n")):
        (tmp_path / f"{number}.mp4").write_text(text)
        (frame,) = video_frames(tmp_path / f"{number}.mp4")
        assert "list of other files" in frame.problem


@pytest.mark.parametrize("rate", [239.683, 119.881, 66.6667, 0.00025, 29.97])
def test_a_video_of_any_frame_rate_can_be_written(tmp_path: Path, rate: float) -> None:
    with closing(VideoWriter(tmp_path / "a.mp4", rate)) as writer:
        for _ in range(3):
            writer.write(np.zeros((1, 64, 3), np.uint8))
    assert len(list(video_frames(tmp_path / "a.mp4"))) == 3


def test_no_camera_is_one_line() -> None:
    with pytest.raises(InputError, match="no camera 97"):
        next(camera_frames(97))


def test_annotated_video_and_timeline(write_video: Callable[..., Path], tmp_path: Path, onnx_file: Path) -> None:
    file = write_video()
    network = load_onnx(onnx_file, threads=1)
    out = tmp_path / "annotated"
    rows = []
    summary = predict_files(
        [str(file)],
        network,
        InferenceConfig(make_detector=BrightSquareDetector),
        Output(draw=out),
        on_result=lambda _, of_result: rows.extend(of_result),
    )
    assert (summary.images, summary.faces) == (20, 20)
    assert [row["frame"] for row in rows] == list(range(20))
    annotated = [frame.source for frame in video_frames(out / "walk.mp4.mp4")]
    assert len(annotated) == 20
    box = rows[0]
    edge = annotated[0][int(box["y"]) + 25, int(box["x"]) + 1]  # type: ignore[index]
    plain = next(video_frames(file)).source[int(box["y"]) + 25, int(box["x"]) + 1]  # type: ignore[index]
    assert np.abs(edge.astype(int) - plain.astype(int)).max() > 20, "no box was drawn"
    with Image.open(out / "walk.mp4-timeline.png") as figure:
        assert figure.width > 800
    assert not list(out.glob(".bimodal-*"))


def test_a_long_timeline_takes_no_more_memory() -> None:
    timeline = Timeline(EMOTIONS)
    for number in range(30_000):  # twenty minutes of 25 frames a second
        seconds = number / 25
        happy = np.array([0.1, 0.8, 0.1]) if seconds > 600 else np.array([0.8, 0.1, 0.1])
        faces = () if 300 < seconds < 400 else (FaceResult(None, None, happy),)
        timeline.add(ImageResult(Frame("a", None, number, seconds), faces))
    times, means = timeline.means()
    assert len(times) <= BINS
    assert times[-1] == pytest.approx(1200, abs=timeline.bin_s)
    assert means[times < 290].mean(axis=0) == pytest.approx([0.8, 0.1, 0.1])
    assert np.isnan(means[(times > 310) & (times < 390)]).all()
    assert means[times > 610].mean(axis=0) == pytest.approx([0.1, 0.8, 0.1])


def test_frames_far_apart_leave_no_gaps() -> None:
    timeline = Timeline(EMOTIONS)
    for seconds in (0.0, 1.0, 2.0):
        timeline.add(ImageResult(Frame("a", None, 0, seconds), (FaceResult(None, None, np.array([1.0, 0, 0])),)))
    assert not np.isnan(timeline.means()[1]).any()


def test_a_video_of_odd_size_can_be_annotated(tmp_path: Path, onnx_file: Path) -> None:
    file = tmp_path / "odd.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 5, (161, 121))
    for _ in range(3):
        writer.write(np.full((121, 161, 3), 200, dtype=np.uint8))
    writer.release()
    predict_files(
        [str(file)],
        load_onnx(onnx_file, 1),
        InferenceConfig(make_detector=BrightSquareDetector),
        Output(draw=tmp_path / "annotated"),
    )
    assert len(list(video_frames(tmp_path / "annotated/odd.avi.mp4"))) == 3
