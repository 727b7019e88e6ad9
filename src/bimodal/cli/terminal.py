"""What reaches the terminal: text in any encoding, no control characters, and no warnings of other libraries."""

import codecs
import logging
import os
import select
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from bimodal.errors import shortened

_ERRORS = "bimodal-plain"
_PLAIN = dict(zip("×–—−·’‘“”²│─━╭╮╰╯", "x----''\"\"2|--++++", strict=True))
_PLAIN |= {"…": "...", "±": "+/-", "→": "->", "≥": ">=", "≤": "<="}


@contextmanager
def terminal_output() -> Iterator[None]:
    """Let the block print any text, and keep what other libraries warn of from the user.

    A character that the output's encoding lacks becomes a similar one (`×`: `x`) or an escape (`\\u4e2d`). Python's option
    `-W`, or `PYTHONWARNINGS`, shows the warnings.
    """
    codecs.register_error(_ERRORS, _replace)
    streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [(stream, stream.errors) for stream in streams]
    last_resort = logging.lastResort
    for stream in streams:
        stream.reconfigure(errors=_ERRORS)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
                logging.lastResort = None
            yield
    finally:
        logging.lastResort = last_resort
        for stream, errors in before:
            with suppress(OSError, ValueError):  # reconfiguring flushes, and the reader may be gone
                stream.reconfigure(errors=errors)


def one_line(message: str) -> str:
    """Return a message as one line of bounded length, without terminal commands, which a file name can contain.

    >>> one_line("no such file: a\\x1b[31m\\n b")
    'no such file: a\\\\x1b[31m b'
    """
    line = shortened(" ".join(part.strip() for part in message.expandtabs(1).splitlines()))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def is_closed(stream: TextIO) -> bool:
    """Return whether nobody reads a stream any more, as after `| head -1`, or its terminal is gone."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


def flush_or_silence() -> OSError | None:
    """Write what waits in the output, and return the error, if there is one.

    What cannot be written is dropped, so that Python does not complain when it ends.
    """
    failed = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            failed = error
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return failed


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("unicode_escape").decode() for c in part), error.end
