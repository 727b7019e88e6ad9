"""How a command ends: its exit code, and one line for what the user can mend."""

import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from bimodal.cli.progress import shown_progress
from bimodal.cli.terminal import flush_or_silence, is_closed, one_line, terminal_output
from bimodal.errors import InputError, shortened
from bimodal.interruption import Interruption, signals_as_interrupts

_UsageError = typer.BadParameter.__mro__[1]  # click's class, which newer versions of Typer contain
_CLOSED_OUTPUT = 141  # as shells report a program that ended by SIGPIPE
_INTERRUPTED = 130
_NO_MEMORY = (
    *("can't allocate memory", "cannot allocate memory", "out of memory", "unable to allocate", "failed to allocate"),
    *(
        "std::bad_alloc",
        "bad allocation",
        "could not create a primitive",
        "could not create a memory",
        "insufficient memory",
    ),
    *("insufficient shared memory", "unable to open shared memory", "unable to mmap", "failed to map segment"),
)
_NO_THREADS = ("can't start new thread", "thread creation failed", "pthread_create failed")


def exit_code_of(app: Callable[..., Any]) -> int:
    """Run a Typer application and return its exit code.

    0: done; 2: wrong input, a full disk, too little memory, said in one line; 130, 143 or 129: Ctrl-C, SIGTERM or SIGHUP; 141:
    nobody reads the output any more. Any other exception is a defect and keeps its traceback.
    """
    if os.environ.get("XDG_CACHE_HOME") == "":  # means unset; some libraries take it for the current folder
        del os.environ["XDG_CACHE_HOME"]
    with signals_as_interrupts() as interruption, terminal_output():
        try:
            with shown_progress():
                code = int(app(standalone_mode=False) or 0)
            if code == _INTERRUPTED:  # Typer's code for Ctrl-C
                code = interruption.exit_code
        except BaseException as error:
            code = _code_of(error, interruption)
        lost = flush_or_silence()
        if lost is not None and not code:
            return _code_of(OSError(lost.errno, lost.strerror, "standard output"), interruption)
    return code


def _code_of(error: BaseException, interruption: Interruption) -> int:
    """Return the exit code of an exception, and print its line; raise it if it is a defect."""
    if isinstance(error, KeyboardInterrupt) or (interruption.happened and isinstance(error, (OSError, SystemExit))):
        return interruption.exit_code  # an OSError: the terminal is gone, so that nothing can be printed
    if isinstance(error, BrokenPipeError) and (error.filename or is_closed(sys.stdout)):
        return _CLOSED_OUTPUT
    if isinstance(error, SystemExit):  # of Lightning, or of rich when nobody reads its output
        if isinstance(error.__context__, BrokenPipeError):
            return _CLOSED_OUTPUT
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, _UsageError):
        return _show_usage(error)
    message = _message(error)
    if message is None:
        raise error
    print(f"bimodal: {one_line(message)}", file=sys.stderr)
    return 2


def _show_usage(error: Any) -> int:
    from typer.rich_utils import rich_format_error

    error.message = shortened(error.message)
    rich_format_error(error)
    return int(error.exit_code)


def _message(error: BaseException) -> str | None:
    """Return what the user can mend, in a sentence; None for a defect."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:  # the system's message is clear
        return f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return f"the name {error.object!r} is no UTF-8, and so cannot be written to a file; rename the file or folder"
    text = str(error).casefold()
    if any(words in text for words in _NO_THREADS):
        return (
            "the system starts no more threads or processes; end other programs, raise the limit (ulimit -u), or set "
            "OMP_NUM_THREADS=1"
        )
    if isinstance(error, MemoryError) or (
        not isinstance(error, ValueError) and any(words in text for words in _NO_MEMORY)
    ):
        return (
            f"too little memory ({str(error)[:200] or 'MemoryError'}); end other programs, raise the limit (ulimit -v), or "
            "choose a smaller batch, a smaller image size or fewer workers"
        )
    return None
