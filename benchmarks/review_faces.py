"""An audit of many faces, made in minutes: drawn faces varied at random, and features that are a projection of their pixels."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.data.prepare import prepare
from bimodal.data.prepare_options import PrepareOptions
from bimodal.emotions import NAMES
from bimodal.features.embedder import packaged_embedder
from bimodal.features.store import features_of
from bimodal.label_audit.audit import audit
from bimodal.synthetic.photograph import draw_face

_DRAWN, _SIDE, _STORED, _PERSONS, _WRONG = 24, 64, 48, 500, 0.2
_INPUT, _FEATURES = 12, 256  # side of the pictures that are projected


def make_audit(folder: Path, faces: int) -> Path:
    """Write, prepare and audit a set of varied faces, a fifth of them labelled wrongly, and return the audit's folder.

    What is there already is used again.
    """
    if not (folder / "source" / "labels.csv").is_file():
        _write_source(folder / "source", faces)
    if not (folder / "data" / "manifest.csv").is_file():
        prepare(folder / "source" / "labels.csv", folder / "data", PrepareOptions(group="person"))
    _store_features(Manifest.read(folder / "data"))
    return audit(folder / "data", folder / "audit").out


def _write_source(folder: Path, faces: int) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    drawn = [[draw_face(code, np.random.default_rng((code, i)), _SIDE) for i in range(_DRAWN)] for code in range(7)]

    def write(number: int) -> tuple[str, str, str, str]:
        random = np.random.default_rng((7, number))
        code, name = int(random.integers(7)), f"images/{number:06}.jpg"
        picture = _varied(drawn[code][int(random.integers(_DRAWN))], random)
        cv2.imwrite(str(folder / name), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        person = number % max(min(_PERSONS, faces // 8), 2)
        split = ("val", "test")[person // 20 % 2] if person % 20 == 0 else "train"
        if split == "train" and random.random() < _WRONG:
            code = (code + int(random.integers(1, 7))) % 7
        return name, NAMES[code], split, f"person {person}"

    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(write, range(faces)))
    with (folder / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("image", "label", "split", "person"), *rows])


def _varied(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return another picture of a face: moved, turned, of other light, and with a pattern, so that it is no near-duplicate."""
    turn = cv2.getRotationMatrix2D((_SIDE / 2, _SIDE / 2), random.normal(0, 6), random.uniform(0.9, 1.15))
    turn[:, 2] += random.normal(0, 2, 2)
    moved = cv2.warpAffine(picture, turn, (_SIDE, _SIDE), borderMode=cv2.BORDER_REFLECT)
    small = cv2.resize(moved, (_STORED, _STORED), interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.resize(random.normal(0, 30, (5, 5)).astype(np.float32), (_STORED, _STORED))
    noise = random.normal(0, 5, small.shape)
    return np.asarray(np.clip(small * random.uniform(0.8, 1.2) + light[..., None] + noise, 0, 255), dtype=np.uint8)


def _store_features(manifest: Manifest) -> None:
    """Store features under the name of the packaged network, which would take a hundred times as long."""
    random = np.random.default_rng(0)
    embedder = packaged_embedder()
    width = 3 * _INPUT**2
    to_features = (random.normal(size=(width, _FEATURES)) / width**0.5).astype(np.float32)
    to_logits = (random.normal(size=(width, len(embedder.classes))) / width**0.5).astype(np.float32)

    def project(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        step = inputs.shape[-1] // _INPUT
        cut = inputs[:, :, : step * _INPUT, : step * _INPUT]
        flat = cut.reshape(len(cut), 3, _INPUT, step, _INPUT, step).mean(axis=(3, 5)).reshape(len(cut), -1)
        return flat @ to_features, flat @ to_logits

    features_of(manifest, replace(embedder, outputs=project))
