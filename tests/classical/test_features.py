import io
import pickle
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bimodal.classical import features
from bimodal.classical.features import describe, read_features, write_features
from bimodal.classical.lpq import lpq
from bimodal.classical.phog import phog
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from tests.conftest import write_data

N, D = 10, 3


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Ten pictures of the size that descriptors are computed from, so that none is resized."""
    folder = write_data(tmp_path_factory.mktemp("data"), {"train": 6, "val": 2, "test": 2}, size=features.SIZE)
    return Manifest.read(folder)


@pytest.fixture
def numbers() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)


@pytest.fixture
def names(manifest: Manifest) -> NDArray[np.str_]:
    return manifest.table["image"].to_numpy(dtype=str)


@pytest.mark.parametrize("kind", ["lpq", "phog"])
def test_descriptors_do_not_depend_on_the_chunks(
    manifest: Manifest, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = describe(manifest, kind)
    assert described.dtype == np.float32
    for row in range(N):
        grey = cv2.cvtColor(cv2.imread(str(manifest.path(row))), cv2.COLOR_BGR2GRAY)
        assert np.array_equal(described[row], {"lpq": lpq, "phog": phog}[kind](grey)[0])
    monkeypatch.setattr(features, "_CHUNK", 4)
    assert np.array_equal(describe(manifest, kind), described)


def test_an_unknown_descriptor_is_refused(manifest: Manifest) -> None:
    with pytest.raises(InputError, match="lpq, phog, got 'hog'"):
        describe(manifest, "hog")


def test_written_features_are_read_back_and_the_file_is_reproducible(
    manifest: Manifest, numbers: NDArray[np.float32], tmp_path: Path
) -> None:
    for name in ("a.npz", "b.npz"):
        write_features(tmp_path / name, manifest, numbers)
    read = read_features(tmp_path / "a.npz", manifest)
    assert read.dtype == np.float32
    assert np.array_equal(read, numbers)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_rows_are_matched_by_name_and_any_number_type_is_read(
    manifest: Manifest, numbers: NDArray[np.float32], names: NDArray[np.str_], tmp_path: Path
) -> None:
    order = np.random.default_rng(1).permutation(N + 2)
    more = np.concatenate([names, ["images/other.png", "zzz"]])
    unused = np.full((2, D), np.nan)  # faces that nobody asked for may be anything
    for dtype in (np.float16, np.float64):
        values = np.concatenate([numbers, unused])[order].astype(dtype)
        np.savez_compressed(tmp_path / "f.npz", image=more[order], features=values, note=np.zeros(2))
        assert np.array_equal(read_features(tmp_path / "f.npz", manifest), numbers.astype(dtype).astype(np.float32))
    np.savez(tmp_path / "f.npz", image=names[::-1], features=np.arange(N * D, dtype=np.uint8).reshape(N, D))
    assert read_features(tmp_path / "f.npz", manifest)[0].tolist() == [27, 28, 29]


def test_a_wrong_number_of_rows_is_refused_before_writing(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected features \(10,D\)"):
        write_features(tmp_path / "f.npz", manifest, np.zeros((9, D), np.float32))
    assert list(tmp_path.iterdir()) == []


def refused(file: Path, manifest: Manifest, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_features(file, manifest)
    message = str(caught.value)
    assert "\n" not in message
    assert file.name in message
    for word in words:
        assert word in message


def test_a_missing_file_and_another_format_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    refused(tmp_path / "none.npz", manifest, "found none")
    refused(tmp_path, manifest, "found none")
    for name, content in {"empty.npz": b"", "text.npz": b"image,features\n", "zip.npz": b"PK\x03\x04" * 9}.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, manifest, "damaged or not an .npz file")
    np.save(tmp_path / "one.npy", np.zeros((N, D)))
    refused(tmp_path / "one.npy", manifest, "damaged or not an .npz file")


def test_unusable_arrays_are_named(
    manifest: Manifest, numbers: NDArray[np.float32], names: NDArray[np.str_], tmp_path: Path
) -> None:
    file = tmp_path / "f.npz"
    spoilt = numbers.copy()
    spoilt[4, 1] = np.inf
    huge = numbers.astype(np.float64)
    huge[[2, 5], 0] = 1e300
    cases: list[tuple[dict[str, object], tuple[str, ...]]] = [
        ({"features": numbers}, ("no array 'image'",)),
        ({"image": names}, ("no array 'features'",)),
        ({"image": names, "features": numbers[:9]}, ("(10,)", "(9, 3)")),
        ({"image": names, "features": numbers[:, 0]}, ("(10,)",)),
        ({"image": names[:, None], "features": numbers}, ("(10, 1)",)),
        ({"image": np.arange(N), "features": numbers}, ("text", "int64")),
        ({"image": names.astype("S"), "features": numbers}, ("text",)),
        ({"image": names.astype(object), "features": numbers}, ("Python objects",)),
        ({"image": names, "features": numbers.astype(complex)}, ("numbers", "complex")),
        ({"image": names, "features": numbers > 0}, ("numbers", "bool")),
        ({"image": names, "features": numbers[:, :0]}, ("at least one", "(10, 0)")),
        ({"image": names[:0], "features": numbers[:0]}, ("at least one", "(0, 3)")),
        ({"image": names, "features": spoilt}, ("finite", "1 pictures", names[4])),
        ({"image": names, "features": huge}, ("finite", "2 pictures", names[2])),
        ({"image": np.r_[names[:9], names[:1]], "features": numbers}, ("twice", names[0])),
        ({"image": names[:7], "features": numbers[:7]}, ("lacks 3 of its 10", names[7], "manifest.csv")),
        ({"image": np.char.add("x", names), "features": numbers}, ("lacks 10 of its 10", names[0])),
    ]
    for arrays, words in cases:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        refused(file, manifest, *words)


class Bomb:
    """Code that reading a pickle would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('a pickle was run')",)


