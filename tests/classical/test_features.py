"""Descriptors of a manifest, and files of them, ours and others'."""

import zipfile
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from bimodal.classical import features as module
from bimodal.classical.features import describe, read_features, write_features
from bimodal.classical.lpq import lpq
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError


@pytest.fixture
def manifest(tiny_data: Path) -> Manifest:
    return Manifest.read(tiny_data)


def test_every_face_is_described_grey_at_128_pixels(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 50)
    done: list[int] = []
    found = describe(manifest, "lpq", done.append)
    assert found.shape == (112, 2304)
    assert done == [50, 100, 112]
    picture = cv2.imread(str(manifest.path(60)))
    alone = lpq(cv2.cvtColor(cv2.resize(picture, (128, 128), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY))
    np.testing.assert_allclose(found[60], alone[0])
    assert describe(manifest, "phog").shape == (112, 680)


def test_a_file_comes_back_in_the_order_of_the_manifest(manifest: Manifest, tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(112, 5)).astype(np.float32)
    write_features(tmp_path / "f.npz", manifest, features)
    np.testing.assert_array_equal(read_features(tmp_path / "f.npz", manifest), features)
    order = np.random.default_rng(1).permutation(113)  # another program's order, with a picture more
    images = np.array([*manifest.table["image"], "more.png"])[order]
    np.savez(tmp_path / "g.npz", image=images, features=np.vstack([features, np.ones(5)])[order])
    np.testing.assert_array_equal(read_features(tmp_path / "g.npz", manifest), features)


def damaged(kind: str, images: np.ndarray) -> bytes:
    features = np.ones((len(images), 2))
    arrays = {
        "no image": {"features": features},
        "lengths": {"image": images[1:], "features": features},
        "not a number": {"image": images, "features": np.full((len(images), 2), np.nan)},
        "twice": {"image": np.array([images[1], *images[1:]]), "features": features},
        "pickled": {"image": images.astype(object), "features": features},
        "lacks": {"image": images[2:], "features": features[2:]},
        "text": {"image": images, "features": np.full((len(images), 2), "a")},
    }.get(kind)
    stream = BytesIO()
    if arrays is not None:
        np.savez(stream, **arrays)
        return stream.getvalue()
    if kind == "claims much":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, shape in (("image", (10**12,)), ("features", (10**12, 10))):
                header = BytesIO()
                np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
                archive.writestr(f"{name}.npy", header.getvalue())
        return stream.getvalue()
    return b"no zip at all"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no image", "no array"),
        ("lengths", "expected image"),
        ("not a number", "finite"),
        ("twice", "twice"),
        ("pickled", "damaged"),
        ("lacks", "lacks 2 of its 112 pictures, such as images/train-0000.png"),
        ("text", "finite numbers"),
        ("claims much", "more than 2 GiB"),
        ("foreign", "damaged"),
    ],
)
def test_files_that_cannot_be_used(manifest: Manifest, tmp_path: Path, kind: str, words: str) -> None:
    file = tmp_path / "f.npz"
    file.write_bytes(damaged(kind, manifest.table["image"].to_numpy(dtype=str)))
    with pytest.raises(InputError, match=words):
        read_features(file, manifest)


def test_no_file_and_no_such_descriptor(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        read_features(tmp_path / "f.npz", manifest)
    with pytest.raises(InputError, match="lpq, phog, got 'hog'"):
        describe(manifest, "hog")
