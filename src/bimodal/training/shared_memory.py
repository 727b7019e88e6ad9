"""Whether the processes that load pictures can hand their batches over: through /dev/shm, which containers keep small."""

import multiprocessing
import os
import sys
from pathlib import Path

from bimodal.errors import InputError

SHARED_MEMORY = Path("/dev/shm")
_READY = 2  # batches of each process that wait for the training, PyTorch's default; and one that is used


def check_shared_memory(workers: int, batch_bytes: int) -> None:
    """Raise unless the batches fit. Where they do not, PyTorch's main process waits for ever, or its workers die.

    Args:
        workers: number of processes that load pictures, for each training process.
        batch_bytes: size of a batch over all training processes of this machine.

    Raises:
        InputError: /dev/shm is missing, cannot be written, or is too small; the message says what to do.

    >>> check_shared_memory(workers=0, batch_bytes=10**15)
    """
    if not workers or not sys.platform.startswith("linux"):
        return
    cure = "use --workers 0, or in a container a larger one, such as docker run --shm-size 2g"
    try:
        multiprocessing.get_context().Lock()
        disk = os.statvfs(SHARED_MEMORY)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"--workers {workers} needs {SHARED_MEMORY}, which cannot be used ({why}); {cure}") from error
    free, needed = disk.f_bavail * disk.f_frsize, workers * (_READY + 1) * batch_bytes
    if free < needed:
        raise InputError(
            f"--workers {workers} needs {_mebibytes(needed)} in {SHARED_MEMORY}, which has {_mebibytes(free)} free; "
            f"{cure}, or make --batch-size smaller"
        )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
