"""Shows the records of the logger `bimodal`: messages on standard output, warnings and bars on standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bimodal.cli.terminal import one_line
from bimodal.progress import LOGGER, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import Task, TaskID


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show messages and warnings until the block ends, and progress bars if standard error is a terminal."""
    handler = _Handler()
    before = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG if sys.stderr.isatty() else logging.INFO)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before[0])
        LOGGER.propagate = before[1]
        handler.close()


class _Handler(logging.Handler):
    """Imports rich with the first record, so that commands without messages start faster."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        progress = getattr(record, "progress", None)
        if progress is not None:
            self._advance(progress)
        elif record.levelno >= logging.INFO:
            self._print(record)

    def close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}
        super().close()

    def _print(self, record: logging.LogRecord) -> None:
        from rich.console import Console

        if self._bars is not None:
            self._bars.stop()  # a message printed while a bar is live would break the bar
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno, "")
        console = Console(highlight=False, soft_wrap=True, stderr=record.levelno >= logging.WARNING)
        console.print(one_line(record.getMessage()), style=style, markup=False)
        if self._bars is not None:
            self._bars.start()

    def _advance(self, progress: Progress) -> None:
        if self._bars is None:
            if progress.done == progress.total:
                return
            self._bars = _new_bars()
            self._bars.start()
        if progress.what not in self._tasks:
            self._tasks[progress.what] = self._bars.add_task(progress.what, total=progress.total)
        task = self._tasks[progress.what]
        self._bars.update(task, completed=progress.done, total=progress.total)
        if progress.done == progress.total:
            self._bars.remove_task(self._tasks.pop(progress.what))
        if not self._tasks:  # only one live display is allowed, and Lightning may start its own
            self._bars.stop()
            self._bars = None


def _new_bars() -> "Bars":
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: "Task") -> Text:
            return Text(rate(task.speed))

    columns: list[Any] = [
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=8),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TextColumn("elapsed"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    ]
    return progress.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, speed_estimate_period=60
    )


def rate(speed: float | None) -> str:
    """Return the speed of a loop, in items a second, as text; slow ones as the time of an item.

    >>> rate(1234.5), rate(2.34), rate(0.05), rate(None)
    ('1,234/s', '2.3/s', '20 s each', '')
    """
    if not speed:
        return ""
    if speed < 1:
        return f"{1 / speed:.0f} s each"
    return f"{speed:.1f}/s" if speed < 10 else f"{speed:,.0f}/s"
