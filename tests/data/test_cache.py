from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bimodal.data.cache import decoded, read_rows
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.progress import Progress
from tests.conftest import write_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", {"train": 9})


def caches(data: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (data / ".cache").glob("*.npy"))


def test_holds_the_pictures_and_decodes_them_once(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = Manifest.read(data)
    with caplog.at_level("DEBUG", "bimodal"):
        pictures = decoded(manifest, 40)
    for row in range(9):
        np.testing.assert_array_equal(pictures[row], np.asarray(Image.open(manifest.path(row))))
    assert caplog.records[-1].progress == Progress("decoding pictures", 9, 9)
    monkeypatch.setattr("bimodal.data.cache.decode", None)
    np.testing.assert_array_equal(decoded(manifest, 40), pictures)
    file = next((data / ".cache").glob("*.npy"))
    assert file.stat().st_mode == (data / "manifest.csv").stat().st_mode, "others may not read it"


def test_changed_data_are_decoded_again_and_their_old_cache_is_deleted(data: Path) -> None:
    decoded(Manifest.read(data), 8)
    before = decoded(Manifest.read(data), 16)
    Image.new("RGB", (40, 40), (1, 2, 3)).save(data / "images" / "train-0000.png")
    after = decoded(Manifest.read(data), 16)
    assert after[0].tolist() == [[[1, 2, 3]] * 16] * 16
    assert before[0].tolist() != after[0].tolist(), "a cache in use was changed"
    assert caches(data) == ["faces-16", "faces-8"]


def test_a_picture_that_cannot_be_read_leaves_no_cache(data: Path) -> None:
    (data / "images" / "train-0003.png").write_text("no picture")
    with pytest.raises(InputError, match=r"train-0003\.png cannot be read"):
        decoded(Manifest.read(data), 8)
    assert caches(data) == []


def test_the_users_cache_folder_keeps_other_data(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("bimodal.data.cache.os.access", lambda *_: False)
    for folder in (data, write_data(tmp_path / "other", {"train": 9}, seed=1)):
        decoded(Manifest.read(folder), 8)
    assert len(list((tmp_path / "home" / "bimodal").glob("*.npy"))) == 2


@pytest.mark.parametrize("damage", ["zeros", "shorter", "empty", "one byte"])
def test_a_damaged_cache_is_made_again(data: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    manifest = Manifest.read(data)
    intact = np.array(decoded(manifest, 16))
    file = next((data / ".cache").glob("*.npy"))
    content = bytearray(file.read_bytes())
    if damage == "one byte":
        content[-1] ^= 1
    file.write_bytes({"zeros": bytes(len(content)), "shorter": content[:-5], "empty": b""}.get(damage, content))
    np.testing.assert_array_equal(decoded(manifest, 16), intact)
    assert "is damaged; decoding the pictures again" in caplog.text


def test_a_cache_without_its_checksum_is_made_again_in_silence(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest = Manifest.read(data)
    intact = np.array(decoded(manifest, 16))
    next((data / ".cache").glob("*.sha256")).unlink()
    np.testing.assert_array_equal(decoded(manifest, 16), intact)
    assert "damaged" not in caplog.text


def test_rows_are_copied_without_the_pages_of_the_map(tiny_data: Path) -> None:
    pictures = decoded(Manifest.read(tiny_data), 16)
    assert isinstance(pictures, np.memmap)
    np.testing.assert_array_equal(read_rows(pictures, 3, 7), pictures[3:7])
    np.testing.assert_array_equal(read_rows(np.asarray(pictures).copy(), 3, 7), pictures[3:7])
    assert read_rows(pictures, 2, 2).shape == (0, 16, 16, 3)
