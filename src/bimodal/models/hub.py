"""Download of a backbone's pretrained weights from the Hugging Face hub, with a deadline and a check of the SHA-256.

`huggingface_hub` does the download. By itself it waits minutes if a firewall drops packets, and does not compare the file with
the checksum of the hub.
"""

import contextlib
import errno
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import timm
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import HfFileMetadata
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from bimodal.errors import InputError
from bimodal.files import sha256_of
from bimodal.model_files.packaged import PACKAGED_PREFIX, WEIGHTS, packaged_file

LARGEST = 8 * 2**30
"""Largest accepted file of weights in bytes; the backbones of timm for one machine are far smaller."""

_CURE = (
    "give a file with --weights FILE (.safetensors, or .pth read without pickle) "
    "or start from random weights with --no-pretrained"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class _HubFile:
    """The place of a backbone's weights on the hub."""

    name: str
    repository: str
    revision: str | None
    filename: str
    url: str

    def __str__(self) -> str:
        return f"the pretrained weights of {self.name} ({self.repository}/{self.filename} at {constants.ENDPOINT})"

    def cached(self, revision: str | None) -> Path | None:
        found = try_to_load_from_cache(self.repository, self.filename, revision=revision)
        return Path(found) if isinstance(found, str) else None


def fetch(name: str, timeout: float = 10) -> Path:
    """Return the file of a backbone's pretrained weights; download it into the cache of the hub if it is not there.

    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN` work as in `huggingface_hub`. Each call compares the SHA-256 of
    the file with that of the hub, or offline with the one under which the file is cached.

    The name is one of timm with or without tag, `resnet50.tv_in1k`, or `hf-hub:owner/model[@revision]`, or `bimodal/face-s`,
    which is part of the package. `timeout` is in seconds for one response of the hub, 1.5 times as long for all.

    Raises:
        InputError: the name is unknown; the hub cannot be reached or does not have the file, and it is not cached; the
            download fails; or the file has another SHA-256 than the hub states (the file is then deleted).
        OSError: the cache cannot be written (disk full, no permission).
    """
    if name.startswith(PACKAGED_PREFIX):
        return packaged_file(name, WEIGHTS)
    file = _locate(name)
    try:
        stated = _within(1.5 * timeout, lambda: _metadata(file, timeout))
    except Exception as error:  # DNS, TLS, proxy, HTTP...: the cache may have the file
        path = file.cached(file.revision)
        if path is None:
            raise InputError(f"{file} are not cached, and {_reason(error)}: {_CURE}") from error
        _verify(file, path, None)
        return path
    if (stated.size or 0) > LARGEST:
        raise InputError(f"{file} have {stated.size} bytes, more than the {LARGEST} that are read: {_CURE}")
    path = file.cached(stated.commit_hash) or _download(file, timeout)
    _verify(file, path, stated.etag)
    return path


def _locate(name: str) -> _HubFile:
    """Return the file of a backbone on the hub, from the registry of timm."""
    filename = "model.safetensors"
    if name.startswith("hf-hub:"):
        hub_id = name.removeprefix("hf-hub:")
    else:
        try:
            cfg = timm.get_pretrained_cfg(name)
        except RuntimeError as error:  # a known architecture, an unknown tag
            raise InputError(f"unknown backbone {name!r}: {first_sentence(error)}") from error
        if cfg is None:
            raise InputError(f"unknown backbone {name!r}: expected a timm name such as resnet50.tv_in1k")
        if not cfg.hf_hub_id:
            raise InputError(f"timm has no weights on the hub for {name!r}: {_CURE}")
        hub_id, filename = cfg.hf_hub_id, cfg.hf_hub_filename or filename
    repository, _, revision = hub_id.partition("@")
    try:
        url = hf_hub_url(repository, filename, revision=revision or None)
    except HFValidationError as error:
        raise InputError(f"{name!r} is not the name of a repository on the hub: expected hf-hub:owner/model") from error
    return _HubFile(name, repository, revision or None, filename, url)


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return the result of `call`; raise TimeoutError if it takes too long.

    It runs in a thread, because the timeouts of the client do not cover DNS and start again for each address of a host.
    """
    future: Future[_T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # raised by the call itself
            raise
        raise TimeoutError(f"no response within {seconds:g} s") from None


def _metadata(file: _HubFile, timeout: float) -> HfFileMetadata:
    """Request the metadata of a file, once and without retries, and check that the file itself can be downloaded."""
    stated = get_hf_file_metadata(file.url, timeout=timeout)
    if stated.commit_hash is None or not _SHA256.fullmatch(stated.etag or ""):
        raise LookupError("the hub states no SHA-256 to check them")
    if file.cached(stated.commit_hash) is None:
        # Files often come from another host, which a firewall may block: check it before the deadline.
        with get_session().stream("GET", file.url, headers=build_hf_headers(), timeout=timeout) as response:
            response.raise_for_status()
    return stated


def _download(file: _HubFile, timeout: float) -> Path:
    try:
        with _quiet_http():
            return Path(hf_hub_download(file.repository, file.filename, revision=file.revision, etag_timeout=timeout))
    except Exception as error:  # the exceptions of the client differ between its releases
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            place = f"{constants.HF_HUB_CACHE} cannot be written ({error.strerror})"
            raise InputError(f"{place}; set HF_HOME to a folder that can be written, {_CURE}") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"the download of {file} failed, {_reason(error)}: run again, {_CURE}") from error


@contextlib.contextmanager
def _quiet_http() -> Iterator[None]:
    """Download over plain HTTP, without warnings: the alternative, Xet, contacts further hosts and retries by itself."""
    logger = logging.getLogger("huggingface_hub")
    level, xet = logger.level, constants.HF_HUB_DISABLE_XET
    logger.setLevel(logging.ERROR)
    constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = xet
        logger.setLevel(level)


def _verify(file: _HubFile, path: Path, stated: str | None) -> None:
    """Compare a cached file with the SHA-256 of the hub, or if that is unknown, with the one under which it is cached."""
    blob = path.parent / path.readlink() if path.is_symlink() else path
    expected, actual = stated or blob.name, sha256_of(path)
    if not _SHA256.fullmatch(expected):
        raise InputError(f"the cache has no SHA-256 for {path}: if you trust that file, give it with --weights")
    if actual == expected:
        return
    try:
        path.unlink()
        blob.unlink(missing_ok=True)
        cure = "the file was removed from the cache: run again"
    except OSError:  # a shared cache without write permission
        cure = f"delete {blob}"
    sums = f"the hub states SHA-256 {expected[:12]}..., the file has {actual[:12]}..."
    raise InputError(f"{file} are damaged: {sums}; {cure}, or {_CURE}")


def _reason(error: Exception) -> str:
    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        access = f"the hub refuses access (HTTP {status}; HF_TOKEN holds a token if one is needed)"
        known = {401: access, 403: access, 404: "the hub does not have them (HTTP 404)"}
        return known.get(status, f"the hub responds with HTTP {status}")
    if isinstance(error, LookupError):
        return first_sentence(error)
    return f"the hub cannot be reached ({first_sentence(error.__cause__ or error)})"


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of an error message, or the name of the error's class if the message is empty.

    >>> first_sentence(OSError("Read timed out. Try again.")), first_sentence(EOFError())
    ('Read timed out', 'EOFError')
    """
    return re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".:") or type(error).__name__
