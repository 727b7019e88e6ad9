"""Writing a file so that it is there wholly or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    A crash, a full disk or Ctrl-C leaves the old file, or none; never half of one.

    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomically(folder / "a.txt", lambda file: file.write_text("whole"))
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=path.suffix)
    os.close(descriptor)
    part = Path(name)
    try:
        write(part)
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # temporary files are private; the finished one need not be
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
