"""The file of a backbone's pretrained weights, from the hub: within a deadline, and checked by its SHA-256.

`huggingface_hub` does the download. Alone, it waits minutes for a network that swallows packets, and keeps what
arrived without comparing it with the checksum that the hub states.
"""

import contextlib
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
"""Bytes above which weights are refused; timm's backbones for one machine stay far below."""

_CURE = (
    "give a file with --weights FILE (.safetensors, or .pth read without pickle) "
    "or start from random weights with --no-pretrained"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class _HubFile:
    """Where on the hub the weights of a backbone are."""

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
    """Return the file of a backbone's pretrained weights: from the hub's cache, or downloaded into it, and checked.

    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN` mean what they mean to `huggingface_hub`. The SHA-256
    of the file is compared at each call with the one that the hub states (which names the file in the cache).

    Args:
        name: a timm name with or without tag, `resnet50.tv_in1k`, or `hf-hub:owner/model[@revision]`; or
            `bimodal/face-s`, which lies in the package.
        timeout: seconds to wait for one answer of the hub; without any, this gives up after 1.5 times as long.

    Raises:
        InputError: for an unknown name; when the hub cannot be reached or has no such file, and none is cached; when
            the download breaks off; when the file is not the one that the hub states (it is removed).
        OSError: when the cache cannot be written (disk full, no permission).
    """
    if name.startswith(PACKAGED_PREFIX):
        return packaged_file(name, WEIGHTS)
    file = _locate(name)
    try:
        stated = _within(1.5 * timeout, lambda: _ask(file, timeout))
    except Exception as error:  # DNS, TLS, proxy, HTTP...: whatever kept the hub away, the cache may have the file
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
    """Find the hub's file for a backbone, as timm's registry has it."""
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
            raise InputError(f"timm knows no weights on the hub for {name!r}: {_CURE}")
        hub_id, filename = cfg.hf_hub_id, cfg.hf_hub_filename or filename
    repository, _, revision = hub_id.partition("@")
    try:
        url = hf_hub_url(repository, filename, revision=revision or None)
    except HFValidationError as error:
        raise InputError(f"{name!r} names no repository of the hub: expected hf-hub:owner/model") from error
    return _HubFile(name, repository, revision or None, filename, url)


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return what `call` returns, or raise TimeoutError.

    A thread, because the client's own timeouts do not bound DNS, and begin anew for each address of a host.
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
        if future.done():  # the call's own
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def _ask(file: _HubFile, timeout: float) -> HfFileMetadata:
    """Ask the hub, once and without retries, what it states of a file, and whether the bytes can be had."""
    stated = get_hf_file_metadata(file.url, timeout=timeout)
    if stated.commit_hash is None or not _SHA256.fullmatch(stated.etag or ""):
        raise LookupError("the hub states no SHA-256 to check them by")
    if file.cached(stated.commit_hash) is None:
        # They often come from another host, which a firewall may swallow: find that out before the deadline.
        with get_session().stream("GET", file.url, headers=build_hf_headers(), timeout=timeout) as response:
            response.raise_for_status()
    return stated


def _download(file: _HubFile, timeout: float) -> Path:
    try:
        with _quiet_http():
            return Path(hf_hub_download(file.repository, file.filename, revision=file.revision, etag_timeout=timeout))
    except Exception as error:  # the client's own kinds differ from release to release
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"the download of {file} broke off, {_reason(error)}: run again, {_CURE}") from error


@contextlib.contextmanager
def _quiet_http() -> Iterator[None]:
    """Let the hub's client download over plain HTTP, and keep its warnings for itself.

    Its other way, Xet, talks to further hosts with retries of its own; the file that arrives is the same.
    """
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
    """Compare a cached file with the SHA-256 that the hub states, else with the one that it was cached under."""
    blob = path.parent / path.readlink() if path.is_symlink() else path
    expected = stated or blob.name
    if not _SHA256.fullmatch(expected):
        raise InputError(f"the cache states no SHA-256 for {path}: if you trust that file, give it with --weights")
    found = sha256_of(path)
    if found == expected:
        return
    try:
        path.unlink()
        blob.unlink(missing_ok=True)
        cure = "the file was removed from the cache: run again"
    except OSError:  # a cache shared by many, which only its owner may change
        cure = f"delete {blob}"
    raise InputError(
        f"{file} are damaged: the hub states SHA-256 {expected[:12]}..., the file has {found[:12]}...; {cure}, or {_CURE}"
    )


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    if status in (401, 403):
        return f"the hub refuses access (HTTP {status}; HF_TOKEN holds a token if one is needed)"
    if status == 404:
        return "the hub does not have them (HTTP 404)"
    if status is not None:
        return f"the hub answers with HTTP {status}"
    if isinstance(error, LookupError):
        return first_sentence(error)
    return f"the hub cannot be reached ({first_sentence(error.__cause__ or error)})"


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of an error's text, or the name of its class where it has none.

    >>> first_sentence(OSError("Read timed out. Try again.")), first_sentence(EOFError())
    ('Read timed out', 'EOFError')
    """
    return re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".:") or type(error).__name__
