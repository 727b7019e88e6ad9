"""The files of a data set on the Hugging Face hub, and which configuration and split each belongs to by the data set's card."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from bimodal.data.sources.folders import split_of
from bimodal.data.sources.formats.json_file import list_of_dicts
from bimodal.data.sources.formats.shards import is_shard, split_of_shard
from bimodal.errors import InputError
from bimodal.settings import plain_yaml

CARD = "README.md"
"""The card of a data set; it begins with YAML."""
TIMEOUT_S = 30
_MAX_CARD_BYTES = 2**20


@dataclass(frozen=True)
class Listing:
    """The files of one commit.

    Attributes:
        commit: its identifier.
        sizes: the size of each file in bytes.
        declared: the packed files of each configuration that the card declares, with their splits.
        default: the configuration that the card calls the default, or `""`.
        cached: the folder in the cache, if the hub could not be reached; `sizes` then has only the files there.
    """

    commit: str
    sizes: dict[str, int]
    declared: dict[str, dict[str, str]] = field(default_factory=dict)
    default: str = ""
    cached: Path | None = None


def list_files(name: str, revision: str) -> Listing:
    """Return the files of a data set; if the hub cannot be reached, those in the cache.

    Raises:
        InputError: the hub states no commit.
        Exception: an error of `huggingface_hub`: there is no such data set or revision, or it is neither reached nor cached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = HfApi().dataset_info(name, revision=revision or None, files_metadata=True, timeout=TIMEOUT_S)
    except HfHubHTTPError:  # the hub was reached
        raise
    except Exception:
        cached = _cached(name, revision)
        if cached is None:
            raise
        return cached
    if not info.sha:
        raise InputError(f"the hub states no commit of {name}")
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or [] if is_safe(file.rfilename)}
    declared, default = declared_files(info.card_data, list(sizes))
    return Listing(info.sha, sizes, declared, default)


def declared_files(card: Any, files: Sequence[str]) -> tuple[dict[str, dict[str, str]], str]:
    """Return the packed files of each configuration that a card declares, with their splits; and the default one, or `""`.

    Args:
        card: a mapping of the card's YAML, or None.
        files: all files of the data set.

    >>> config = {"config_name": "small", "data_files": [{"split": "test", "path": "in/t-*"}], "default": True}
    >>> declared_files({"configs": [config]}, ["in/t-0.parquet", "in/u.parquet"])
    ({'small': {'in/t-0.parquet': 'test'}}, 'small')
    """
    declared: dict[str, dict[str, str]] = {}
    default = ""
    for config in list_of_dicts(card.get("configs") if card is not None else None):
        name, data = config.get("config_name"), config.get("data_files")
        if not isinstance(name, str):
            continue
        found: dict[str, str] = {}
        for item in data if isinstance(data, list) else [data]:
            split, paths = (item.get("split"), item.get("path")) if isinstance(item, dict) else ("", item)
            for pattern in paths if isinstance(paths, list) else [paths]:
                if isinstance(pattern, str):
                    matching = [file for file in files if is_shard(file) and fnmatchcase(file, pattern)]
                    found |= {file: split_of(str(split or "")) or split_of_shard(file) for file in matching}
        if found:
            declared[name] = found
            default = name if config.get("default") is True else default
    return declared, default


def is_safe(file: str) -> bool:
    """Return whether the name of a file stays in its folder.

    >>> is_safe("data/train.parquet"), is_safe("../x.parquet"), is_safe("/x.parquet")
    (True, False, False)
    """
    return not file.startswith("/") and ".." not in file.split("/") and "\\" not in file and "\0" not in file


def _cached(name: str, revision: str) -> Listing | None:
    """Return the files of an earlier download, with the card that was stored with them; None if there are none."""
    from huggingface_hub import snapshot_download

    try:
        root = Path(
            snapshot_download(
                name, repo_type="dataset", revision=revision or None, local_files_only=True, allow_patterns=[CARD]
            )
        )
    except Exception:
        return None
    files = {path.relative_to(root).as_posix(): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    declared, default = declared_files(_front_matter(root / CARD), list(files))
    return Listing(root.name, files, declared, default, root)


def _front_matter(card: Path) -> dict[str, Any] | None:
    """Return the YAML between the first lines `---` of a card; None if there is none."""
    try:
        with card.open("rb") as stream:
            start, text, *_ = stream.read(_MAX_CARD_BYTES).decode("utf-8", "replace").split("---\n", 2)
        content = plain_yaml(text) if not start.strip() else None
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
