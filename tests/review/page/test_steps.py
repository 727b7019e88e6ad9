"""Work in the background: one at a time, its progress, its result, why it failed."""

import threading
import time

import pytest

from bimodal.errors import InputError
from bimodal.progress import inform, track
from bimodal.review.steps import Job


def test_progress_and_result() -> None:
    job, seen = Job("first"), []

    def work() -> str:
        inform("a step")
        seen.append(job.work)
        for _ in track(range(3), "counting", 3):
            seen.append(job.work)
        return "three"

    job.run(work)
    assert (seen[0].state, seen[0].what) == ("working", "a step")
    assert (seen[1].what, seen[1].total) == ("counting", 3)
    assert (job.work.state, job.work.what) == ("ready", "three")


def test_failures_are_words() -> None:
    job = Job("first")

    def fail() -> str:
        raise InputError("expected faces, found none")

    job.run(fail)
    assert (job.work.state, job.work.what) == ("failed", "expected faces, found none")


def test_one_at_a_time() -> None:
    job, go = Job("first"), threading.Event()

    def wait() -> str:
        go.wait(30)
        return "done"

    job.start(wait)
    with pytest.raises(InputError, match="has not ended"):
        job.start(wait)
    go.set()
    for _ in range(500):
        if job.work.state == "ready":
            break
        time.sleep(0.02)
    assert job.work.what == "done"
    for _ in range(100):  # the state is set a moment before the next work may begin
        try:
            job.start(lambda: "again")
            break
        except InputError:
            time.sleep(0.02)
    else:
        raise AssertionError("a second piece of work cannot begin")
