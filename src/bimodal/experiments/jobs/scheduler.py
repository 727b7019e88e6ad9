"""Run jobs in an order that respects their dependencies, and report the progress."""

from collections.abc import Iterator, Sequence

from bimodal.experiments.jobs.job import Job, Outcome
from bimodal.experiments.jobs.pools import Pool, open_pool
from bimodal.progress import inform, report, warn


def run_jobs(jobs: Sequence[Job], pool: Pool) -> Iterator[Outcome]:
    """Run each job once the jobs that it needs have succeeded, and yield the outcomes as the jobs end.

    A failed job yields an outcome with an error, and so do the jobs that need it; all others run.

    Args:
        jobs: the jobs, including those that others need; earlier ones start first.
        pool: where to run them.
    """
    waiting = list(jobs)
    succeeded: set[str] = set()
    failed: dict[str, str] = {}
    known = {job.name for job in jobs}
    running = 0
    while waiting or running:
        for job in list(waiting):
            broken = next((need for need in job.needs if need in failed or need not in known), None)
            if broken is not None:
                waiting.remove(job)
                failed[job.name] = f"needs {broken}, which failed: {failed.get(broken, 'it is not among the jobs')}"
                yield Outcome(job, failed[job.name])
            elif pool.has_place and succeeded.issuperset(job.needs):
                waiting.remove(job)
                pool.start(job)
                running += 1
        if running:
            outcome = pool.wait()
            running -= 1
            if outcome.error is None:
                succeeded.add(outcome.job.name)
            else:
                failed[outcome.job.name] = outcome.error
            yield outcome


def run_all(jobs: Sequence[Job], address: str | None, total: int) -> dict[str, str]:
    """Run jobs, log the progress, and return the error of each failed job by its name.

    Args:
        jobs: the jobs; without any, no pool is opened.
        address: see `open_pool`.
        total: number of runs in the study, including those that an earlier call has finished.
    """
    errors: dict[str, str] = {}
    if not jobs:
        return errors
    with open_pool(address) as pool:
        remaining = sum(job.is_run for job in jobs)
        done = total - remaining
        if done:
            inform(f"{done} of {total} runs are finished already")
        inform(f"{remaining} runs to do, {pool.description}")
        report("runs", done, total)
        for outcome in run_jobs(jobs, pool):
            done += outcome.job.is_run
            if outcome.error is None:
                inform(f"{outcome.job.name}: {outcome.seconds:.0f} s")
            else:
                errors[outcome.job.name] = outcome.error
                warn(f"{outcome.job.name}: failed: {outcome.error}")
            report("runs", done, total)
    return errors
