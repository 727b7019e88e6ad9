import os
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from bimodal.errors import InputError
from bimodal.vision import faces
from bimodal.vision.faces import TEMPLATE, Detector, align, centre_square, detector_file, similarity
from bimodal.vision.pictures import decode

SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[2] / ".." / "shared"))
MODEL = SHARED / "models" / "face_detection_yunet_2023mar.onnx"
needs_model = pytest.mark.skipif(not MODEL.exists(), reason=f"no YuNet at {MODEL}")


def test_similarity_against_least_squares() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points, onto = rng.normal(size=(2, 5, 2)) * 100
        rows, values = [], []
        for (x, y), (u, v) in zip(points, onto, strict=True):
            rows += [[x, -y, 1, 0], [y, x, 0, 1]]
            values += [u, v]
        a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
        np.testing.assert_allclose(similarity(points, onto), [[a, -b, tx], [b, a, ty]], atol=1e-8)


def test_similarity_recovers_a_transform() -> None:
    angle, scale = 0.7, 2.5
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.random.default_rng(1).normal(size=(5, 2))
    matrix = similarity(points, points @ turn.T + [3, -4])
    np.testing.assert_allclose(matrix, np.column_stack([turn, [3, -4]]), atol=1e-12)
    assert np.isfinite(similarity(np.ones((5, 2)), TEMPLATE)).all()


@pytest.mark.parametrize("scale", [0.3, 1.0, 6.0])
def test_align_maps_the_landmarks_to_the_template(scale: float) -> None:
    angle = 0.5
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (TEMPLATE * 224) @ turn.T + [150 * scale, 60 * scale]
    image = np.zeros((int(450 * scale), int(450 * scale), 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(image, (round(x), round(y)), max(2, round(5 * scale)), (255, 255, 255), -1)
    result = align(image, landmarks)
    assert result.shape == (224, 224, 3)
    assert result.dtype == np.uint8
    for x, y in TEMPLATE * 224:
        assert result[round(y), round(x)].min() > 150
    assert result[:40].max() == 0


def test_centre_square() -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert (centre_square(image, 50) == 200).all()
    assert centre_square(image.transpose(1, 0, 2), 5).shape == (5, 5, 3)


def test_a_file_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face detector"):
        Detector(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match="not a YuNet"):
        Detector(tmp_path / "text.onnx")


def test_without_a_network_the_error_names_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        monkeypatch.setattr(faces, "DETECTOR_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/yunet.onnx")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        with pytest.raises(InputError, match="--detector FILE"):
            detector_file()
    assert detector_file(tmp_path / "own.onnx") == tmp_path / "own.onnx"


def test_a_download_with_another_checksum_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import functools
    import http.server
    import threading

    (tmp_path / "yunet.onnx").write_bytes(b"something else")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(faces, "DETECTOR_URL", f"http://127.0.0.1:{server.server_port}/yunet.onnx")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(InputError, match="--detector FILE"):
            detector_file()
        server.shutdown()
    assert not list((tmp_path / "cache").rglob("*.onnx"))


@needs_model
def test_no_face_in_noise_or_in_odd_shapes() -> None:
    detector = Detector(MODEL)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    for shape in ((1, 1, 3), (1, 3000, 3), (3000, 1, 3)):
        assert detector.detect(np.full(shape, 128, np.uint8)) == []


@needs_model
def test_real_faces_come_out_upright() -> None:
    folder = SHARED / "data" / "faces"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    detector = Detector(MODEL)
    paths = sorted(folder.glob("*/*.jpg"))[::80]
    found, distances, tilts = 0, [], []
    for path in paths:
        image = decode(path)
        upright = detector.detect(image)
        turned = np.ascontiguousarray(np.rot90(image)) if found % 2 else image
        if not upright:
            continue
        found += 1
        faces_now = detector.detect(turned) or upright
        source = turned if faces_now is not upright else image
        again = detector.detect(align(source, faces_now[0].landmarks))
        if again:
            distances.append(abs(again[0].landmarks / 224 - TEMPLATE).mean())
            eyes = again[0].landmarks[1] - again[0].landmarks[0]
            tilts.append(abs(np.degrees(np.arctan2(eyes[1], eyes[0]))))
    assert found >= 0.9 * len(paths)
    assert np.median(distances) < 0.03
    assert np.median(tilts) < 5


@needs_model
def test_the_coarse_pass_suffices_for_a_face_that_fills_the_picture() -> None:
    folder = SHARED / "data" / "faces"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    full, coarse = Detector(MODEL), Detector(MODEL, coarse=True)
    distances, lost = [], 0
    for path in sorted(folder.glob("*/*.jpg"))[::40]:
        image = decode(path)
        long, short = full.detect(image), coarse.detect(image)
        assert bool(short) == bool(long)
        lost += len(long) - len(short)
        distances += [
            abs(a.landmarks - b.landmarks).mean() / a.box[2] for a, b in zip(long[:1], short[:1], strict=True)
        ]
    assert abs(lost) <= 1, "one photograph has a second face at its edge"
    assert 0 < np.median(distances) < 0.05, "the coarse pass was not used"
    small = np.full((480, 640, 3), 90, np.uint8)  # no face fills this picture
    small[300:460, 30:190] = small[20:180, 450:610] = cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA)
    assert len(coarse.detect(small)) == len(full.detect(small)) == 2


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.02, 0.1), (0.97, 0.95)])
def test_a_small_face_of_a_large_picture_is_cropped_as_from_the_whole_picture(
    place: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (36, 64, 3), dtype=np.uint8)
    picture = cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_CUBIC)
    turn = np.array([[0.94, -0.34], [0.34, 0.94]])
    landmarks = (TEMPLATE - 0.5) @ turn * 180 + np.array(place) * [1280, 720]
    near = align(picture, landmarks, 44)
    monkeypatch.setattr(faces, "_near", lambda image, landmarks, *_: (image, landmarks))
    whole = align(picture, landmarks, 44)
    assert near.std() > 20
    assert np.abs(near.astype(int) - whole).mean() < 1.5, "only the grid by which the picture is reduced differs"
    assert ((near == 0) == (whole == 0)).mean() > 0.98, "outside of the picture it is black"
