"""A small pretraining: its files work, a resumed one gives the same weights, votes are read as FERPlus does."""

import csv
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import bimodal as package
from bimodal.experiments.pretrain.augment import augment_faces
from bimodal.experiments.pretrain.faces import has_majority, read_faces, vote_shares
from bimodal.experiments.pretrain.module import votes_loss
from bimodal.experiments.pretrain.pretrain import pretrain
from bimodal.experiments.pretrain.recipe import Recipe
from bimodal.experiments.pretrain.two_heads import predict_both, read_two_heads
from bimodal.experiments.votes import ANSWERS, EMOTIONS, read_vote_counts
from bimodal.model_files.packaged import FACE, ONNX, ONNX_INT8, TRAINING_DIGESTS, WEIGHTS
from bimodal.models import weights
from bimodal.models.face_net import FaceNet
from tests.conftest import Outcome, fails_with_one_line, write_data

SMALL = Recipe(epochs=3, distill_epochs=2, batch_size=16, first_size=24, last_size=32, distill_size=36)
_FERPLUS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
}


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder like FER2013's with votes: seven of ten for the label."""
    folder = write_data(tmp_path_factory.mktemp("fer"), {"train": 70, "val": 21, "test": 21}, size=48)
    table = pd.read_csv(folder / "manifest.csv")
    votes = [f"{_FERPLUS.get(label, label)}:7 contempt:2 NF:1" for label in table["label"]]
    pd.DataFrame({"image": table["image"], "votes": votes}).to_csv(folder / "origins.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def made(fer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "face-s"
    pretrain(fer, out, SMALL, accelerator="cpu")
    return out


@pytest.mark.slow
def test_all_files_exist_and_their_checksums_are_right(made: Path) -> None:
    names = {"README.md", "SHA256SUMS", "config.yaml", "environment.json", "log.csv", "measures.json", "model.json"}
    assert names | {WEIGHTS, ONNX, ONNX_INT8, TRAINING_DIGESTS} <= {path.name for path in made.iterdir()}
    for line in (made / "SHA256SUMS").read_text().splitlines():
        stated, name = line.split()
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == stated
    assert (made / WEIGHTS).stat().st_size <= 6e6
    with (made / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["size"]) for row in rows] == [
        ("1", "24"), ("2", "28"), ("3", "32"), ("4", "32"), ("5", "36"),
    ]  # fmt: skip
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    measures = json.loads((made / "measures.json").read_text())
    assert (measures["votes"]["faces"], measures["own"]["faces"]) == (21, 21)
    card = (made / "README.md").read_text()
    for words in ("does not prove a feeling", "licence", "by emotion", "What it must not be used for"):
        assert words in card


def test_the_onnx_file_and_the_weights_give_the_same_logits(made: Path, fer: Path) -> None:
    network = package.load(made / ONNX)
    assert (network.info.name, network.info.emotions) == (FACE, EMOTIONS)
    _, faces = read_faces(fer)
    votes, labels = predict_both(read_two_heads(made / WEIGHTS), faces["test"])
    assert labels.shape == (21, 7)
    grey = np.repeat(faces["test"].pictures[..., None], 3, axis=3)
    assert np.abs(network.forward(network.normalise(grey)) - votes).max() < 1e-4


def test_the_weights_start_a_backbone(made: Path) -> None:
    backbone = FaceNet()
    before = backbone.stem[0].weight.clone()
    weights.load_into(backbone, weights.read(made / WEIGHTS), FACE)
    assert not torch.equal(backbone.stem[0].weight, before)


class StopError(Exception):
    """Interrupts a pretraining as Ctrl-C does."""


class StopAfter(logging.Handler):
    """Interrupts the pretraining when it logs a line that starts so, once for each start."""

    def __init__(self, *starts: str) -> None:
        super().__init__()
        self.starts = list(starts)

    def emit(self, record: logging.LogRecord) -> None:
        if self.starts and record.getMessage().startswith(self.starts[0]):
            self.starts.pop(0)
            raise StopError


