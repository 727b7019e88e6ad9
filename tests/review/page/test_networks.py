"""The tab Try predicts with the packaged network, with that of --model, or with the network of a finished run."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from bimodal.errors import InputError
from bimodal.inference.load import load
from bimodal.model_files.network import Network
from bimodal.review import recogniser as module
from bimodal.review.app import create_app
from bimodal.review.recogniser import Recogniser
from bimodal.review.security import Access
from bimodal.review.workspace import Workspace
from tests.review.page.conftest import BASE
from tests.runs import write_run


def network_of(name: str, emotion: int) -> Network:
    """Return a network that always predicts the same emotion."""
    whole = load()

    def forward(faces: np.ndarray) -> np.ndarray:
        return np.tile(20 * np.eye(len(whole.info.emotions), dtype=np.float32)[emotion], (len(faces), 1))

    return replace(whole, info=replace(whole.info, name=name, aligned=False), forward=forward)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose networks were loaded; each predicts the emotion of its number."""
    names: list[str] = []

    def load_run(path: Path | None = None) -> Network:
        assert path is not None
        names.append(path.name)
        return network_of(path.name, int(path.name[-1]))

    monkeypatch.setattr(module, "load", load_run)
    return names


def test_a_run_is_chosen_by_its_number(tmp_path: Path, loaded: list[str]) -> None:
    for number in (1, 2):
        (write_run(tmp_path, f"run-{number}") / "model.safetensors").touch()
    write_run(tmp_path, "run-3")
    workspace = Workspace(tmp_path / "audit", network=network_of("mine", 4))
    access = Access.new(8017, with_token=False)
    client = TestClient(create_app(workspace, access), base_url=BASE, headers={"x-csrf-token": access.csrf})
    networks = client.get("/api/predict/networks").json()
    assert [each["name"] for each in networks] == ["mine", "run-1", "run-2"], "unfinished runs have no network"
    assert [each["is_aligned"] for each in networks] == [False, True, True]
    emotions = list(load().info.emotions)
    buffer = BytesIO()
    Image.new("RGB", (48, 48), "grey").save(buffer, "PNG")
    picture = buffer.getvalue()
    for each, emotion in zip(networks, (4, 1, 2), strict=True):
        params = {"detect": "false"} | ({} if each["run"] is None else {"run": each["run"]})
        answer = client.post("/api/predict", params=params, content=picture).json()
        (face,) = answer["faces"]
        assert answer["network"] == each["name"]
        assert max(face["probabilities"], key=face["probabilities"].get) == emotions[emotion]
        params["emotion"] = emotions[emotion]
        assert client.post("/api/predict/explanation", params=params, content=picture).status_code == 200
    assert loaded == ["run-1", "run-2"], "each was loaded once"
    unfinished = next(each["number"] for each in client.get("/api/runs").json() if each["name"] == "run-3")
    for run, status in ((unfinished, 400), (99, 404), (-1, 422), ("..", 422)):
        answer = client.post("/api/predict", params={"detect": "false", "run": run}, content=picture)
        assert answer.status_code == status, answer.text


def test_a_run_that_is_trained_anew_is_loaded_anew_and_few_are_kept(tmp_path: Path, loaded: list[str]) -> None:
    recogniser = Recogniser()
    paths = [tmp_path / f"run-{number}" for number in range(5)]
    for path in paths:
        path.mkdir()
        (path / "model.safetensors").touch()
    for path in [paths[0], paths[0], *paths[1:], paths[0]]:
        recogniser.network(path)
    assert loaded == [path.name for path in [*paths, paths[0]]]
    assert len(recogniser._of_runs) == 3
    os.utime(paths[0] / "model.safetensors", (1, 1))
    recogniser.network(paths[0])
    assert loaded[-2:] == ["run-0", "run-0"]
    with pytest.raises(InputError, match="not finished"):
        recogniser.network(tmp_path)
