"""SIGKILL while somebody reviews: every decision that the page has acknowledged is in `review.sqlite`."""

import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bimodal.review.api.common import REVIEWER_COOKIE
from tests.robustness.commands import finished, hidden_parts, inputs, wrong_end
from tests.robustness.forked import Forked

REVIEW = ("review", "audit", "--port", "0")
_KINDS = ("keep", "remove", "unsure", "relabel")
_START_SECONDS = 300.0


class Page:
    """A client of the local page that decides about faces.

    Args:
        process: the server; its output names the address.
        decide_as: the name of the reviewer.
    """

    def __init__(self, process: Forked, decide_as: str) -> None:
        self._port = _port_of(process)
        self.acknowledged: list[tuple[str, int]] = []
        """The decisions that the page has stored, and the number of events that it gave with each."""
        self._headers = {"content-type": "application/json", "cookie": f"{REVIEWER_COOKIE}={decide_as}"}
        end = time.monotonic() + _START_SECONDS
        while self.get("/api/health")["state"] != "ready":
            if time.monotonic() > end:
                raise TimeoutError(f"no end after {_START_SECONDS:.0f} seconds of the start of the page")
            time.sleep(0.05)
        self._headers["x-csrf-token"] = self.get("/api/session")["csrf"]

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a request."""
        return self._ask("GET", path, None)

    def decide(self, row: int, kind: str) -> None:
        """Decide about a face, and remember what the page acknowledged."""
        body = {"rows": [row], "decision": kind, "label": "sad" if kind == "relabel" else "", "why": f"face {row}"}
        self.acknowledged.append((f"face {row}", int(self._ask("POST", "/api/decisions", body)["events"])))

    def _ask(self, method: str, path: str, body: object) -> dict[str, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, self._headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {text[:300]!r}")
        found: dict[str, Any] = json.loads(text)
        return found


def _port_of(process: Forked) -> int:
    end = time.monotonic() + _START_SECONDS
    while not (match := re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout)):
        if process.wait(0.05):
            raise AssertionError(f"the page ended with {process.returncode}: {process.stderr[-1500:]}")
        if time.monotonic() > end:
            raise TimeoutError(f"no end after {_START_SECONDS:.0f} seconds of the start of the page")
    return int(match[1])


def audited(folder: Path) -> None:
    """Make the audit that is reviewed."""
    process = finished(folder, "audit", "data", "--out", "audit")
    assert process.returncode == 0, process.stderr
    process.close()


def killed_review(copy: Callable[[], Path], choose: random.Random) -> str:
    """Kill a review while decisions are stored, look for each that was acknowledged, and go on; return what is wrong.

    Args:
        copy: returns a new folder with `data` and `audit`.
        choose: draws the decisions and the moment.
    """
    folder = copy()
    given, process = inputs(folder), Forked(folder, *REVIEW)
    try:
        page = Page(process, "Ann")
        rows = choose.sample(range(42), 42)
        with _killer(process.pid, choose.uniform(0.0, 1.5)):
            try:
                for row in rows * 50:
                    page.decide(row, choose.choice(_KINDS))
            except (http.client.HTTPException, OSError):
                pass
        process.kill()
        problem = _lost(folder, page.acknowledged) or _continued(folder, len(page.acknowledged))
    except (AssertionError, TimeoutError) as error:
        problem = str(error)
    finally:
        process.close()
    if not problem and inputs(folder) != given:
        problem = "a file of the user's was lost or changed"
    if problem:
        return f"review, SIGKILL: {problem}"
    shutil.rmtree(folder)
    return ""


def _lost(folder: Path, acknowledged: list[tuple[str, int]]) -> str:
    with closing(sqlite3.connect(folder / "audit/review.sqlite")) as file:
        stored = file.execute("SELECT id, why FROM event ORDER BY id").fetchall()
        (state,) = file.execute("PRAGMA integrity_check").fetchone()
    if state != "ok":
        return f"review.sqlite is damaged, so that decisions are lost: {state}"
    missing = [(why, event) for why, event in acknowledged if len(stored) < event]
    names = {why for _, why in stored}
    missing += [(why, event) for why, event in acknowledged if why not in names]
    if missing:
        return f"{len(missing)} of {len(acknowledged)} acknowledged decisions are lost: {missing[:3]}"
    return (
        ""
        if [number for number, _ in stored] == list(range(1, len(stored) + 1))
        else "events are lost: gaps in their ids"
    )


def _continued(folder: Path, least: int) -> str:
    """Go on with a review after the kill: the page shows the decisions, takes another one, and ends by Ctrl-C."""
    process = Forked(folder, *REVIEW)
    try:
        page = Page(process, "Bob")
        before = int(page.get("/api/status")["events"])
        page.decide(0, "keep")
        if page.acknowledged[0][1] != before + 1:
            return f"other results: {before} events, and then {page.acknowledged[0][1]}"
        process.signal(signal.SIGINT)
        if not process.wait(_START_SECONDS):
            return f"no end after {_START_SECONDS:.0f} seconds of Ctrl-C"
        if problem := wrong_end(process, (0, 130)):
            return problem
        left = list(hidden_parts(folder))
        return f"hidden parts are left: {left}" if left else ""
    finally:
        process.close()


@contextmanager
def _killer(group: int, seconds: float) -> Iterator[None]:
    """Kill a process group after some seconds, while the block runs."""
    pid = os.fork()
    if pid == 0:
        try:
            time.sleep(seconds)
            os.killpg(group, signal.SIGKILL)
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
