"""Jobs run in their order, and a failed job ends no other, with Ray and without."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from bimodal.errors import InputError
from bimodal.experiments.jobs.job import Job
from bimodal.experiments.jobs.pools import Pool, open_pool
from bimodal.experiments.jobs.scheduler import run_jobs
from tests import forked


def need_ray() -> None:
    """Skip if Ray is not installed; without an import, since Ray decides on import where it listens."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")


def work(file: Path, does: str) -> None:
    print("working")
    while does == "never ends":
        with file.open("a") as stream:
            stream.write(".")
        time.sleep(0.01)
    if does == "fails":
        raise InputError("no such\nthing")
    if does == "breaks":
        raise KeyError("inside")
    if does == "dies":
        os._exit(9)
    if does == "dies once":
        with file.with_suffix(".starts").open("a") as stream:
            stream.write(".")
        if file.with_suffix(".starts").stat().st_size == 1:
            os._exit(9)
    if does == "dies at its end":
        with file.open("a") as stream:
            stream.write(".")
        os._exit(9)
    file.write_text(str(time.time()))


def jobs(folder: Path) -> list[Job]:
    def job(name: str, does: str = "works", needs: tuple[str, ...] = ()) -> Job:
        arguments = {"file": folder / name, "does": does}
        result = folder / name if name == "dies at its end" else None
        return Job(name, work, arguments, folder / "logs" / f"{name}.log", needs, result=result)

    return [
        job("third", needs=("second",)),
        job("fails", "fails"),
        job("needs fails", needs=("fails",)),
        job("breaks", "breaks"),
        job("dies", "dies"),
        job("dies once", "dies once"),
        job("dies at its end", "dies at its end"),
        job("first"),
        job("second", needs=("first",)),
    ]


@contextmanager
def pool_of(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    if kind == "ray":
        need_ray()
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    else:
        monkeypatch.setitem(sys.modules, "ray", None)
    with open_pool() as pool:
        yield pool


@pytest.mark.parametrize("kind", ["alone", "ray"])
def test_needed_jobs_come_first_and_a_failure_ends_no_other_job(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool_of(kind, monkeypatch) as pool:
        outcomes = {outcome.job.name: outcome.error for outcome in run_jobs(jobs(tmp_path), pool)}
    again = {"dies once", "dies at its end"} if kind == "ray" else set()
    assert [name for name, error in outcomes.items() if error is None and name not in again] == [
        "first",
        "second",
        "third",
    ]
    assert {name for name in ("dies once", "dies at its end") if outcomes[name] is None} == again
    assert (tmp_path / "dies at its end").read_text() == ".", "a job that had ended ran again"
    times = [float((tmp_path / name).read_text()) for name in ("first", "second", "third")]
    assert times == sorted(times)
    assert outcomes["fails"] == "no such thing"
    assert outcomes["needs fails"] == "needs fails, which failed: no such thing"
    assert outcomes["breaks"] == "KeyError: 'inside'"
    assert "killed" in str(outcomes["dies"])
    log = (tmp_path / "logs/breaks.log").read_text()
    assert "working" in log
    assert "Traceback" in log


@pytest.mark.parametrize("kind", ["alone", "ray"])
def test_closing_a_pool_stops_its_jobs(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    with pool_of(kind, monkeypatch) as pool:
        pool.start(Job("endless", work, {"file": file, "does": "never ends"}, tmp_path / "endless.log"))
        while not file.exists():
            time.sleep(0.02)
    size = file.stat().st_size
    time.sleep(0.5)
    assert file.stat().st_size == size


def test_ray_on_this_machine_is_closed_to_the_network() -> None:
    need_ray()
    # in another process, because Ray decides on its first import where it listens
    script = """
from bimodal.experiments.jobs.pools import open_pool
with open_pool():
    import ray
    print(ray.nodes()[0]["NodeManagerAddress"], ray.get_runtime_context().gcs_address)
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    node, server = shown.stdout.split()
    assert node == "127.0.0.1"
    assert server.startswith("127.0.0.1:")


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "sys.modules['ray'] = None\n"
        "from pathlib import Path\n"
        "from bimodal.experiments.jobs.job import Job\n"
        "from bimodal.experiments.jobs.pools import open_pool\n"
        "from bimodal.experiments.jobs.scheduler import run_jobs\n"
        "from tests.experiments.jobs.test_jobs import work\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "print('ran')\n"
        "job = Job('one', work, {'file': folder / 'one', 'does': 'works'}, folder / 'one.log')\n"
        "with open_pool() as pool:\n"
        "    print([outcome.error for outcome in run_jobs([job], pool)])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    shown = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=environment)
    assert shown.stdout.split("\n")[:2] == ["ran", "[None]"]


def test_a_job_that_needs_an_unknown_job_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    only = [job for job in jobs(tmp_path) if job.name == "third"]
    with open_pool() as pool:
        (outcome,) = run_jobs(only, pool)
    assert outcome.error == "needs second, which failed: it is not among the jobs"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_on_a_full_disk_is_the_reason() -> None:
    code = """
import sys
from pathlib import Path
from bimodal.experiments.jobs.job import Job, perform
outcome = perform(Job("a", print, {}, Path("/dev/full")))
print(outcome.error, file=sys.stderr)
"""
    ended = forked.python(code)
    assert ended.stderr == "/dev/full: No space left on device\n"


@pytest.mark.parametrize(
    ("address", "words"), [("127.0.0.1:9", "no Ray cluster answers"), ("somewhere", "expects auto or HOST:PORT")]
)
def test_an_address_without_a_cluster_is_refused(address: str, words: str) -> None:
    need_ray()
    with pytest.raises(InputError, match=words), open_pool(address):
        pass


def test_an_address_without_ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="--address needs Ray"), open_pool("auto"):
        pass
