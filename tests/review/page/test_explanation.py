"""Which pixels of an uploaded face speak for an emotion: of a real network, with the limits of every upload."""

import os
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from bimodal.inference.load import load
from bimodal.inference.occlusion import occlusion_map
from bimodal.review.recogniser import Recogniser
from bimodal.review.uploads import MAX_BYTES
from bimodal.review.workspace import Workspace
from bimodal.vision.pictures import decode

PATH = "/api/predict/explanation"
SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[3] / ".." / "shared"))
DETECTOR = SHARED / "models/face_detection_yunet_2023mar.onnx"


@pytest.fixture
def face(unchanged: Workspace) -> bytes:
    return unchanged.review.opened.manifest.path(0).read_bytes()


def test_the_map_is_that_of_the_network(reader: TestClient, face: bytes) -> None:
    answer = reader.post(PATH, params={"emotion": "happy", "detect": False}, content=face)
    assert answer.status_code == 200, answer.text
    network = load()
    wanted = occlusion_map(network, decode(face), network.info.emotions.index("happy"))
    np.testing.assert_allclose(answer.json()["cells"], wanted, atol=1e-3)
    with Image.open(BytesIO(b64decode(answer.json()["face"]))) as shown:
        assert shown.size == (224, 224)


def test_bad_uploads_are_refused(reader: TestClient, face: bytes) -> None:
    for params, content, status in (
        ({"emotion": "bored", "detect": False}, face, 400),
        ({"emotion": "happy", "detect": False}, b"no picture", 400),
        ({"emotion": "happy", "detect": False}, b"", 400),
        ({"detect": False}, face, 422),
        ({"emotion": "happy", "face": -1}, face, 422),
        ({"emotion": "happy"}, bytes(MAX_BYTES + 1), 413),
    ):
        assert reader.post(PATH, params=params, content=content).status_code == status, (params, content[:10])
    del reader.headers["x-csrf-token"]
    assert reader.post(PATH, params={"emotion": "happy"}, content=face).status_code == 403


@pytest.mark.skipif(not DETECTOR.is_file(), reason="needs the face detector")
def test_a_face_that_is_not_there_is_refused() -> None:
    from bimodal.errors import InputError

    recogniser, blank = Recogniser(DETECTOR), np.zeros((200, 200, 3), np.uint8)
    assert recogniser.predict(blank, detect=True).problem == "no face found"
    assert recogniser.predict(blank, detect=True, is_frame=True).faces == ()
    with pytest.raises(InputError, match="got 0"):
        recogniser.explain(blank, True, 0, "happy")


@pytest.mark.skipif(not DETECTOR.is_file() or not (SHARED / "data/faces").is_dir(), reason="needs photographs")
def test_a_detected_face_is_explained_as_it_is_predicted() -> None:
    pixels = decode(sorted((SHARED / "data/faces/happy").glob("*.jpg"))[0])
    recogniser = Recogniser(DETECTOR)
    (found,) = recogniser.predict(pixels, detect=True).faces
    emotion = recogniser.network().info.emotions[int(found.probabilities.argmax())]
    explained = recogniser.explain(pixels, True, 0, emotion)
    assert explained.face.shape == (224, 224, 3)
    assert explained.cells.max() > 0.01