def test_no_pickle_is_read(manifest: Manifest, numbers: NDArray[np.float32], tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", image=np.array([Bomb()] * N, dtype=object), features=numbers)
    with pytest.raises(SystemExit):
        np.load(tmp_path / "f.npz", allow_pickle=True)["image"]
    refused(tmp_path / "f.npz", manifest, "Python objects")
    with zipfile.ZipFile(tmp_path / "g.npz", "w") as archive:
        archive.writestr("image.npy", pickle.dumps(Bomb()))
        archive.writestr("features.npy", pickle.dumps(Bomb()))
    refused(tmp_path / "g.npz", manifest, "damaged")


def npy_bytes(array: NDArray[np.generic], shape: tuple[int, ...] | None = None) -> bytes:
    """An array as a file, whose header claims another shape if one is given."""
    stream = io.BytesIO()
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(stream, header | {"shape": shape or array.shape})
    return stream.getvalue() + array.tobytes()


@pytest.mark.parametrize("shape", [(10**12, D), (N + 1, D), (-1, D), (-N, -D)], ids=str)
def test_a_header_with_a_false_shape_allocates_no_memory(
    manifest: Manifest,
    numbers: NDArray[np.float32],
    names: NDArray[np.str_],
    tmp_path: Path,
    shape: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unpacked = []
    read_array = np.lib.format.read_array

    def read(stream: zipfile.ZipExtFile, **options: object) -> NDArray[np.generic]:
        unpacked.append(stream.name)
        return read_array(stream, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(np.lib.format, "read_array", read)
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("image.npy", npy_bytes(names))
        archive.writestr("features.npy", npy_bytes(numbers, shape))
    refused(tmp_path / "f.npz", manifest, "damaged")
    if min(shape) > 0:
        assert unpacked == ["image.npy"]


def test_an_overlong_header_is_refused_with_one_line(manifest: Manifest, tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10, 3)}" + b" " * 40_000 + b"\n"
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("image.npy", np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header)
    refused(tmp_path / "f.npz", manifest, "damaged")


def test_a_zip_bomb_is_not_unpacked(
    manifest: Manifest, names: NDArray[np.str_], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "f.npz", image=names, features=np.zeros((N, 20_000)))
    assert (tmp_path / "f.npz").stat().st_size < 10_000
    assert read_features(tmp_path / "f.npz", manifest).shape == (N, 20_000)
    monkeypatch.setattr(features, "MAX_BYTES", 2**20)

    def unpack(*_: object, **__: object) -> None:
        pytest.fail("it was unpacked")

    with zipfile.ZipFile(tmp_path / "g.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", npy_bytes(np.zeros((2**20,), np.uint8)))
        archive.writestr("features.npy", npy_bytes(np.zeros((N, D))))
    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    refused(tmp_path / "g.npz", manifest, "larger than")


def test_any_damaged_byte_gives_one_line_or_the_same_features(
    manifest: Manifest, numbers: NDArray[np.float32], tmp_path: Path
) -> None:
    write_features(tmp_path / "f.npz", manifest, numbers)
    whole = (tmp_path / "f.npz").read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for trial in range(300):
        content = bytearray(whole)
        if trial % 3 == 0:
            del content[random.integers(len(content)) :]
        else:
            content[random.integers(len(content))] ^= int(random.integers(1, 256))
        (tmp_path / "g.npz").write_bytes(content)
        try:
            read = read_features(tmp_path / "g.npz", manifest)
        except InputError as error:
            outcomes.add("several lines" if "\n" in str(error) else "refused")
        else:
            outcomes.add("same" if np.array_equal(read, numbers) else "other features")
    assert outcomes == {"same", "refused"}
