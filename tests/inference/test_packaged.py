"""The packaged network: its checksums, its model card, and equal logits from both of its files."""

import dataclasses
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import bimodal
from bimodal.errors import InputError
from bimodal.experiments.pretrain.two_heads import VotesNetwork, read_two_heads
from bimodal.model_files.packaged import FACE, FACE_INT8, FOLDER, ONNX, ONNX_INT8, TRAINING_DIGESTS, WEIGHTS
from bimodal.models import EmotionClassifier, hub, weights
from bimodal.synthetic.dataset import draw_set
from bimodal.training.settings import TrainSettings
from tests.conftest import Outcome

SHARED = Path(os.environ.get("BIMODAL_SHARED", Path(__file__).parents[2] / ".." / "shared"))
YUNET, PHOTOGRAPHS = SHARED / "models" / "face_detection_yunet_2023mar.onnx", SHARED / "data" / "faces"


def test_the_checksums_are_right() -> None:
    stated = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    assert set(stated) == {WEIGHTS, ONNX, ONNX_INT8, TRAINING_DIGESTS}
    for name, digest in stated.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert (FOLDER / WEIGHTS).stat().st_size <= 6e6
    for name in (ONNX, ONNX_INT8):
        assert not re.search(rb"\.py\b", (FOLDER / name).read_bytes()), "paths of the machine that made it"


def test_the_model_card_has_the_measured_accuracies() -> None:
    card, measures = (FOLDER / "README.md").read_text(), json.loads((FOLDER / "measures.json").read_text())
    for head in ("votes", "own"):
        (stated,) = re.findall(rf"^\| {head} \|.*?\| ([\d.]+) \(", card, re.MULTILINE)
        assert float(stated) == pytest.approx(100 * measures[head]["accuracy"][0], abs=0.051)
    assert measures["own"]["faces"] > measures["votes"]["faces"] > 2000
    (eight_bits,) = re.findall(r"^\| votes, with 8 bits \|.*?\| ([\d.]+) \(", card, re.MULTILINE)
    assert float(eight_bits) == pytest.approx(100 * measures["votes_int8"]["accuracy"][0], abs=0.051)
    assert measures["votes"]["accuracy"][0] - measures["votes_int8"]["accuracy"][0] < 0.01


def test_both_files_give_the_same_logits() -> None:
    network = bimodal.load()
    size = network.info.image_size
    faces = draw_set(14, size=size).images
    inputs = network.normalise(faces)
    with torch.inference_mode():
        logits = VotesNetwork(read_two_heads(FOLDER / WEIGHTS))(torch.from_numpy(inputs)).numpy()
    assert np.abs(network.forward(inputs) - logits).max() < 1e-4


def test_eight_bits_give_nearly_the_same_probabilities() -> None:
    single, eight_bits = bimodal.load(FACE), bimodal.load(FACE_INT8)
    assert eight_bits.info == dataclasses.replace(single.info, name=FACE_INT8)
    faces = draw_set(70, size=single.info.image_size).images
    assert np.abs(single.probabilities(faces) - eight_bits.probabilities(faces)).mean() < 0.02
    kinds = Counter(node.op_type for node in onnx.load(FOLDER / ONNX_INT8).graph.node)
    assert kinds["QuantizeLinear"] > 20, "activations are quantised"
    assert (FOLDER / ONNX_INT8).stat().st_size < 0.6 * (FOLDER / ONNX).stat().st_size
    with pytest.raises(InputError, match="only predicts"):
        hub.fetch(FACE_INT8)


def test_the_preset_face_starts_from_its_weights() -> None:
    settings = TrainSettings.preset("face")
    assert (settings.backbone, settings.pretrained) == (FACE, True)
    model = EmotionClassifier(settings.backbone, settings.hidden, image_size=settings.image_size)
    state = weights.read(hub.fetch(FACE))
    weights.load_into(model.backbone, state, FACE)
    weight = model.backbone.state_dict()["stem.0.weight"]
    torch.testing.assert_close(weight, read_two_heads(FOLDER / WEIGHTS).backbone.stem[0].weight)


def test_predict_uses_it_by_default(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    for number, picture in enumerate(draw_set(7, size=96).images):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    result = cli("predict", tmp_path, "--no-detect", "--out", tmp_path / "table.jsonl")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert len(rows) == 7
    for row in rows:
        shares = [value for name, value in row.items() if name.startswith("p_")]
        assert len(shares) == 8
        assert sum(shares) == pytest.approx(1, abs=1e-4)


@pytest.mark.skipif(not (YUNET.is_file() and PHOTOGRAPHS.is_dir()), reason=f"no photographs or no YuNet in {SHARED}")
def test_it_classifies_photographs_outside_of_its_training_data() -> None:
    names = ("happy", "neutral", "surprise", "sad")
    files = {name: sorted((PHOTOGRAPHS / name).glob("*.jpg"))[:25] for name in names}
    table = bimodal.predict(
        [str(file) for of_emotion in files.values() for file in of_emotion], detector=YUNET, largest=True
    )
    predicted = dict(zip(table["file"], table["emotion"], strict=True))
    correct = {
        name: np.mean([predicted[str(file)] == name for file in of_emotion]) for name, of_emotion in files.items()
    }
    assert correct["happy"] > 0.7
    assert np.mean(list(correct.values())) > 0.6
