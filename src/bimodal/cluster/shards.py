"""Run the shards of a task as jobs; finished shards are files, which a later call finds."""

from collections.abc import Sequence

from bimodal.errors import InputError
from bimodal.experiments.jobs.job import Job
from bimodal.experiments.jobs.pools import open_pool
from bimodal.experiments.jobs.scheduler import run_jobs
from bimodal.progress import inform, report


def run_shards(jobs: Sequence[Job], what: str, address: str | None, total: int) -> None:
    """Run jobs, each of which writes a shard of a result; report the progress.

    Args:
        jobs: those that are left to do.
        what: the task in words, for the progress.
        address: of a Ray cluster: `auto`, `host:port`, or `local` for the cores of this machine; None: in this process.
        total: number of shards, including those of an earlier call.

    Raises:
        InputError: a shard failed; the message has its reason.
    """
    done = total - len(jobs)
    report(what, done, total)
    if address is None:
        for job in jobs:
            job.call(**job.arguments)
            done += 1
            report(what, done, total)
        return
    if not jobs:
        return
    with open_pool(None if address == "local" else address) as pool:
        inform(f"{len(jobs)} shards to do, {pool.description}")
        for outcome in run_jobs(jobs, pool):
            if outcome.error is not None:
                raise InputError(
                    f"{outcome.job.name} failed: {outcome.error}; the finished shards are kept, and the same call continues; "
                    f"log: {outcome.job.log}"
                )
            done += 1
            report(what, done, total)
