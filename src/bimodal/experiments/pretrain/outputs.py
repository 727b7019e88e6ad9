"""Write the files of the packaged network: weights, ONNX, measures, model card, digests and checksums."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from bimodal.data.manifest import Manifest
from bimodal.evaluation.calibration import fit_temperature, log_softmax
from bimodal.evaluation.metrics import Measures, measure
from bimodal.experiments.pretrain.card import model_card
from bimodal.experiments.pretrain.eight_bits import as_rgb, measure_eight_bits, write_eight_bits
from bimodal.experiments.pretrain.faces import Faces
from bimodal.experiments.pretrain.recipe import TEMPLATE, Recipe
from bimodal.experiments.pretrain.two_heads import TwoHeads, VotesNetwork, predict_both, read_two_heads
from bimodal.experiments.votes import EMOTIONS
from bimodal.export.onnx import write_onnx
from bimodal.files import sha256_of, write_atomically, write_text
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.model_files.packaged import FACE, ONNX, ONNX_INT8, TRAINING_DIGESTS, WEIGHTS, short_digests
from bimodal.models.face_net import SIZE
from bimodal.version import __version__

CHECKSUMS = "SHA256SUMS"
"""Written last; marks the pretraining as finished."""
_COMPARED = 256
_BINS = 15


def write_outputs(model: TwoHeads, faces: Mapping[str, Faces], manifest: Manifest, out: Path, recipe: Recipe) -> None:
    """Write all files of the network, and predict the test faces for its measures."""
    _write_weights(model, out / WEIGHTS)
    model = read_two_heads(out / WEIGHTS)  # measure the network with rounded weights, as it is used
    val_votes, _ = predict_both(model, faces["val"])
    has_votes = faces["val"].votes.sum(axis=1) > 0
    temperature = fit_temperature(val_votes[has_votes], faces["val"].votes[has_votes])
    info = ModelInfo(FACE, EMOTIONS, image_size=SIZE, template=TEMPLATE, temperature=temperature, version=__version__)
    write_text(out / INFO_FILE, info.to_json())
    write_onnx(VotesNetwork(model), info, out / ONNX, as_rgb(faces["val"].pictures[:_COMPARED]), half=True)
    write_eight_bits(out / ONNX, out / ONNX_INT8, faces["train"])
    measures, calibrated = _measure_test(model, faces["test"], temperature)
    measures["votes_int8"] = measure_eight_bits(out / ONNX_INT8, faces["test"])
    content = {name: _to_json(values) for name, values in measures.items()} | {"calibration": calibrated}
    write_text(out / "measures.json", json.dumps(content, indent=1))
    counts = {split: len(split_faces) for split, split_faces in faces.items()}
    size = (out / WEIGHTS).stat().st_size
    write_text(out / "README.md", model_card(measures, calibrated, counts, recipe, temperature, size))
    rows = [*manifest.rows("train"), *manifest.rows("val")]
    digests = [digest for row in rows if (digest := manifest.pixel_digests[row]) is not None]
    short = np.sort(short_digests(digests))
    write_atomically(out / TRAINING_DIGESTS, lambda file: np.save(file, short, allow_pickle=False))
    sums = [f"{sha256_of(out / name)}  {name}\n" for name in (WEIGHTS, ONNX, ONNX_INT8, TRAINING_DIGESTS)]
    write_text(out / CHECKSUMS, "".join(sums))


def calibration(logits: NDArray[np.float64], votes: NDArray[np.float32], temperature: float) -> dict[str, float]:
    """Compare the predicted probabilities with the shares of the votes, over the faces with votes.

    Args:
        logits: (n,K).
        votes: (n,K), shares.
        temperature: by which the logits are divided.

    Returns:
        `probability`: the mean of the highest probability; `votes`: the mean share of the votes for that emotion; `error`:
        their mean distance in fifteen bins of the probability (expected calibration error, Guo et al. 2017, equation 3).

    >>> calibration(np.log([[0.9, 0.1], [0.6, 0.4]]), np.array([[1, 0], [0.5, 0.5]], np.float32), 1.0)
    {'probability': 0.75, 'votes': 0.75, 'error': 0.1}
    """
    has_votes = votes.sum(axis=1) > 0
    probabilities = np.exp(log_softmax(logits[has_votes] / temperature))
    predicted, highest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    shares = votes[has_votes][np.arange(len(predicted)), predicted]
    bins = np.minimum((highest * _BINS).astype(int), _BINS - 1)
    error = np.abs(np.bincount(bins, shares - highest, _BINS)).sum() / len(bins)
    values = {"probability": highest.mean(), "votes": shares.mean(), "error": error}
    return {name: round(float(value), 4) for name, value in values.items()}


def _measure_test(model: TwoHeads, test: Faces, temperature: float) -> tuple[dict[str, Measures], dict[str, float]]:
    """Measure both heads, alone and averaged with mirrored faces, and the calibration of the head `votes`.

    The head `votes` is measured where one emotion has more than half of the votes, as in FERPlus's paper.
    """
    votes, labels = predict_both(model, test)
    mirrored_votes, mirrored_labels = predict_both(model, test, mirror=True)
    clear, majority = test.is_clear, test.votes[test.is_clear].argmax(axis=1)
    measures = {
        "votes": _measure(majority, votes[clear]),
        "own": _measure(test.labels, labels),
        "votes_flip": _measure(majority, (votes + mirrored_votes)[clear]),
        "own_flip": _measure(test.labels, labels + mirrored_labels),
    }
    return measures, calibration(votes, test.votes, temperature)


def _measure(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> Measures:
    return measure(labels, np.exp(log_softmax(logits)))


def _to_json(measures: Measures) -> dict[str, Any]:
    accuracy, macro_f1 = ([round(v, 5) for v in astuple(one)] for one in (measures.accuracy, measures.macro_f1))
    confusion = measures.confusion.tolist()
    return {"faces": measures.n, "accuracy": accuracy, "macro_f1": macro_f1, "confusion": confusion}


def _write_weights(model: TwoHeads, file: Path) -> None:
    """Write the weights in half precision, without the counters of batch norm."""
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    content = save(weights, metadata={"name": FACE})  # with several keys their order, and so the bytes, would vary
    write_atomically(file, lambda part: part.write_bytes(content))
