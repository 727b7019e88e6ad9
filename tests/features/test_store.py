"""The cache of features: the same values as the network's, resumed after an interruption, never damaged."""

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bimodal.data.cache import decoded
from bimodal.data.manifest import Manifest
from bimodal.evaluation.calibration import log_softmax
from bimodal.features import store
from bimodal.features.embedder import Embedder, packaged_embedder
from bimodal.features.store import features_of
from tests.conftest import write_data

SIZE, COUNT = 16, 200


class Calls:
    """A small network that counts its batches and can fail at one of them."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.count, self.fail_at, self.lock = 0, fail_at, threading.Lock()

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with self.lock:
            self.count += 1
            if self.count == self.fail_at:
                raise KeyboardInterrupt
        flat = inputs.reshape(len(inputs), -1)
        return np.sin(flat[:, :24]), flat[:, 50:53]


def embedder(calls: Calls, digest: str = "d" * 64, workers: int = 1) -> Embedder:
    zeros, ones = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Embedder("owner/small net", digest, SIZE, zeros, ones, ("a", "b", "c"), calls, workers)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest.read(write_data(tmp_path / "data", {"train": COUNT}, size=SIZE * 2))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH", 16)
    monkeypatch.setattr(store, "_SAVE_EVERY", 32)


def cached(manifest: Manifest, suffix: str = ".npy") -> Path:
    (file,) = manifest.root.glob(f".cache/features-*{suffix}")
    return file


def test_features_are_those_of_the_network_averaged_over_the_mirror_image(manifest: Manifest) -> None:
    network = embedder(Calls())
    found = features_of(manifest, network)
    pictures = np.asarray(decoded(manifest, SIZE))
    features, logits = network(pictures)
    plain, mirrored = (network(values, mirrored=False)[0] for values in (pictures, pictures[:, :, ::-1]))
    np.testing.assert_allclose(features, (plain + mirrored) / 2, atol=1e-6)
    assert found.values.dtype == np.float16
    np.testing.assert_allclose(found.values, features, atol=1e-3)
    np.testing.assert_allclose(found.log_probs, log_softmax(logits), atol=1e-3)
    np.testing.assert_allclose(np.exp(np.asarray(found.log_probs, dtype=float)).sum(axis=1), 1, atol=3e-3)
    assert (found.classes, found.network) == (("a", "b", "c"), "owner/small net")


def test_a_network_without_a_head_gives_features_alone(manifest: Manifest) -> None:
    def outputs(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return Calls()(inputs)[0], np.zeros((len(inputs), 0), np.float32)

    found = features_of(manifest, replace(embedder(Calls()), classes=(), outputs=outputs))
    assert (found.values.shape, found.log_probs.shape) == ((COUNT, 24), (COUNT, 0))


def test_a_second_call_reads_the_file(manifest: Manifest) -> None:
    first, calls = features_of(manifest, embedder(Calls())), Calls()
    again = features_of(Manifest.read(manifest.root), embedder(calls))
    np.testing.assert_array_equal(again.values, first.values)
    assert calls.count == 0
    with pytest.raises(ValueError, match="read-only"):
        again.values[0, 0] = 1


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("fail_at", [2, 12, 21])
def test_an_interrupted_call_resumes_with_the_same_bytes(tmp_path: Path, workers: int, fail_at: int) -> None:
    whole, broken = (Manifest.read(write_data(tmp_path / name, {"train": COUNT})) for name in "ab")
    full, rest = Calls(), Calls()
    features_of(whole, embedder(full))
    with pytest.raises(KeyboardInterrupt):
        features_of(broken, embedder(Calls(fail_at), workers=workers))
    assert not list(broken.root.glob(".cache/features-*.npy"))
    features_of(broken, embedder(rest, workers=workers))
    assert cached(broken).read_bytes() == cached(whole).read_bytes()
    assert rest.count < full.count or fail_at == 2, "finished batches are not computed again"
    assert not list(broken.root.glob(".cache/features-*.p*"))


@pytest.mark.parametrize("damage", ["values", "rows", "json", "short"])
def test_a_damaged_partial_file_starts_again(tmp_path: Path, damage: str) -> None:
    whole, broken = (Manifest.read(write_data(tmp_path / name, {"train": COUNT})) for name in "ab")
    features_of(whole, embedder(Calls()))
    with pytest.raises(KeyboardInterrupt):
        features_of(broken, embedder(Calls(15)))
    part, progress = cached(broken, ".part"), cached(broken, ".progress")
    content = bytearray(part.read_bytes())
    if damage == "values":
        content[200] ^= 255
    part.write_bytes(content[: len(content) // 2] if damage == "short" else content)
    if damage == "rows":
        progress.write_text(progress.read_text().replace('"rows": ', '"rows": 9'))
    if damage == "json":
        progress.write_text("[")
    features_of(broken, embedder(Calls()))
    assert cached(broken).read_bytes() == cached(whole).read_bytes()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "checksum"])
def test_a_damaged_file_is_computed_again(manifest: Manifest, damage: str) -> None:
    features_of(manifest, embedder(Calls()))
    file = cached(manifest)
    whole, content = file.read_bytes(), bytearray(file.read_bytes())
    content[-5] ^= 255
    if damage == "checksum":
        cached(manifest, ".sha256").unlink()
    else:
        file.write_bytes({"flip": bytes(content), "cut": whole[:1000], "empty": b""}[damage])
    calls = Calls()
    features_of(manifest, embedder(calls))
    assert file.read_bytes() == whole
    assert calls.count > 0


def test_other_weights_and_other_pictures_have_files_of_their_own(manifest: Manifest) -> None:
    features_of(manifest, embedder(Calls()))
    features_of(manifest, embedder(Calls(), digest="e" * 64))
    picture = manifest.path(0)
    picture.write_bytes(manifest.path(1).read_bytes())
    features_of(Manifest.read(manifest.root), embedder(Calls()))
    assert len(list(manifest.root.glob(".cache/features-*.npy"))) == 3


def test_other_labels_use_the_same_file(manifest: Manifest) -> None:
    features_of(manifest, embedder(Calls()))
    table = manifest.root / "manifest.csv"
    table.write_text(table.read_text().replace("happy", "sad"))
    calls = Calls()
    features_of(Manifest.read(manifest.root), embedder(calls))
    assert calls.count == 0


def test_a_read_only_data_folder_uses_the_cache_of_the_user(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    access = os.access
    monkeypatch.setattr(
        "os.access", lambda path, mode: not str(path).startswith(str(manifest.root)) and access(path, mode)
    )
    features_of(manifest, embedder(Calls()))
    assert not list(manifest.root.glob(".cache/features-*"))
    assert len(list((tmp_path / "cache/bimodal").glob("features-*.npy"))) == 1


def test_the_pictures_do_not_stay_in_the_memory_of_the_process(manifest: Manifest) -> None:
    pictures = decoded(manifest, 256)  # 39 MB

    def mapped_kb() -> int:
        """Return the resident pages of the file of pictures, in kB; other pages of this process vary."""
        lines = Path("/proc/self/smaps").read_text().splitlines()
        found, is_ours = 0, False
        for line in lines:
            if not line.partition(" ")[0].endswith(":"):
                is_ours = "/.cache/faces-256-" in line
            elif is_ours and line.startswith("Rss:"):
                found += int(line.split()[1])
        return found

    whole = replace(embedder(Calls(), workers=2), image_size=256)
    features_of(manifest, whole)
    assert mapped_kb() < 4000
    np.asarray(pictures).sum()  # the test can fail: reading the memory map itself keeps its pages
    assert mapped_kb() > 30_000


def test_two_calls_at_once_compute_once(manifest: Manifest) -> None:
    decoded(manifest, SIZE)
    calls = Calls()
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(features_of(Manifest.read(manifest.root), embedder(calls))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    once = Calls()
    features_of(Manifest.read(write_data(manifest.root.parent / "other", {"train": COUNT})), embedder(once))
    assert calls.count == once.count
    np.testing.assert_array_equal(results[0].values, results[1].values)


def test_the_packaged_network_has_features_and_eight_emotions(manifest: Manifest) -> None:
    found = features_of(manifest, packaged_embedder())
    assert found.values.shape == (COUNT, 256)
    assert found.log_probs.shape == (COUNT, 8)
    assert np.isfinite(found.values).all()
