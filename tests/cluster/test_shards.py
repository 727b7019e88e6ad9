"""Predictions and features in shards, of this machine and of buckets, are those without."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bimodal import buckets
from bimodal.cluster import predictions
from bimodal.cluster.embedding import embed_shards
from bimodal.cluster.predictions import predict_shards
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import packaged_embedder
from bimodal.features.shards import FeatureShards
from bimodal.features.store import cache_file
from bimodal.inference.config import InferenceConfig
from bimodal.inference.predict_files import Output, predict_files
from tests.conftest import Outcome, fails_with_one_line, write_data
from tests.s3_server import environment, serve_bucket

CROPPED = InferenceConfig(detect=False, batch_size=4)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket's folder: 30 faces in two folders, one damaged file, and one that is no picture."""
    folder = tmp_path_factory.mktemp("bucket")
    write_data(folder / "faces", {"train": 22, "test": 8})
    (folder / "faces/images/more").mkdir()
    for file in sorted((folder / "faces/images").glob("test-*")):
        file.rename(folder / "faces/images/more" / file.name)
    (folder / "faces/images/broken.png").write_bytes(b"no picture")
    (folder / "faces/images/notes.txt").write_text("no picture either")
    return folder


@pytest.fixture(scope="module")
def bucket(pictures: Path) -> Iterator[str]:
    pytest.importorskip("pyarrow")
    with serve_bucket("photos", pictures) as address:
        yield address


