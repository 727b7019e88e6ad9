"""Reading a data set of the Hugging Face hub by its name, `hf://owner/name[@revision][/config]`: data only, no code of it."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from bimodal.data.sources.folders import split_of
from bimodal.data.sources.formats.image_folder import FILES
from bimodal.data.sources.formats.json_file import list_of_dicts
from bimodal.data.sources.formats.shards import choose_config, configs_of, is_shard, split_of_shard
from bimodal.errors import InputError
from bimodal.progress import inform
from bimodal.text import first_line, plural
from bimodal.vision.formats import is_picture_name

MAX_DOWNLOAD_BYTES = 32 * 2**30
MAX_FILES = 200_000
CONVERTED = "refs/convert/parquet"
"""The branch on which the hub keeps its own conversion of a data set to Parquet."""
_TIMEOUT_S = 30
_ADDRESS = re.compile(
    r"hf:/+(?:datasets/)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/[^/@]+/[^/@]+|[^/@]+))?(?:/(?P<config>.+))?"
)


@dataclass(frozen=True)
class Address:
    """A data set on the hub.

    >>> Address.parse("hf://anna/faces@v1/small")
    Address(name='anna/faces', revision='v1', config='small')
    """

    name: str
    revision: str = ""
    config: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address in a text.

        Raises:
            InputError: it has another form.
        """
        match = _ADDRESS.fullmatch(text.rstrip("/"))
        if match is None:
            raise InputError(f"expected hf://owner/name[@revision][/config], got {text}")
        return cls(match["name"], match["revision"] or "", match["config"] or "")

    def __str__(self) -> str:
        revision, config = f"@{self.revision}" if self.revision else "", f"/{self.config}" if self.config else ""
        return f"hf://{self.name}{revision}{config}"


@dataclass(frozen=True)
class Download:
    """The files of a data set in the cache of the hub.

    Attributes:
        root: the folder of the files.
        files: those of the data set, relative to the folder.
        splits: the split of each file, or `""`; empty if the files are pictures with a list of them.
        address: the data set with the commit that was read.
    """

    root: Path
    files: tuple[str, ...]
    splits: tuple[str, ...]
    address: Address


@dataclass(frozen=True)
class _Listing:
    """The files of a commit with their sizes, and the files of each configuration by the data set's card."""

    commit: str
    sizes: dict[str, int]
    declared: dict[str, dict[str, str]] = field(default_factory=dict)  # configuration -> file -> split
    default: str = ""


def is_address(source: object) -> bool:
    """Return whether a source is on the hub. `Path("hf://a/b")` is `hf:/a/b`, which counts, too."""
    return str(source).startswith("hf:/")


def fetch(address: Address) -> Download:
    """Download the files of a data set into the cache of `huggingface_hub`, at most 32 GiB; what is there is not loaded again.

    Parquet files are preferred, then pictures with `metadata.csv` or in folders, then the hub's conversion to Parquet.
    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN` work as in `huggingface_hub`.

    Raises:
        InputError: the hub cannot be reached, or it has no such data set, or none that can be read.
    """
    try:
        return _fetch(address)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # the client's error types differ from release to release
        if isinstance(error, OSError) and error.errno is not None and type(error).__module__ == "builtins":
            raise  # of the disk
        raise InputError(f"no data set {address} on Hugging Face: {_reason(error)}") from error


def _fetch(address: Address) -> Download:
    listing = _list(address.name, address.revision)
    files = _chosen(listing, address)
    if not files and not address.revision:
        try:
            listing = _list(address.name, CONVERTED)
        except Exception as error:
            raise _unusable(address) from error
        inform(f"{address} is read from the hub's conversion to Parquet")
        files = _chosen(listing, address)
    if not files:
        raise _unusable(address)
    root = _load(address.name, listing, list(files))
    read = Address(address.name, listing.commit, address.config)
    return Download(root, tuple(files), tuple(files.values()) if any(map(is_shard, files)) else (), read)


def _list(name: str, revision: str) -> _Listing:
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(name, revision=revision or None, files_metadata=True, timeout=_TIMEOUT_S)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or [] if _is_safe(file.rfilename)}
    declared, default = _declared(info.card_data, list(sizes))
    if not info.sha:
        raise InputError(f"the hub states no commit of {name}")
    return _Listing(info.sha, sizes, declared, default)


def _chosen(listing: _Listing, address: Address) -> dict[str, str]:
    """Return the files to read, each with its split; none if the data set has another form."""
    how = f"give one of them, such as hf://{address.name}/NAME"
    if listing.declared:
        configs = {name: list(files) for name, files in listing.declared.items()}
        wanted = address.config or listing.default
        files = choose_config(configs, wanted, f"hf://{address.name}", how)
        return next(found for found in listing.declared.values() if list(found) == files)
    shards = [file for file in listing.sizes if is_shard(file)]
    if shards:
        files = choose_config(configs_of(shards), address.config, f"hf://{address.name}", how)
        return {file: split_of_shard(file) for file in files}
    pictures = [file for file in listing.sizes if is_picture_name(file)]
    if not pictures:
        return {}
    lists = [file for file in listing.sizes if file.rpartition("/")[2] in FILES]
    chosen = [file for file in (*lists, *pictures) if not address.config or file.startswith(f"{address.config}/")]
    return dict.fromkeys(chosen, "")


def _declared(card: Any, files: Sequence[str]) -> tuple[dict[str, dict[str, str]], str]:
    """Return the packed files of each configuration that the data set's card declares, with their splits; and the default."""
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


def _load(name: str, listing: _Listing, files: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download

    size = sum(listing.sizes[file] for file in files)
    if size > MAX_DOWNLOAD_BYTES or len(files) > MAX_FILES:
        raise InputError(
            f"hf://{name} has {plural(len(files), 'file')} of {size / 2**30:.1f} GiB; at most {MAX_FILES:,} files of "
            f"{MAX_DOWNLOAD_BYTES >> 30} GiB are read; download a part of it and give that"
        )
    cache = Path(constants.HF_HUB_CACHE)
    place = next((folder for folder in (cache, *cache.parents) if folder.is_dir()), Path("/"))
    if size > shutil.disk_usage(place).free:
        raise InputError(
            f"hf://{name} has {size / 2**30:.1f} GiB, and {cache} has less space; set HF_HOME to another disk"
        )
    inform(f"reading {plural(len(files), 'file')} of {size / 2**20:,.1f} MiB from hf://{name}")
    patterns = [re.sub(r"([\[*?])", r"[\1]", file) for file in files]
    root = Path(
        snapshot_download(
            name, repo_type="dataset", revision=listing.commit, allow_patterns=patterns, etag_timeout=_TIMEOUT_S
        )
    )
    missing = [file for file in files if not (root / file).is_file()]
    if missing:
        raise InputError(f"hf://{name}: {missing[0]} was not loaded; try again")
    return root


def _is_safe(file: str) -> bool:
    return not file.startswith("/") and ".." not in file.split("/") and "\\" not in file and "\0" not in file


def _unusable(address: Address) -> InputError:
    return InputError(
        f"{address} on Hugging Face has neither Parquet files nor pictures that can be read without running its code; "
        "download it and give its folder"
    )


def _reason(error: BaseException) -> str:
    kind = type(error).__name__
    known = {
        "RepositoryNotFoundError": "it does not exist, or is private and HF_TOKEN is not set",
        "GatedRepoError": "its authors grant access on request; ask on its page, then set HF_TOKEN",
        "RevisionNotFoundError": "it has no such revision",
        "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set",
    }
    return known.get(kind, f"{kind}: {first_line(error)}")
