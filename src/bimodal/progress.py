"""Progress, as records of the logger `bimodal`: nothing is printed unless somebody listens.

The command line listens and shows lines and bars (`cli/progress.py`). From Python, show the lines with
`logging.basicConfig(level=logging.INFO)`.
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
    """How far a loop has come; the attribute `progress` of a log record of level DEBUG.

    Attributes:
        what: what is being done, such as `decoding pictures`.
        done: how many items have been done.
        total: of how many; None if that is not known.
    """

    what: str
    done: int
    total: int | None


def inform(message: str) -> None:
    """Log one line for the user (level INFO)."""
    LOGGER.info("%s", message)


def warn(message: str) -> None:
    """Log one line that the user should not miss (level WARNING)."""
    LOGGER.warning("%s", message)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Hand on the items, and log how far they have come: at most ten times a second, and at the end.

    Args:
        items: what is worked on; an item counts as done when the next one is asked for.
        what: what is being done, such as `decoding pictures`.
        total: how many items there are, if that is known.

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
    report(what, done, done if total is None else total)


def report(what: str, done: int, total: int | None) -> None:
    """Log one `Progress`; for loops that `track` cannot go through."""
    if LOGGER.isEnabledFor(logging.DEBUG):
        extra = {"progress": Progress(what, done, total)}
        LOGGER.debug("%s: %d%s", what, done, "" if total is None else f" of {total}", extra=extra)