def plain_table(inputs: list[str | Path], out: Path) -> bytes:
    predict_files(inputs, None, CROPPED, Output(out))
    return out.read_bytes()


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_the_table_and_summary_are_those_without_shards(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(predictions, "SHARD", 8)
    monkeypatch.chdir(pictures)
    expected = plain_table(["faces/images"], tmp_path / f"plain-{name}")
    summary = predict_shards(["faces/images"], tmp_path / name, None, CROPPED)
    assert (tmp_path / name).read_bytes() == expected
    assert summary == predict_files(["faces/images"], None, CROPPED)
    assert [file.name for file in tmp_path.iterdir() if "shards" in file.name and file.is_dir()] == []


def test_a_bucket_has_the_rows_of_its_files(
    pictures: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    for key, value in environment(bucket).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(predictions, "SHARD", 8)
    monkeypatch.chdir(pictures)
    expected = plain_table(["faces/images"], tmp_path / "plain.csv").decode()
    out = tmp_path / "table.csv"
    options = ["--no-detect", "--batch-size", "4"]
    result = cli("predict", "s3://photos/faces/images", "--out", out, *options)
    assert result.returncode == 0, result.stderr
    assert out.read_text() == expected.replace("faces/images", "s3://photos/faces/images")
    assert "30 images" in result.stdout
    assert "1 image could not be read" in result.stdout
    fails_with_one_line(cli("predict", "s3://photos/faces", *options), "--out FILE.csv")
    fails_with_one_line(cli("predict", "s3://photos/nothing", "--out", tmp_path / "a.csv", *options), "does not exist")
    fails_with_one_line(cli("predict", "s3://others/faces", "--out", tmp_path / "b.csv", *options), "s3://others/faces")
    assert not list(tmp_path.glob("[ab].csv*")), "an input that cannot be read left a folder"


def test_prepare_reads_a_bucket_through_a_bounded_cache(
    bucket: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    for key, value in environment(bucket).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cli("prepare", pictures / "faces", tmp_path / "local").returncode == 0
    monkeypatch.setenv("BIMODAL_BUCKET_GIB", "0.00001")
    fails_with_one_line(cli("prepare", "s3://photos/faces", tmp_path / "data"), "larger than the 1e-05 GiB")
    monkeypatch.delenv("BIMODAL_BUCKET_GIB")
    result = cli("prepare", "s3://photos/faces", tmp_path / "data")
    assert result.returncode == 0, result.stderr
    for name in ("manifest.csv", "train_labels.csv"):
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_the_copy_of_a_bucket_follows_its_changes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(pictures / "faces/images/more", tmp_path / "bucket/faces")
    changed, deleted, kept = sorted((tmp_path / "bucket/faces").iterdir())[:3]
    with serve_bucket("photos", tmp_path / "bucket") as address:
        for key, value in environment(address).items():
            monkeypatch.setenv(key, value)
        copy = buckets.local_copy("s3://photos/faces")
        of_kept = (copy / kept.name).stat()
        changed.write_bytes(changed.read_bytes()[::-1])  # the same size
        os.utime(changed, (0, 1_800_000_000))
        deleted.unlink()
        assert buckets.local_copy("s3://photos/faces") == copy
    assert (copy / kept.name).stat().st_ino == of_kept.st_ino, "an unchanged object was copied again"
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == {
        file.name: file.read_bytes() for file in (tmp_path / "bucket/faces").iterdir()
    }


def test_an_interrupted_table_keeps_its_finished_shards(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "SHARD", 8)
    expected, out = plain_table([pictures], tmp_path / "plain.csv"), tmp_path / "table.csv"
    done: list[str] = []
    whole = predictions.predict_shard

    def interrupted(shard: Path, **arguments: object) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(shard.name)
        whole(shard, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(predictions, "predict_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_shards([pictures], out, None, CROPPED)
    with pytest.raises(InputError, match="use --resume or --overwrite"):
        predict_shards([pictures], out, None, CROPPED)
    with pytest.raises(InputError, match="another model or other options"):
        predict_shards([pictures], out, None, InferenceConfig(detect=False, flip=True), resume=True)
    monkeypatch.setattr(
        predictions, "predict_shard", lambda shard, **rest: (done.append(shard.name), whole(shard, **rest))
    )
    predict_shards([pictures], out, None, CROPPED, resume=True)
    assert out.read_bytes() == expected
    assert done == sorted(set(done)), "a finished shard was predicted again"


def test_features_in_shards_are_those_of_the_store_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr("bimodal.features.shards._LEAST", 64)
    data = write_data(tmp_path / "data", {"train": 150, "val": 10})
    other = Path(shutil.copytree(data, tmp_path / "other"))
    file = cache_file(Manifest.read(data), packaged_embedder())
    for folder, more in ((other, []), (data, ["--address", "local"])):
        if more:
            embed_shards(folder)
            assert not file.with_suffix(".shards").exists()
        assert cli("embed", folder, "--out", tmp_path / f"{folder.name}.npz").returncode == 0
    one, two = (np.load(tmp_path / f"{name}.npz") for name in ("data", "other"))
    assert one["features"].tobytes() == two["features"].tobytes()
    assert one["image"].tolist() == two["image"].tolist()
    state = file.stat().st_mtime_ns
    embed_shards(data)
    assert file.stat().st_mtime_ns == state, "finished features were computed again"


def test_a_damaged_shard_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bimodal.features.shards._LEAST", 64)
    shards = FeatureShards(Manifest.read(write_data(tmp_path / "data", {"train": 70})), packaged_embedder())
    with shards.exclusively() as left:
        assert [len(rows) for rows in left or []] == [64, 6]
        for rows in left or []:
            shards.compute(rows)
    first, second = map(shards.file_of, shards.ranges)
    whole = second.read_bytes()
    for damaged in (whole[:100], bytes(len(whole)), b""):
        second.write_bytes(damaged)
        with shards.exclusively() as left:
            assert left == shards.ranges[1:]
            shards.compute(shards.ranges[1])
        assert second.read_bytes() == whole
    with shards.exclusively() as left:
        assert left == []
        shards.join()
    assert not first.exists()


@pytest.mark.slow
def test_on_ray_the_rows_are_the_same(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    expected = plain_table([pictures], tmp_path / "plain.csv")
    out = tmp_path / "table.csv"
    result = cli("predict", pictures, "--out", out, "--no-detect", "--batch-size", "4", "--address", "local")
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == expected
    data = write_data(tmp_path / "data", {"train": 70, "val": 14})
    plain = Path(shutil.copytree(data, tmp_path / "copy"))
    for folder, more in ((plain, []), (data, ["--address", "local"])):
        result = cli("audit", folder, "--out", tmp_path / f"audit-{folder.name}", *more)
        assert result.returncode == 0, result.stderr
    suspects = [(tmp_path / f"audit-{name}" / "suspects.csv").read_bytes() for name in ("data", "copy")]
    assert suspects[0] == suspects[1]
    assert json.loads((tmp_path / "audit-data" / "verdict.json").read_text())
