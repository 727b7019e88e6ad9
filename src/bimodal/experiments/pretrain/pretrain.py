"""`bimodal pretrain` from end to end: a data folder of FER2013 in, the files of the packaged network out."""

import csv
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import yaml
from lightning.pytorch.callbacks import RichProgressBar, WeightAveraging
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.evaluation.calibration import fit_temperature, log_softmax
from bimodal.evaluation.metrics import Measures, measure
from bimodal.experiments.pretrain.card import model_card
from bimodal.experiments.pretrain.faces import FaceBatches, Faces, read_faces
from bimodal.experiments.pretrain.module import PretrainModule, TwoHeads
from bimodal.experiments.pretrain.recipe import EMOTIONS, TEMPLATE, Course, Recipe
from bimodal.export.onnx import require_packages, write_onnx
from bimodal.files import locked, sha256_of, write_atomically
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.model_files.packaged import FACE, ONNX, TRAINING_DIGESTS, WEIGHTS, short_digests
from bimodal.models.face_net import SIZE
from bimodal.progress import inform
from bimodal.settings import plain_yaml
from bimodal.training.checkpoint import AtomicCheckpointIO
from bimodal.training.memory import keep_freed_memory
from bimodal.training.environment import environment_of
from bimodal.training.hardware import choose_precision
from bimodal.version import __version__

CONFIG, LOG, FINISHED = "config.yaml", "log.csv", "SHA256SUMS"
STATES = ("last.ckpt", "again.ckpt")
"""What to resume from, of each course."""
_PREDICT_BATCH = 256
_COMPARED = 256
_BINS = 15


def pretrain(
    data: Path,
    out: Path,
    recipe: Recipe | None = None,
    *,
    accelerator: str = "auto",
    resume: bool = False,
) -> Path:
    """Train the packaged network, or go on with it, and write its files.

    The test faces are looked at once, after the last epoch.

    Args:
        data: FER2013, prepared with the votes of FERPlus.
        out: the folder to write: weights in half precision, ONNX, description, model card, log, checksums.
        recipe: the numbers; of a resumed call those that it began with.
        accelerator: `auto`, `cpu` or `cuda`.
        resume: go on from the last finished epoch.

    Raises:
        InputError: the data are others, or `out` holds something else.
    """
    require_packages("onnx", "onnxscript")
    out = Path(out)
    if accelerator not in ("auto", "cpu", "cuda") or (accelerator == "cuda" and not torch.cuda.is_available()):
        raise InputError(f"--accelerator must be auto, cpu or, with a CUDA device, cuda; got {accelerator!r}")
    manifest, faces = read_faces(data)
    for split, own in faces.items():
        if len(own) < 2:
            raise InputError(f"{data} has no faces in split {split}; prepare FER2013 anew")
    recipe = _begin(out, manifest, recipe, resume)
    with locked(out):
        if (out / FINISHED).is_file():
            inform(f"{out} is finished already")
            return out
        model = _train(faces, out, recipe, accelerator)
        inform("measuring, once, on the test faces")
        _finish(model, faces, manifest, out, recipe)
    return out


def _begin(out: Path, manifest: Manifest, recipe: Recipe | None, resume: bool) -> Recipe:
    """Make the folder, or see that it is of this training; return the recipe."""
    file = out / CONFIG
    if resume:
        own, fingerprint = read_recipe(out)
        same = fingerprint == manifest.fingerprint
        if not same or (recipe is not None and recipe != own):
            raise InputError(f"{out} began with another recipe or other faces; choose another --out")
        return own
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists; choose another --out, or go on with --resume")
    recipe = recipe or Recipe()
    out.mkdir(parents=True, exist_ok=True)
    config = {"bimodal": __version__, "data_fingerprint": manifest.fingerprint, "recipe": asdict(recipe)}
    environment = json.dumps(environment_of(manifest, recipe.seed), indent=1)
    _write_text(out / "environment.json", environment)
    _write_text(file, yaml.safe_dump(config, sort_keys=False))
    return recipe


