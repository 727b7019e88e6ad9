"""Limits of the system for a process: the size of files, memory, descriptors, space, rights, `/dev/shm`, and odd clocks.

What needs the rights of root (mounts, in a mount namespace of this process) is left out without them.
"""

import ctypes
import os
import resource
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_SIZES = (0, 4096, 16_384, 65_536, 262_144)
"""Largest file in bytes; a larger one fails as on a full disk, in C code, too."""
FREE_SPACE = (0, 20_000, 100_000, 400_000)
"""Free bytes of a small file system."""
MORE_MEMORY = (0, 2**20, 6 * 2**20, 2**24, 2**26, 200 * 2**20, 2**28, 2**29, 600 * 2**20, 2**30)
"""Bytes of addresses beyond those of a process that has imported the libraries."""
DESCRIPTORS = (8, 16, 24, 48)
_DAY = 86_400.0
_CLONE_NEWNS, _MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2
Before = Callable[[], None]


def limit(kind: int, value: int) -> Before:
    """Return what sets a limit of a process."""
    return lambda: resource.setrlimit(kind, (value, value))


def more_memory(size: int) -> Before:
    """Return what bounds the addresses that a process takes in addition."""

    def begin() -> None:
        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + size, now + size))

    return begin


def clock(change: Callable[[float], float]) -> Before:
    """Return what gives a process another clock."""

    def begin() -> None:
        true, true_local, true_gm, true_format = time.time, time.localtime, time.gmtime, time.strftime
        time.time = lambda: change(true())
        time.time_ns = lambda: int(time.time() * 1e9)
        time.localtime = lambda seconds=None: true_local(time.time() if seconds is None else seconds)
        time.gmtime = lambda seconds=None: true_gm(time.time() if seconds is None else seconds)
        time.strftime = lambda form, moment=None: true_format(form, time.localtime() if moment is None else moment)

    return begin


def _jumping() -> Before:
    calls = iter(range(10**9))
    return clock(lambda now: now + (-1) ** next(calls) * 40 * _DAY)


def limits_of_process() -> dict[str, Before]:
    """Return by name what a process does before the command starts."""
    started = time.time()
    return {
        **{f"files of at most {size:,} bytes": limit(resource.RLIMIT_FSIZE, size) for size in FILE_SIZES},
        **{f"{size >> 20} MiB of further addresses": more_memory(size) for size in MORE_MEMORY},
        **{f"{count} descriptors": limit(resource.RLIMIT_NOFILE, count) for count in DESCRIPTORS},
        "a clock in 1970": clock(lambda now: now % _DAY),
        "a clock in 2100": clock(lambda now: now + 74 * 365 * _DAY),
        "a clock that jumps by 80 days and back": _jumping(),
        "a clock that runs backwards": clock(lambda now: 2 * started - now),
    }


FILE_TIMES = {"files from 2100": 4_102_444_800.0, "files from 1970": 0.0, "files from 1935": -1_100_000_000.0}


def set_times(folder: Path, moment: float) -> None:
    """Give all files of a folder a time."""
    for path in folder.rglob("*"):
        os.utime(path, (moment, moment), follow_symlinks=False)


def may_mount() -> bool:
    """Return whether this process may mount file systems in a namespace of its own; begin it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.unshare(_CLONE_NEWNS):
        return False
    return libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) == 0


def _mount(kind: bytes, source: Path | str, target: Path | str, flags: int = 0, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), kind, flags, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))


def _unmount(target: Path | str) -> None:
    ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(target), 2)


@contextmanager
def small_disk(folder: Path, free: int) -> Iterator[None]:
    """Let a folder be a file system of its own for the block, with so many free bytes; then it is as it was, and has its files."""
    kept = folder.with_name(folder.name + "-kept")
    folder.rename(kept)
    folder.mkdir()
    _mount(b"tmpfs", "tmpfs", folder, 0, "size=256m")
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        used = os.statvfs(folder)
        blocks = used.f_blocks - used.f_bfree + -(-free // used.f_frsize)
        _mount(b"tmpfs", "tmpfs", folder, _MS_REMOUNT, f"size={blocks * used.f_frsize}")
        yield
        shutil.rmtree(kept)
        shutil.copytree(folder, kept, symlinks=True)
    finally:
        _unmount(folder)
        folder.rmdir()
        kept.rename(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder be on a read-only file system for the block."""
    _mount(b"none", folder, folder, _MS_BIND)
    try:
        _mount(b"none", folder, folder, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)
        yield
    finally:
        _unmount(folder)


@contextmanager
def shared_memory(options: str, read_only: bool = False) -> Iterator[None]:
    """Let `/dev/shm` be a file system with these options for the block."""
    _mount(b"tmpfs", "tmpfs", "/dev/shm", _MS_RDONLY if read_only else 0, options)
    try:
        yield
    finally:
        _unmount("/dev/shm")


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write to a folder, and to the folders in it, away for the block; see `without_rights` for root."""
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()}
    for path in modes:
        path.chmod(0o500)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def without_rights() -> None:
    """Give up root's right to read and write whatever the modes of files say."""
    if os.geteuid() == 0:
        _drop_rights()


def _drop_rights() -> None:
    """Clear two rights from the effective and permitted sets, through capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    lost = ~((1 << _CAP_DAC_OVERRIDE) | (1 << _CAP_DAC_READ_SEARCH)) & 0xFFFFFFFF
    for place in (0, 1):
        data[place] &= lost
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")
