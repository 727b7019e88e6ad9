"""Messages and progress, as records of the logger `bimodal`; nothing is printed by default.

The command line shows them as lines and bars (`cli/progress.py`). In Python, `logging.basicConfig(level=logging.INFO)`
shows the messages.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

LOGGER = logging.getLogger("bimodal")
T = TypeVar("T")
_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Progress:
    """The progress of a loop: the attribute `progress` of a log record of level DEBUG.

    Attributes:
        what: the work, such as `decoding pictures`.
        done: number of finished items.
        total: number of all items; None if unknown.
    """

    what: str
    done: int
    total: int | None


def inform(message: str) -> None:
    """Log a message of one line (level INFO)."""
    LOGGER.info("%s", message)


def warn(message: str) -> None:
    """Log a warning of one line (level WARNING)."""
    LOGGER.warning("%s", message)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and log the progress, at most ten times a second and at the end.

    Args:
        items: an item counts as finished when the loop asks for the next one.
        what: the work, such as `decoding pictures`.
        total: number of items, if known.

    >>> list(track("abc", "spelling", 3))
    ['a', 'b', 'c']
    """
    last, done = 0.0, 0
    report(what, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _INTERVAL_S:
            last = now
            report(what, done, total)
    report(what, done, done)


def report(what: str, done: int, total: int | None) -> None:
    """Log one `Progress`, for loops that cannot use `track`."""
    if LOGGER.isEnabledFor(logging.DEBUG):
        extra = {"progress": Progress(what, done, total)}
        LOGGER.debug("%s: %d%s", what, done, "" if total is None else f" of {total}", extra=extra)