@pytest.mark.slow
def test_a_resumed_pretraining_gives_the_same_weights(
    fer: Path, made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "resumed"
    stop = StopAfter("epoch 3", "epoch 5")  # one in each stage
    logger = logging.getLogger("bimodal")
    with caplog.at_level(logging.INFO, "bimodal"):
        logger.addHandler(stop)
        for recipe in (SMALL, None):
            with pytest.raises(StopError):
                pretrain(fer, out, recipe, accelerator="cpu", resume=recipe is None)
            assert not (out / WEIGHTS).exists()
        logger.removeHandler(stop)
        caplog.clear()
        pretrain(fer, out, accelerator="cpu", resume=True)
        starts = [message[:10] for message in caplog.messages[:2]]
        assert starts == ["predicting", "epoch 5 of"], "finished epochs are not trained again"
        assert (out / WEIGHTS).read_bytes() == (made / WEIGHTS).read_bytes()
        (out / "SHA256SUMS").unlink()
        (out / WEIGHTS).unlink()  # as after an interruption between the last epoch and the outputs
        pretrain(fer, out, accelerator="cpu", resume=True)
        assert (out / WEIGHTS).read_bytes() == (made / WEIGHTS).read_bytes()
        pretrain(fer, out, accelerator="cpu", resume=True)
        assert caplog.messages[-1].endswith("is finished already")


def test_unusable_input_is_refused_with_one_line(
    fer: Path, made: Path, tiny_data: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    fails_with_one_line(cli("pretrain", tiny_data, "--out", tmp_path / "a"), "has no votes", "--votes")
    fails_with_one_line(cli("pretrain", fer, "--out", made), "exists", "--resume")
    fails_with_one_line(cli("pretrain", fer, "--out", tmp_path / "a", "--resume"), "no pretraining to resume")
    fails_with_one_line(cli("pretrain", fer, "--out", made, "--resume", "--epochs", 9), "another recipe")
    assert cli("pretrain", fer, "--out", made, "--resume", "--epochs", 3).returncode == 0
    fails_with_one_line(cli("pretrain", fer, "--out", tmp_path / "a", "--lr", 0), "--lr must be")
    fails_with_one_line(cli("pretrain", fer, "--out", tmp_path / "a", "--accelerator", "tpu"), "--accelerator")
    assert not (tmp_path / "a").exists()


def votes(**counts: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([[counts.get(name, 0) for name in ANSWERS]])


def test_votes_are_read_as_ferplus_does() -> None:
    shares = vote_shares(votes(happy=6, neutral=3, fear=1))[0]
    assert shares[EMOTIONS.index("happy")] == pytest.approx(2 / 3)
    assert shares[EMOTIONS.index("fear")] == 0, "a single vote is a slip"
    assert vote_shares(votes(NF=6, happy=4)).sum() == 0
    assert vote_shares(votes(**dict.fromkeys(ANSWERS, 1))).sum() == 0
    assert has_majority(votes(happy=6, neutral=4)).all()
    assert not has_majority(votes(happy=5, neutral=5)).any()
    assert not has_majority(votes(NF=6, neutral=4)).any()
    assert has_majority(votes(contempt=6, unknown=4)).all()


def test_votes_are_counted_by_answer(fer: Path) -> None:
    manifest, _ = read_faces(fer)
    counts = read_vote_counts(manifest)
    assert (counts[np.arange(len(manifest)), manifest.labels] == 7).all()
    assert (counts[:, ANSWERS.index("contempt")] == 2).all()
    assert (counts[:, ANSWERS.index("NF")] == 1).all()
    assert (counts.sum(axis=1) == 10).all()


def test_faces_without_votes_do_not_change_the_loss() -> None:
    logits = torch.randn(3, 8)
    shares = torch.zeros(3, 8)
    shares[0, 2] = 1
    assert votes_loss(logits, shares) == pytest.approx(float(-logits[0].log_softmax(0)[2]))
    assert votes_loss(logits, torch.zeros(3, 8)) == 0


def test_augmentation_depends_on_its_generator_only_and_keeps_the_range() -> None:
    pictures = torch.randint(0, 256, (64, 48, 48), dtype=torch.uint8)
    one, two = (augment_faces(pictures, 40, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, augment_faces(pictures, 40, torch.Generator().manual_seed(4)))
    assert one.shape == (64, 1, 40, 40)
    assert float(one.min()) > -1
    assert float(one.max()) < 2.2
    flat = augment_faces(torch.full((64, 48, 48), 128, dtype=torch.uint8), 40, torch.Generator().manual_seed(0))
    assert (flat.std(dim=(2, 3)) < 0.01).float().mean() > 0.5, (
        "a face of one colour keeps it, except in the erased patch"
    )
