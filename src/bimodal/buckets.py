"""Pictures in buckets, such as `s3://bucket/faces`: listing, and copies on this machine. Credentials come from the environment."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.files import user_cache_folder, write_atomically
from bimodal.unfinished import PREFIX

_ADDRESS = re.compile(r"(s3|gs|gcs|abfs|abfss|hdfs):/+(?=[^/])")
_BLOCK = 2**20
_MAX_BYTES = 4 * 2**30
"""The largest object that is copied."""
CACHE_LIMIT = "BIMODAL_BUCKET_GIB"
"""The environment variable with the most that a folder of a bucket may take on this machine, in GiB; 50 without it."""


def is_bucket(name: str | Path) -> bool:
    """Return whether a name is an address in a bucket; a `Path` has lost one of its slashes.

    >>> is_bucket("s3://faces/test"), is_bucket(Path("s3://faces/test")), is_bucket("faces/test")
    (True, True, False)
    """
    return _ADDRESS.match(str(name)) is not None


def normal(name: str | Path) -> str:
    """Return the address with two slashes, and none at its end.

    >>> normal(Path("s3://faces/test/"))
    's3://faces/test'
    """
    return _ADDRESS.sub(lambda match: f"{match[1]}://", str(name)).rstrip("/")


@dataclass(frozen=True)
class BucketObject:
    """An object of a bucket.

    Attributes:
        address: such as `s3://bucket/folder/name`.
        size: in bytes.
        modified: when it was written, in nanoseconds since 1970; 0 if the bucket does not say.
    """

    address: str
    size: int
    modified: int

    def is_copied_to(self, file: Path) -> bool:
        """Return whether a file of this machine is a copy of the object as it is now."""
        if not file.is_file():
            return False
        found = file.stat()
        return found.st_size == self.size and self.modified in (0, found.st_mtime_ns)


def list_files(address: str | Path) -> Iterator[BucketObject]:
    """Yield an object, or all objects below a folder, in the order of their names.

    One folder is listed at a time. Names that start with a dot are left out.

    Raises:
        InputError: pyarrow is missing, the bucket cannot be read, or nothing is there.
    """
    address = normal(address)
    scheme = address.partition("://")[0]
    files, path = _open(address)
    from pyarrow import fs

    try:
        found = files.get_file_info(path)
        if found.type == fs.FileType.File:
            yield BucketObject(address, found.size, found.mtime_ns or 0)
            return
        if found.type == fs.FileType.NotFound:
            raise InputError(f"{address} does not exist; expected an object or a folder of a bucket")
        stack = [found]
        while stack:
            entry = stack.pop()
            if entry.type == fs.FileType.File:
                yield BucketObject(f"{scheme}://{entry.path}", entry.size, entry.mtime_ns or 0)
                continue
            below = files.get_file_info(fs.FileSelector(entry.path, recursive=False))
            named = [one for one in below if not one.base_name.startswith(".")]
            stack.extend(sorted(named, key=lambda one: one.base_name, reverse=True))
    except OSError as error:
        raise _unreadable(address, error) from error


def copy_file(address: str, file: Path) -> None:
    """Copy an object to a file of this machine.

    Raises:
        InputError: it cannot be read, or it is larger than 4 GiB.
    """
    files, path = _open(address)

    def copy(part: Path) -> None:
        size = 0
        with files.open_input_stream(path) as source, part.open("wb") as target:
            while block := source.read(_BLOCK):
                size += len(block)
                if size > _MAX_BYTES:
                    raise InputError(f"{address} is larger than {_MAX_BYTES // 2**30} GiB")
                target.write(block)

    try:
        write_atomically(file, copy)
    except OSError as error:
        if error.filename is not None:  # of this machine's disk
            raise
        raise _unreadable(address, error) from error


def local_copy(address: str | Path) -> Path:
    """Copy a folder or an object of a bucket to this user's cache folder, and return its place there.

    Objects that are there already, with the same size and time of writing, are not copied again, so that an interrupted call
    continues. Copies of objects that the bucket no longer has are deleted.

    Raises:
        InputError: the bucket cannot be read, or the folder is larger than the cache may be.
    """
    from bimodal.vision.pictures import map_in_threads

    address = normal(address)
    root = user_cache_folder() / "buckets" / hashlib.sha256(address.encode()).hexdigest()[:16]
    limit = _limit()
    total, is_object = 0, False
    files: dict[Path, BucketObject] = {}
    for found in list_files(address):
        is_object = found.address == address
        files[root / (Path(address).name if is_object else _inside(found.address.removeprefix(address + "/")))] = found
        total += found.size
        if total > limit:
            raise InputError(
                f"{address} is larger than the {limit / 2**30:g} GiB that a folder of a bucket may take in {root.parent}; "
                f"set {CACHE_LIMIT} to allow more"
            )
    for left in [file for file in root.rglob("*") if file not in files and not file.is_dir()]:
        if not left.name.startswith(PREFIX):  # what another process is copying
            left.unlink(missing_ok=True)
    todo = [(found, file) for file, found in files.items() if not found.is_copied_to(file)]
    for folder in {file.parent for _, file in todo}:
        folder.mkdir(parents=True, exist_ok=True)
    map_in_threads(lambda pair: _copy_with_time(*pair), todo, "copying from the bucket")
    return root / Path(address).name if is_object else root


def _copy_with_time(found: BucketObject, file: Path) -> None:
    copy_file(found.address, file)
    if found.modified:
        os.utime(file, ns=(found.modified, found.modified))


def _inside(name: str) -> str:
    """Return a relative name that cannot leave its folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise InputError(f"the bucket has an object with the name {name!r}, which is no file name; rename it")
    return name


def _limit() -> float:
    text = os.environ.get(CACHE_LIMIT, "50")
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise InputError(f"{CACHE_LIMIT} must be a number of GiB above 0, got {text!r}")
    return limit * 2**30


def _open(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    try:
        from pyarrow import fs
    except ImportError as error:
        raise InputError(
            f"{address} needs the package pyarrow; install it with: pip install 'bimodal[cloud]'"
        ) from error
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    try:
        if address.startswith("s3://") and endpoint:
            scheme, _, host = endpoint.rpartition("://")
            region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
            path = address.removeprefix("s3://")
            return fs.S3FileSystem(endpoint_override=host, scheme=scheme or "https", region=region), path
        files, path = fs.FileSystem.from_uri(address)
    except (OSError, ValueError) as error:
        raise _unreadable(address, error) from error
    return files, path


def _unreadable(address: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:300]
    return InputError(f"{address} cannot be read: {reason}; credentials come from the environment, such as AWS_PROFILE")
