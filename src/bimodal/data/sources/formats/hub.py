"""Reading a data set of the Hugging Face hub by its name, `hf://owner/name[@revision][/config]`: data only, no code of it."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bimodal.data.sources.formats.hub_listing import CARD, TIMEOUT_S, Listing, list_files
from bimodal.data.sources.formats.image_folder import FILES
from bimodal.data.sources.formats.shards import choose_config, configs_of, is_shard, split_of_shard
from bimodal.errors import InputError
from bimodal.progress import inform
from bimodal.text import first_line, plural
from bimodal.vision.formats import is_picture_name

MAX_DOWNLOAD_BYTES = 32 * 2**30
MAX_FILES = 200_000
CONVERTED = "refs/convert/parquet"
"""The branch on which the hub keeps its own conversion of a data set to Parquet."""
_MIN_CLASSES = 2
_ADDRESS = re.compile(
    r"hf:/+(?:datasets/)?(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>refs/[^/@]+/[^/@]+|[^/@]+))?(?:/(?P<config>.+))?"
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
        if match is None or ".." in text.split("/"):
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
    failed: Exception | None = None
    listing = Listing("", {})
    try:
        listing = list_files(address.name, address.revision)
    except Exception as error:  # offline, only the conversion may be in the cache
        failed = error
    files = _chosen(listing, address)
    revision = address.revision
    if not files and not revision:
        revision = CONVERTED
        try:
            listing = list_files(address.name, revision)
        except Exception as error:
            raise failed or _unusable(address) from error
        inform(f"{address} is read from the hub's conversion to Parquet")
        files = _chosen(listing, address)
    if failed is not None and not files:
        raise failed
    if not files:
        raise _unusable(address)
    root = _load(address.name, revision, listing, list(files))
    read = Address(address.name, root.name, address.config)
    return Download(root, tuple(files), tuple(files.values()) if any(map(is_shard, files)) else (), read)


def _chosen(listing: Listing, address: Address) -> dict[str, str]:
    """Return the files to read, each with its split; none if the data set has another form."""
    how = f"give one of them, such as hf://{address.name}/NAME"
    if listing.declared:
        configs = {name: list(found) for name, found in listing.declared.items()}
        files = choose_config(configs, address.config or listing.default, f"hf://{address.name}", how)
        return next(found for found in listing.declared.values() if list(found) == files)
    shards = [file for file in listing.sizes if is_shard(file)]
    if shards:
        files = choose_config(configs_of(shards), address.config, f"hf://{address.name}", how)
        return {file: split_of_shard(file) for file in files}
    pictures = [file for file in listing.sizes if is_picture_name(file)]
    lists = [file for file in listing.sizes if file.rpartition("/")[2] in FILES]
    if not lists and len({file.rpartition("/")[0] for file in pictures}) < _MIN_CLASSES:
        return {}  # no pictures, or those of its page, whose data are packed
    chosen = [file for file in (*lists, *pictures) if not address.config or file.startswith(f"{address.config}/")]
    return dict.fromkeys(chosen, "")


def _load(name: str, revision: str, listing: Listing, files: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download, try_to_load_from_cache

    size = sum(listing.sizes[file] for file in files)
    if size > MAX_DOWNLOAD_BYTES or len(files) > MAX_FILES:
        raise InputError(
            f"hf://{name} has {plural(len(files), 'file')} of {size / 2**30:.1f} GiB; at most {MAX_FILES:,} files of "
            f"{MAX_DOWNLOAD_BYTES >> 30} GiB are read; download a part of it and give that"
        )
    cache = Path(constants.HF_HUB_CACHE)
    place = next((folder for folder in (cache, *cache.parents) if folder.is_dir()), Path("/"))
    cached = (try_to_load_from_cache(name, file, repo_type="dataset", revision=listing.commit) for file in files)
    needed = sum(listing.sizes[file] for file, found in zip(files, cached, strict=True) if not isinstance(found, str))
    if needed > shutil.disk_usage(place).free:
        raise InputError(
            f"hf://{name} needs {needed / 2**30:.1f} GiB, and {cache} has less space; set HF_HOME to another disk"
        )
    inform(f"reading {plural(len(files), 'file')} of {size / 2**20:,.1f} MiB from hf://{name}")
    if listing.cached is not None:
        root = listing.cached
    else:
        patterns = [re.sub(r"([\[*?])", r"[\1]", file) for file in (*files, CARD)]
        root = Path(
            snapshot_download(
                name,
                repo_type="dataset",
                revision=revision or None,
                allow_patterns=patterns,
                etag_timeout=TIMEOUT_S,
            )
        )
    missing = [file for file in files if not (root / file).is_file()]
    if missing:
        raise InputError(f"hf://{name}: {missing[0]} was not loaded; try again")
    return root


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
