"""Inference on images: order, batches, boxes, and images of every kind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.inputs import ANNOTATED, Frame, check_inputs, display_name, find_files
from bimodal.inference.pipeline import run_inference
from bimodal.inference.results import NO_FACE, ImageResult, table_columns, table_rows
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import load_onnx
from bimodal.vision.face import Face
from tests.inference.conftest import EMOTIONS, SIZE, BrightSquareDetector, scene


@pytest.fixture(scope="module")
def network(onnx_file: Path) -> Network:
    return load_onnx(onnx_file, threads=1)


def infer(network: Network, *images: object, **options: object) -> list[ImageResult]:
    frames = [Frame(str(k), image) for k, image in enumerate(images)]  # type: ignore[arg-type]
    return list(run_inference(frames, network, InferenceConfig(make_detector=BrightSquareDetector, **options)))  # type: ignore[arg-type]


def test_all_faces_the_largest_first_with_their_boxes(network: Network) -> None:
    (result,) = infer(network, scene((5, 5, 30), (60, 10, 70)))
    assert [face.box for face in result.faces] == [(60, 10, 70, 70), (5, 5, 30, 30)]
    assert all(face.score == 0.9 and face.probabilities.sum() == pytest.approx(1) for face in result.faces)
    (largest,) = infer(network, scene((5, 5, 30), (60, 10, 70)), largest=True)
    assert [face.box for face in largest.faces] == [(60, 10, 70, 70)]
    (nothing,) = infer(network, scene())
    assert (nothing.faces, nothing.problem, nothing.is_readable) == ((), NO_FACE, True)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_neither_batches_nor_threads_change_the_results(network: Network, batch_size: int) -> None:
    pictures = [scene(*[(4 + 50 * k, 8, 20 + 6 * k) for k in range(n % 4)], seed=n) for n in range(23)]
    alone = [infer(network, picture, threads=1)[0] for picture in pictures]
    together = infer(network, *pictures, batch_size=batch_size, threads=4)
    assert [result.frame.file for result in together] == [str(k) for k in range(23)]
    for single, batched in zip(alone, together, strict=True):
        assert [face.box for face in single.faces] == [face.box for face in batched.faces]
        for one, other in zip(single.faces, batched.faces, strict=True):
            assert np.abs(one.probabilities - other.probabilities).max() < 1e-5


def test_mirrored_faces_are_averaged(network: Network) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    plain, mirrored = network.probabilities(faces), network.probabilities(faces[:, :, ::-1])
    assert np.allclose(network.probabilities(faces, flip=True), (plain + mirrored) / 2, atol=1e-6)
    assert not np.allclose(plain, mirrored, atol=1e-3)


def test_the_temperature_softens(network: Network) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    softer = Network(replace(network.info, temperature=6.0), network.forward)
    assert (softer.probabilities(faces).max(axis=1) < network.probabilities(faces).max(axis=1)).all()
    assert (softer.probabilities(faces).argmax(axis=1) == network.probabilities(faces).argmax(axis=1)).all()


def test_without_detection_each_image_is_a_face(network: Network) -> None:
    picture = scene((0, 0, 100), size=(100, 100))
    (result,) = run_inference([Frame("a", picture)], network, InferenceConfig(detect=False))
    assert result.faces[0].box is None
    assert result.faces[0].score is None
    assert np.allclose(result.faces[0].probabilities, network.probabilities(picture[None])[0])


def save(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def test_images_of_every_kind(tmp_path: Path, network: Network) -> None:
    """Every readable format gives a face; every unreadable file a result with the reason."""
    rgb = Image.fromarray(scene((0, 0, 96), size=(96, 96), seed=3))
    grey = rgb.convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6  # show it turned by 90 degrees clockwise
    frames = [rgb.convert("P"), grey.convert("P")]
    transparent = rgb.convert("P")
    transparent.info["transparency"] = 0
    readable = {
        "rgb.png": save(tmp_path, "rgb.png", rgb),
        "deep.png": save(tmp_path, "deep.png", Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)),
        "cmyk.jpg": save(tmp_path, "cmyk.jpg", rgb.convert("CMYK"), quality=98),
        "palette.png": save(tmp_path, "palette.png", transparent),
        "moves.gif": save(tmp_path, "moves.gif", frames[0], save_all=True, append_images=frames[1:]),
        "turned.jpg": save(tmp_path, "turned.jpg", rgb.rotate(90), exif=exif, quality=98, subsampling=0),
    }
    readable["phone.avif"] = save(tmp_path, "phone.avif", rgb, quality=95)
    (tmp_path / "text.jpg").write_text("a letter")
    (tmp_path / "camera.CR2").write_bytes(b"II*\0" + bytes(99))
    (tmp_path / "empty.png").touch()
    whole = (tmp_path / "rgb.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (33_000, 2)).save(tmp_path / "huge.png")
    bad = {name: tmp_path / name for name in ("text.jpg", "empty.png", "cut.png", "huge.png", "gone.png", "camera.CR2")}
    frames = [Frame(name, path) for name, path in (readable | bad).items()]
    config = InferenceConfig(detect=False, batch_size=2)
    results = {result.frame.file: result for result in run_inference(frames, network, config)}
    for name in readable:
        assert results[name].is_readable, results[name].problem
    straight, turned = (results[name].faces[0].probabilities for name in ("rgb.png", "turned.jpg"))
    assert np.abs(straight - turned).max() < 0.1, "the EXIF rotation was ignored"
    for name in bad:
        assert (results[name].is_readable, results[name].faces) == (False, ())
        assert results[name].problem.startswith("unreadable: ")
    assert "no such file" in results["gone.png"].problem
    assert "too large" in results["huge.png"].problem
    assert "raw file of a camera" in results["camera.CR2"].problem
    assert {path.name for path in find_files([tmp_path])} == (readable | bad).keys() - {"gone.png"}, "none vanishes"


def test_a_large_jpeg_is_decoded_small_and_its_boxes_are_in_its_own_pixels(tmp_path: Path, network: Network) -> None:
    picture = np.zeros((3000, 4000, 3), dtype=np.uint8)
    picture[400:1600, 800:2000] = 200
    Image.fromarray(picture).save(tmp_path / "large.jpg", quality=95)
    sizes = []

    class Recorder(BrightSquareDetector):
        def detect(self, image: np.ndarray) -> list:  # type: ignore[type-arg]
            sizes.append(image.shape)
            return super().detect(image)

    (result,) = run_inference(
        [Frame("large", tmp_path / "large.jpg")], network, InferenceConfig(make_detector=Recorder)
    )
    assert sizes == [(1500, 2000, 3)]
    assert result.faces[0].box == pytest.approx((800, 400, 1200, 1200), abs=20)


def test_the_rows_of_a_result(network: Network) -> None:
    result, nothing = infer(network, scene((5, 5, 30), (60, 10, 70)), scene())
    first, second = table_rows(result, EMOTIONS)
    assert list(first) == list(table_columns(EMOTIONS))
    assert (first["x"], first["y"], first["width"], first["height"]) == (60, 10, 70, 70)
    assert first["emotion"] == max(EMOTIONS, key=lambda name: first[f"p_{name}"])
    assert sum(second[f"p_{name}"] for name in EMOTIONS) == pytest.approx(1, abs=1e-5)
    (row,) = table_rows(nothing, EMOTIONS)
    assert (row["emotion"], row["note"]) == (None, NO_FACE)


def test_files_folders_and_patterns_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b/2.png", "b/1.JPG", "b/c/3.webp", "b/notes.txt", "b/.hidden/4.png", "a.mp4", "b/d\ne.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    found = [str(path) for path in find_files(["b", "a.mp4", "b/*.png", "b/notes.txt"])]
    assert found == ["b/1.JPG", "b/2.png", "b/c/3.webp", "b/d\ne.png", "a.mp4", "b/notes.txt"]
    (tmp_path / "b/annotated").mkdir()
    (tmp_path / "b/annotated/9.png").touch()
    (tmp_path / f"b/annotated/{ANNOTATED}").touch()
    assert not [path for path in find_files(["b"]) if path.name == "9.png"], "annotated copies must not be read"
    deep = tmp_path / "deep"
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "1.png").touch()
    assert list(find_files(["deep"])) == [deep.relative_to(tmp_path) / "1.png"]
    (tmp_path / "empty").mkdir()
    for given, words in (
        (["empty"], "has no images"),
        (["x.png"], "no file or folder"),
        (["x*.png"], "has no images"),
    ):
        with pytest.raises(InputError, match=words):
            list(find_files(given))
        with pytest.raises(InputError, match=words):
            check_inputs(["b", *given])


def test_a_link_that_is_given_is_walked_and_one_below_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/1.png").touch()
    (tmp_path / "faces/ring").symlink_to(tmp_path / "faces")
    (tmp_path / "link").symlink_to(tmp_path / "faces")
    assert list(find_files([str(tmp_path / "link")])) == [tmp_path / "link/1.png"]


def test_an_unusable_batch_size_is_refused() -> None:
    with pytest.raises(InputError, match="--batch-size"):
        InferenceConfig(batch_size=0)


def test_file_names_cannot_send_control_codes_to_the_terminal() -> None:
    assert display_name("\x1b]0;owned\x07\n.png") == r"\x1b]0;owned\x07\n.png"
    assert display_name("Ümit 1.png") == "Ümit 1.png"
    assert display_name("\udcff.png") == r"\udcff.png"


def test_results_do_not_keep_the_pixels(network: Network) -> None:
    (result,) = infer(network, scene((5, 5, 30)))
    assert result.frame.source is None
    assert result.pixels is None


def test_faces_are_tiny_where_the_file_has_more_pixels(network: Network, tmp_path: Path) -> None:
    class Reduced(BrightSquareDetector):
        def detect(self, image: np.ndarray) -> list[Face]:
            return [replace(face, scale=0.5) for face in super().detect(image)]

    image = scene((5, 5, 40), (60, 10, 60))
    assert [result.tiny for result in infer(network, image)] == [0], "searched at full size"
    (result,) = run_inference([Frame("a", image)], network, InferenceConfig(make_detector=Reduced))
    assert (len(result.faces), result.tiny) == (2, 1), "40 and 60 pixels, seen as 20 and 30"


def test_videos_are_searched_once_unless_a_side_is_given(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int | None] = []

    class Spy(BrightSquareDetector):
        def __init__(self, model: Path, coarse: bool, side: int | None) -> None:
            self.side = side

        def detect(self, image: np.ndarray) -> list[Face]:
            made.append(self.side)
            return super().detect(image)

    monkeypatch.setattr("bimodal.inference.pipeline.Detector", Spy)
    frames = [Frame("photo", scene((5, 5, 40))), Frame("video", scene((5, 5, 40)), 0, 0.0)]
    for side in (None, 4096):
        list(run_inference(frames, network, InferenceConfig(detector=Path("x"), detect_side=side, threads=1)))
    assert made == [None, 640, 4096, 4096]