def read_recipe(out: Path) -> tuple[Recipe, str]:
    """Return the recipe that a pretraining began with, and the fingerprint of its faces.

    Raises:
        InputError: the folder holds none.
    """
    try:
        known = plain_yaml((out / CONFIG).read_text(encoding="utf-8"))
        return Recipe(**known["recipe"]), str(known["data_fingerprint"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError) as error:
        raise InputError(f"{out} holds no pretraining to resume; begin one without --resume") from error


def _train(faces: dict[str, Faces], out: Path, recipe: Recipe, accelerator: str) -> TwoHeads:
    """Train course after course, and return the network with its averaged weights, on the CPU."""
    keep_freed_memory()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    model: TwoHeads | None = None
    rows: list[dict[str, Any]] = []
    for course, state in zip(recipe.courses, STATES, strict=False):
        model, rows = _train_course(faces, out, recipe, course, state, accelerator, model, rows)
    assert model is not None
    return model


def _train_course(
    faces: dict[str, Faces],
    out: Path,
    recipe: Recipe,
    course: Course,
    state_name: str,
    accelerator: str,
    before: TwoHeads | None,
    rows: list[dict[str, Any]],
) -> tuple[TwoHeads, list[dict[str, Any]]]:
    """Train a course, or go on with it; return the network and the rows of the log so far."""
    pl.seed_everything(recipe.seed, verbose=False)
    order = Shuffled(len(faces["train"]), recipe.batch_size, recipe.seed, course.start)
    module = PretrainModule(recipe, course, course.start * len(order))
    predictions_at_removal = None
    if before is not None:
        module.model.load_state_dict(before.state_dict())
        inform("asking the network what it says of the training faces")
        predictions_at_removal = opinions_of(before, faces["train"])
    cuda = accelerator != "cpu" and torch.cuda.is_available()
    state = out / state_name
    log = _KeepState(out / LOG, state, rows, recipe)
    bar = sys.stderr.isatty()
    trainer = pl.Trainer(
        accelerator="cuda" if cuda else "cpu",
        devices=1,
        precision=choose_precision("auto", cuda),
        max_epochs=course.epochs,
        callbacks=[
            WeightAveraging(avg_fn=running_average(recipe.average)),
            log,
            *([RichProgressBar(leave=False)] if bar else []),
        ],
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    train = DataLoader(FaceBatches(faces["train"], predictions_at_removal), batch_size=None, sampler=order)
    val = DataLoader(FaceBatches(faces["val"]), batch_size=None, sampler=_InOrder(len(faces["val"])))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on workers
            trainer.fit(module, train, val, ckpt_path=state if state.is_file() else None, weights_only=True)
    except SystemExit:
        if trainer.interrupted:
            raise KeyboardInterrupt from None  # Lightning turns Ctrl-C into an exit of its own
        raise
    # The state holds the average; a call that resumes after the last epoch trains nothing, and Lightning would leave the
    # weights of the last step in the module.
    module.load_state_dict(torch.load(state, map_location="cpu", weights_only=True)["state_dict"])
    return module.model.cpu().eval(), log.rows


def opinions_of(model: TwoHeads, faces: Faces) -> tuple[Tensor, Tensor]:
    """Return what a network says of faces and their mirror images on average, (n,8) and (n,7): probabilities."""
    pairs = zip(predict_both(model, faces), predict_both(model, faces, mirror=True), strict=True)
    votes, own = (torch.from_numpy((a + b) / 2).float().softmax(dim=1) for a, b in pairs)
    return votes, own


def running_average(share: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return how weights are averaged by step; in the first steps the average follows faster, or it would be of random ones.

    Args:
        share: of the old average in the new one, in the long run.
    """

    def average(old: Tensor, new: Tensor, steps: Tensor) -> Tensor:
        kept = min(share, (1 + float(steps)) / (10 + float(steps)))
        return old + (1 - kept) * (new - old)

    return average


class Shuffled(Sampler[list[int]]):
    """Whole batches of rows in an order that depends on (seed, epoch) alone; the last, smaller one is left out."""

    def __init__(self, count: int, batch_size: int, seed: int, epochs_before: int = 0) -> None:
        self._count, self._size, self._seed = count, min(batch_size, count), seed
        self._before, self._epoch = epochs_before, 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch; Lightning calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count // self._size

    def __iter__(self) -> Any:
        order = np.random.default_rng((self._seed, self._before + self._epoch)).permutation(self._count)
        for start in range(0, len(self) * self._size, self._size):
            yield order[start : start + self._size].tolist()


class _InOrder(Sampler[list[int]]):
    """Whole batches of all rows in their order."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return -(-self._count // _PREDICT_BATCH)

    def __iter__(self) -> Any:
        for start in range(0, self._count, _PREDICT_BATCH):
            yield list(range(start, min(start + _PREDICT_BATCH, self._count)))


class _KeepState(pl.Callback):
    """After each epoch a row in the log, a line for whoever watches, and the state to resume from."""

    def __init__(self, file: Path, state: Path, rows: list[dict[str, Any]], recipe: Recipe) -> None:
        self._file, self._state = file, state
        self._epochs = sum(course.epochs for course in recipe.courses)
        self._start = time.monotonic()
        self.rows = list(rows)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        course, epoch = pl_module.course, trainer.current_epoch
        self.rows.append(
            {
                "epoch": course.start + epoch + 1,  # type: ignore[operator, union-attr]
                "size": course.size(epoch),  # type: ignore[operator]
                "loss": round(metrics["loss"], 5),
                "val_votes": round(metrics["val_votes"], 5),
                "val_own": round(metrics["val_own"], 5),
                "seconds": round(time.monotonic() - self._start, 1),
            }
        )
        write_atomically(self._file, self._write_log)
        row = self.rows[-1]
        inform(
            f"epoch {row['epoch']} of {self._epochs}: loss {row['loss']:.3f}, validation {100 * row['val_votes']:.1f} % "
            f"(votes), {100 * row['val_own']:.1f} % (own labels), {row['seconds']:.0f} s"
        )
        trainer.save_checkpoint(self._state)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def _write_log(self, file: Path) -> None:
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _finish(model: TwoHeads, faces: dict[str, Faces], manifest: Manifest, out: Path, recipe: Recipe) -> None:
    """Write weights, description, ONNX, figures and card; the checksums come last and mark the end."""
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    weights = {name: value.contiguous() for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    content = save(weights, metadata={"name": FACE})  # several keys would come in any order
    write_atomically(out / WEIGHTS, lambda part: part.write_bytes(content))
    model = read_two_heads(out / WEIGHTS)  # what is measured is what is shipped
    logits = {split: predict_both(model, faces[split]) for split in ("val", "test")}
    val = faces["val"]
    counted = val.votes.sum(axis=1) > 0
    temperature = fit_temperature(logits["val"][0][counted], val.votes[counted])
    info = ModelInfo(FACE, EMOTIONS, image_size=SIZE, template=TEMPLATE, temperature=temperature, version=__version__)
    _write_text(out / INFO_FILE, info.to_json())
    examples = np.repeat(faces["val"].pictures[:_COMPARED, ..., None], 3, axis=3)
    write_onnx(VotesOf(model), info, out / ONNX, examples, half=True)
    mirrored = predict_both(model, faces["test"], mirror=True)
    measures = {
        "votes": measure_votes(logits["test"][0], faces["test"]),
        "own": _measure(logits["test"][1], faces["test"].own),
        "votes_flip": measure_votes(logits["test"][0] + mirrored[0], faces["test"]),
        "own_flip": _measure(logits["test"][1] + mirrored[1], faces["test"].own),
    }
    figures: dict[str, Any] = {name: _told(value) for name, value in measures.items()}
    figures["calibration"] = calibration(logits["test"][0], faces["test"].votes, temperature)
    _write_text(out / "measures.json", json.dumps(figures, indent=1))
    size = (out / WEIGHTS).stat().st_size
    counts = {split: len(own) for split, own in faces.items()}
    _write_text(out / "README.md", model_card(measures, figures["calibration"], counts, recipe, temperature, size))
    trained_rows = [*manifest.rows("train"), *manifest.rows("val")]
    trained_on = [digest for row in trained_rows if (digest := manifest.pixel_digests[row]) is not None]
    learnt = np.sort(short_digests(trained_on))
    write_atomically(out / TRAINING_DIGESTS, lambda part: _save(part, learnt))
    sums = [f"{sha256_of(out / name)}  {name}\n" for name in (WEIGHTS, ONNX, TRAINING_DIGESTS)]
    _write_text(out / FINISHED, "".join(sums))


class VotesOf(nn.Module):
    """The backbone under the head of the votes, as prediction uses it: (N,3,S,S) normalised to (N,8)."""

    def __init__(self, model: TwoHeads) -> None:
        super().__init__()
        self.backbone, self.votes = model.backbone, model.votes

    def forward(self, images: Tensor) -> Any:
        return self.votes(self.backbone(images))


def read_two_heads(file: Path) -> TwoHeads:
    """Read the packaged weights with both heads, in evaluation mode.

    Raises:
        InputError: the file is of another network.
    """
    model = TwoHeads()
    state = {name: tensor.float() for name, tensor in load_file(file).items()}
    missing = [key for key in model.load_state_dict(state, strict=False).missing_keys if "num_batches" not in key]
    if missing:
        raise InputError(f"{file} is of another network: it lacks {missing[0]}")
    return model.eval()


@torch.inference_mode()
def predict_both(
    model: TwoHeads, faces: Faces, mirror: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits of both heads, (n,8) and (n,7)."""
    parts = []
    for start in range(0, len(faces), _PREDICT_BATCH):
        grey = torch.from_numpy(faces.pictures[start : start + _PREDICT_BATCH])[:, None].float() / 255
        parts.append(model(grey.flip(3) if mirror else grey))
    votes, own = (torch.cat(head).double().numpy() for head in zip(*parts, strict=True))
    return votes, own


def measure_votes(logits: NDArray[np.float64], faces: Faces) -> Measures:
    """Measure the votes' head where one emotion has more than half of the votes, as FERPlus's paper does.

    Args:
        logits: (n,8).
        faces: n of them.
    """
    return _measure(logits[faces.clear], faces.votes[faces.clear].argmax(axis=1))


def calibration(logits: NDArray[np.float64], votes: NDArray[np.float32], temperature: float) -> dict[str, float]:
    """Return whether probabilities are shares of the votes, over the faces that have some.

    `probability` is the mean of the highest, `votes` the mean share of the votes for that emotion, `error` their mean distance in
    fifteen bins of the probability, as the expected calibration error has it (Guo et al. 2017, equation 3).

    >>> calibration(np.log([[0.9, 0.1], [0.6, 0.4]]), np.array([[1, 0], [0.5, 0.5]], np.float32), 1.0)
    {'probability': 0.75, 'votes': 0.75, 'error': 0.1}
    """
    counted = votes.sum(axis=1) > 0
    probabilities = np.exp(log_softmax(logits[counted] / temperature))
    named, highest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    shares = votes[counted][np.arange(len(named)), named]
    bins = np.minimum((highest * _BINS).astype(int), _BINS - 1)
    error = np.abs(np.bincount(bins, shares - highest, _BINS)).sum() / len(bins)
    values = {"probability": highest.mean(), "votes": shares.mean(), "error": error}
    return {name: round(float(value), 4) for name, value in values.items()}


def _measure(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Measures:
    return measure(labels, np.exp(log_softmax(logits)))


def _told(measures: Measures) -> dict[str, Any]:
    def numbers(estimate: Any) -> list[float]:
        return [round(value, 5) for value in (estimate.value, estimate.low, estimate.high)]

    return {
        "faces": measures.n,
        "accuracy": numbers(measures.accuracy),
        "macro_f1": numbers(measures.macro_f1),
        "confusion": measures.confusion.tolist(),
    }


def _save(file: Path, values: NDArray[np.uint64]) -> None:
    with file.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))
