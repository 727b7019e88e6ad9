import json
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from bimodal.data.sources.formats import hub as module
from bimodal.data.sources.formats.hub import Address
from bimodal.errors import InputError
from tests.conftest import Outcome
from tests.data.sources.formats.conftest import Read, by, picture, why, write_parquet
from tests.data.sources.formats.hub_server import DataHub, commit_of


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataHub]:
    """A hub, as the endpoint of the client in this process, with an empty cache."""
    served = DataHub()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    template = f"{served.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    huggingface_hub.close_session()
    yield served
    huggingface_hub.close_session()
    served.close()


def shard(folder: Path, *labels: int, first: int = 0) -> bytes:
    return write_parquet(folder / f"made-{first}.parquet", labels, first=first).read_bytes()


def test_parquet_files_with_splits(tmp_path: Path, hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {
        "data/train-00000-of-00001.parquet": shard(tmp_path, 0, 1),
        "data/test-00000-of-00001.parquet": shard(tmp_path, 2, first=2),
        "faces.py": b"raise SystemExit('code of a data set must not run')",
    }
    source = read(Path("hf://anna/faces"))
    expected = [("angry", "train"), ("happy", "train"), ("sad", "test")]
    assert sorted(by(source, "label", "split")) == sorted(expected)
    assert source.origin == f"hf://anna/faces@{commit_of('main')}"
    assert "faces.py" not in hub.downloads
    count = len(hub.downloads)
    assert count == 2
    read(Path("hf://anna/faces"))
    assert len(hub.downloads) == count  # the cache has them


def test_configurations_by_folder(tmp_path: Path, hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {
        "small/train-0.parquet": shard(tmp_path, 0),
        "large/train-0.parquet": shard(tmp_path, 1, first=1),
    }
    with pytest.raises(
        InputError, match="several data sets: large, small; give one of them, such as hf://anna/faces/NAME"
    ):
        read(Path("hf://anna/faces"))
    with pytest.raises(InputError, match="has no configuration 'tiny'; it has large, small"):
        read(Path("hf://anna/faces/tiny"))
    assert by(read(Path("hf://anna/faces/large")), "label") == [("happy",)]
    assert hub.downloads == ["large/train-0.parquet"]


def test_configurations_by_the_card(tmp_path: Path, hub: DataHub, read: Read) -> None:
    card = {
        "configs": [
            {
                "config_name": "a",
                "data_files": [{"split": "train", "path": "x/*"}, {"split": "validation", "path": ["y/1*"]}],
            },
            {"config_name": "b", "data_files": "y/2.parquet"},
            {"config_name": 7, "data_files": {"path": 3}},
        ]
    }
    hub.files["anna/faces", "main"] = {
        "README.md": b"---\n" + json.dumps(card).encode() + b"\n---\n# Faces\n",
        "x/0.parquet": shard(tmp_path, 0),
        "y/1.parquet": shard(tmp_path, 1, first=1),
        "y/2.parquet": shard(tmp_path, 2, first=2),
    }
    assert by(read(Path("hf://anna/faces/a")), "label", "split") == [("angry", "train"), ("happy", "val")]
    assert by(read(Path("hf://anna/faces/b")), "label", "split") == [("sad", "")]
    with pytest.raises(InputError, match="several data sets: a, b;"):
        read(Path("hf://anna/faces"))


def test_revisions(tmp_path: Path, hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {"train.parquet": shard(tmp_path, 0)}
    hub.files["anna/faces", "v1"] = {"train.parquet": shard(tmp_path, 1, first=1)}
    assert by(read(Path("hf://anna/faces@v1")), "label") == [("happy",)]
    assert by(read(Path("hf://datasets/anna/faces")), "label") == [("angry",)]
    with pytest.raises(InputError, match="no data set hf://anna/faces@v2 on Hugging Face: it has no such revision"):
        read(Path("hf://anna/faces@v2"))


def test_pictures_with_metadata(hub: DataHub, read: Read) -> None:
    rows = [{"file_name": f"{n}.png", "emotion": emotion} for n, emotion in enumerate(("happy", "sad"))]
    hub.files["anna/faces", "main"] = {
        "train/metadata.jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "train/0.png": picture(0),
        "train/1.png": picture(1),
        "notes.txt": b"x",
    }
    source = read(Path("hf://anna/faces"))
    assert by(source, "name", "label", "split") == [("train/0.png", "happy", "train"), ("train/1.png", "sad", "train")]
    assert why(source) == []
    assert "notes.txt" not in hub.downloads


def test_pictures_in_folders(hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {"happy/0.png": picture(0), "sad/1.png": picture(1)}
    assert by(read(Path("hf://anna/faces")), "label") == [("happy",), ("sad",)]


def test_the_conversion_of_the_hub(tmp_path: Path, hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {"faces.zip": b"PK", "faces.py": b"x", "logo.png": b"x"}
    with pytest.raises(
        InputError, match="neither Parquet files nor pictures that can be read without running its code"
    ):
        read(Path("hf://anna/faces"))
    hub.files["anna/faces", "refs/convert/parquet"] = {
        "default/train/0000.parquet": shard(tmp_path, 0),
        "default/test/0000.parquet": shard(tmp_path, 1, first=1),
    }
    assert sorted(by(read(Path("hf://anna/faces")), "label", "split")) == [("angry", "train"), ("happy", "test")]


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet"])
def test_without_the_hub_the_cache_is_read(
    tmp_path: Path, hub: DataHub, read: Read, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    hub.files["anna/faces", "main"] = {"faces.zip": b"PK"}
    hub.files["anna/faces", revision] = {
        "README.md": b"---\nconfigs:\n- config_name: a\n  data_files: x/*\n---\n",
        "x/train.parquet": shard(tmp_path, 0),
    }
    first = read(Path("hf://anna/faces/a"))
    hub.close()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    again = read(Path("hf://anna/faces/a"))
    assert (by(again, "name", "label", "split"), again.origin) == (by(first, "name", "label", "split"), first.origin)
    with pytest.raises(InputError, match="no data set hf://anna/other on Hugging Face: HF_HUB_OFFLINE is set"):
        read(Path("hf://anna/other"))


def test_limits(tmp_path: Path, hub: DataHub, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files["anna/faces", "main"] = {"train.parquet": shard(tmp_path, 0)}
    hub.sizes["train.parquet"] = 40 * 2**30
    with pytest.raises(InputError, match=r"hf://anna/faces has 1 file of 40\.0 GiB; at most 200,000 files of 32 GiB"):
        read(Path("hf://anna/faces"))
    monkeypatch.setattr(module, "MAX_DOWNLOAD_BYTES", 2**80)
    hub.sizes["train.parquet"] = 2**60
    with pytest.raises(InputError, match="less space; set HF_HOME to another disk"):
        read(Path("hf://anna/faces"))
    assert hub.downloads == []


@pytest.mark.parametrize(
    ("status", "words"), [(None, "it does not exist, or is private and HF_TOKEN is not set"), (500, "HfHubHTTPError: ")]
)
def test_errors_of_the_hub_are_one_line(hub: DataHub, read: Read, status: int | None, words: str) -> None:
    hub.status = status
    with pytest.raises(InputError, match=f"no data set hf://anna/faces on Hugging Face: .*{words}") as caught:
        read(Path("hf://anna/faces"))
    assert "\n" not in str(caught.value)


def test_paths_that_leave_the_folder_are_not_read(tmp_path: Path, hub: DataHub, read: Read) -> None:
    hub.files["anna/faces", "main"] = {"../evil.parquet": shard(tmp_path, 0), "/evil.parquet": shard(tmp_path, 1)}
    with pytest.raises(InputError, match="neither Parquet files nor pictures"):
        read(Path("hf://anna/faces"))
    assert hub.downloads == []


@pytest.mark.parametrize(
    "text", ["hf://anna", "hf://anna/faces@", "hf:///", "hf://../x/y@z@a", "hf://a b/c", "hf://a/b/../../c"]
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(InputError, match=r"expected hf://owner/name\[@revision\]\[/config\], got"):
        Address.parse(text)


def test_addresses() -> None:
    assert Address.parse("hf:/anna/faces/") == Address("anna/faces")
    assert Address.parse("hf://anna/faces@refs/convert/parquet/a/b") == Address(
        "anna/faces", "refs/convert/parquet", "a/b"
    )
    assert str(Address.parse("hf://datasets/anna/faces@v1/a")) == "hf://anna/faces@v1/a"


def test_other_options_are_refused(read: Read) -> None:
    with pytest.raises(InputError, match="--root cannot be used with hf://anna/faces; leave it out"):
        read(Path("hf://anna/faces"), root="x")


def test_command(tmp_path: Path, hub: DataHub, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [row % 3 for row in range(60)]
    hub.files["anna/faces", "main"] = {"data/train-00000-of-00001.parquet": shard(tmp_path, *labels)}
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    result = cli("prepare", "hf://anna/faces", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    recorded = json.loads((tmp_path / "out/source.json").read_text())
    assert (recorded["source"], recorded["kind"]) == (f"hf://anna/faces@{commit_of('main')}", "parquet")
    assert len(list((tmp_path / "out/images").rglob("*.png"))) == 60
