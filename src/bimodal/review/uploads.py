"""Uploaded pictures: decoded in a process of their own, with limits on time, memory and size."""

import multiprocessing
import resource
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bimodal.vision.pictures import UnreadableError, decode_reduced

MAX_BYTES = 24 * 2**20
"""Largest upload in bytes."""
SECONDS = 10.0
"""Longest time to decode one picture."""
_START_SECONDS = 60.0  # to import the decoders, on a busy machine
_SIDE = 2048  # pixels; larger pictures are reduced
_MEMORY = 4 * 2**30  # bytes of address space


class Decoder:
    """Decodes pictures of unknown origin in another process; threads may share it.

    What goes wrong there, a decoder that never ends or one that crashes, ends that process alone.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        """Start nothing yet.

        Args:
            seconds: the longest time for one picture.
        """
        self._seconds, self._lock = seconds, threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def decode(self, content: bytes) -> NDArray[np.uint8]:
        """Return the pixels of a picture, uint8 (H,W,3) RGB, at most 2,048 a side.

        Raises:
            UnreadableError: it is no picture, or too large, or it takes too long.
        """
        if len(content) > MAX_BYTES:
            raise UnreadableError(f"larger than {MAX_BYTES // 2**20} MiB")
        with self._lock:
            try:
                pipe = self._started()
                pipe.send_bytes(content)
                if not pipe.poll(self._seconds):
                    raise UnreadableError(f"decoding takes longer than {self._seconds:g} seconds")
                kind, *shape = np.frombuffer(pipe.recv_bytes(64), dtype=np.int64).tolist()
                answer = pipe.recv_bytes(3 * _SIDE**2 + 4096)
                if kind == 0:
                    return np.frombuffer(answer, dtype=np.uint8).reshape(shape)
            except UnreadableError:
                self._stop()
                raise
            except (EOFError, OSError, ValueError) as error:  # ValueError: an answer that no sound decoder gives
                self._stop()
                raise UnreadableError("the decoder failed: the picture is damaged, or too large") from error
        raise UnreadableError(answer.decode(errors="replace"))

    def close(self) -> None:
        """End the other process."""
        with self._lock:
            self._stop()

    def _started(self) -> Connection:
        if self._process is None or self._pipe is None or not self._process.is_alive():
            self._stop()
            context = multiprocessing.get_context("spawn")  # forking a process with threads can deadlock
            self._pipe, other = context.Pipe()
            process = context.Process(target=_serve, args=(other,), name="decoder", daemon=True)
            try:
                process.start()  # without memory it raises, and then there is nothing to stop
            finally:
                other.close()
            self._process = process
            if not self._pipe.poll(_START_SECONDS):
                self._stop()
                raise UnreadableError("the decoder does not start")
            self._pipe.recv_bytes(16)
        return self._pipe

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection) -> None:
    """Decode what comes through a pipe until it is closed."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes no file
    pipe.send_bytes(b"ready")
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            content = pipe.recv_bytes(MAX_BYTES)
            try:
                pixels = _decoded(content)
            except (UnreadableError, MemoryError) as error:
                pipe.send_bytes(np.array([1], dtype=np.int64).tobytes())
                pipe.send_bytes((str(error) or "too large for the memory").encode(errors="replace")[:4000])
            else:
                pipe.send_bytes(np.array([0, *pixels.shape], dtype=np.int64).tobytes())
                pipe.send_bytes(np.ascontiguousarray(pixels).tobytes())


def _decoded(content: bytes) -> NDArray[np.uint8]:
    pixels, _ = decode_reduced(content, least=_SIDE // 2)
    if max(pixels.shape[:2]) <= _SIDE:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    return np.asarray(picture)
