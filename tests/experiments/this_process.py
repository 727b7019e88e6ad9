"""A pool that runs each job at once, in the process of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from bimodal.experiments.jobs.job import Job, Outcome, perform


class ThisProcess:
    """A pool that runs each job at once, in this process."""

    description = "in this process"
    has_place = True

    def __init__(self) -> None:
        self.done: list[Outcome] = []

    def start(self, job: Job) -> None:
        self.done.append(perform(job))

    def wait(self) -> Outcome:
        return self.done.pop()


@contextmanager
def this_process(address: str | None = None) -> Iterator[ThisProcess]:
    yield ThisProcess()
