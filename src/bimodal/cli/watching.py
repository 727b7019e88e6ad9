"""What a study shows while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from bimodal.study.executor import Outcome, Watch


@contextmanager
def watching(console: "Console") -> Iterator["Watch"]:
    """Show one bar for the whole study, and a line for each run that ends."""
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from bimodal.study.executor import Watch

    columns: list[Any] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    ]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("runs", total=None)

        def begin(total: int, done: int) -> None:
            bar.update(task, total=total, completed=done)
            if done:
                bar.console.print(f"{done} of {total} runs have ended before")

        def ended(outcome: "Outcome") -> None:
            how = f"failed: {outcome.error}" if outcome.error else f"{outcome.seconds:.0f} s"
            bar.console.print(
                escape(f"{outcome.job.name}: {how}"), soft_wrap=True, style="red" if outcome.error else ""
            )
            if outcome.job.is_run:
                bar.advance(task)

        yield Watch(lambda line: bar.console.print(escape(line), soft_wrap=True), begin, ended)
