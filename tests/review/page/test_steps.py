"""Work in the background: one at a time, its progress, its result, why it failed."""

import threading
import time

import pytest

from bimodal.errors import InputError
from bimodal.progress import inform, track
from bimodal.review.steps import Job, StoppedError


def test_progress_and_result() -> None:
    job, seen = Job("first"), []

    def work() -> str:
        inform("a step")
        other = threading.Thread(target=lambda: inform("of a request at the same time"))
        other.start()
        other.join()
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


def test_work_that_is_stopped_is_idle_and_can_begin_again() -> None:
    job = Job("first")

    def work() -> str:
        if job.is_stopped:
            raise StoppedError("stopped; a part is kept")
        return "done"

    def stopped() -> str:
        job.stop()
        return work()

    job.run(stopped)
    assert (job.work.state, job.work.what) == ("idle", "stopped; a part is kept")
    job.run(work)
    assert (job.work.state, job.work.what) == ("ready", "done")


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
