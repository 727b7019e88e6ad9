"""Claim: 200 reviewers work on one server for a minute without an error, and `kill -9` loses no decision that it has confirmed."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.emotions import NAMES
from bimodal.review.store import Store
from measure import options, show, verdict
from review_faces import make_audit

_KINDS = ("page", "list", "thumbnail", "evidence", "picture", "decision", "status")
_THUMBNAILS = 8
_TIMEOUT_S = 60


class Server:
    """`bimodal review` in a process of its own."""

    def __init__(self, audit: Path) -> None:
        command = [sys.executable, "-m", "bimodal", "review", str(audit), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})
        assert self.process.stdout is not None
        found = None
        while not found:
            line = self.process.stdout.readline()
            assert line, "the server has ended"
            found = re.search(r"review: http://127\.0\.0\.1:(\d+)/", line)
        self.port = int(found.group(1))
        client = Client(self.port)
        while client.call("health", "/api/health")["state"] != "ready":
            time.sleep(0.1)

    def kill(self) -> None:
        """End it in the middle of what it does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def used(self) -> tuple[float, float]:
        """Return the processor seconds so far, and the most memory so far in MB."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        assert peak is not None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(peak.group(1)) / 1024


class Client:
    """A browser with one connection, which measures its requests."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        self.headers: dict[str, str] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def call(self, kind: str, path: str, body: Any = None) -> Any:
        """Send a request; return the JSON of the answer, or None if it is none."""
        data = None if body is None else json.dumps(body)
        start = time.perf_counter()
        self.connection.request(
            "GET" if data is None else "POST", path, data, {"content-type": "application/json"} | self.headers
        )
        answer = self.connection.getresponse()
        content = answer.read()
        self.seconds[kind].append(time.perf_counter() - start)
        if answer.status >= 400:
            raise ValueError(f"{kind}: status {answer.status}: {content[:200]!r}")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.headers["cookie"] = value.partition(";")[0]
        return (
            json.loads(content)
            if content and answer.getheader("content-type", "").startswith("application/json")
            else None
        )


class Reviewer(threading.Thread):
    """Reads the list, looks at a face and decides, again and again, as the page does."""

    def __init__(self, port: int, number: int, pause: float, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client, self.reviewer, self.pause, self.ended = Client(port), f"reviewer {number}", pause, ended
        self.random = np.random.default_rng(number)
        self.confirmed: list[tuple[str, str, str]] = []
        self.errors: list[str] = []
        self.known: set[int] = set()

    def run(self) -> None:
        """Review until the server is killed; an error before that is one."""
        try:
            self.ended.wait(self.random.uniform(0, self.pause))
            call = self.client.call
            call("page", "/")
            self.client.headers["x-csrf-token"] = call("session", "/api/session")["csrf"]
            call("session", "/api/session/reviewer", {"name": self.reviewer})
            while not self.ended.is_set():
                self.review()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not self.ended.is_set():
                self.errors.append(f"{self.reviewer}: {type(error).__name__}: {error}")

    def review(self) -> None:
        """Read the list, and decide on three faces of it."""
        call, label = self.client.call, (*NAMES, "")[self.random.integers(8)]
        faces = call("list", f"/api/suspects?limit=100&label={label}")["faces"]
        for face in faces[:_THUMBNAILS]:
            if face["row"] not in self.known:  # a browser keeps them
                self.known.add(face["row"])
                call("thumbnail", f"/api/faces/{face['row']}/96.jpg?v=1")
        for each in self.random.permutation(len(faces))[:3]:
            face = faces[each]
            call("evidence", f"/api/faces/{face['row']}")
            call("picture", f"/api/faces/{face['row']}/384.jpg?v=1")
            if self.ended.wait(self.random.uniform(0.5, 1.5) * self.pause):
                return
            decision = ("keep", "relabel", "remove", "unsure")[self.random.integers(4)]
            given = face["suggested"] if decision == "relabel" else ""
            call("decision", "/api/decisions", {"rows": [face["row"]], "decision": decision, "label": given})
            self.confirmed.append((face["image"], decision, given))
            call("status", "/api/status")


def main() -> None:
    parser = options(__doc__ or "", rounds=1)
    parser.add_argument("--clients", type=int, default=200, help="number of reviewers [200]")
    parser.add_argument("--seconds", type=float, default=60, help="how long they work [60]")
    parser.add_argument(
        "--pause", type=float, default=5, help="seconds between two decisions of a reviewer, on average [5]"
    )
    parser.add_argument("--faces", type=int, default=4000, help="faces of the set [4000]")
    parser.add_argument("--folder", type=Path, help="where to keep the faces for the next call")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.clients, arguments.seconds, arguments.pause, arguments.faces = 6, 2, 0.05, 210
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        measure(make_audit(folder, arguments.faces), arguments.clients, arguments.seconds, arguments.pause)


def measure(audit: Path, clients: int, seconds: float, pause: float) -> None:
    """Let reviewers work, kill the server, and compare its file with what it has confirmed."""
    for file in audit.glob("review.sqlite*"):
        file.unlink()
    server, ended = Server(audit), threading.Event()
    before, _ = server.used()
    reviewers = [Reviewer(server.port, number, pause, ended) for number in range(clients)]
    start = time.perf_counter()
    for reviewer in reviewers:
        reviewer.start()
    ended.wait(seconds)
    processor, memory = server.used()
    ended.set()  # from here on a lost connection is expected; decisions are still on their way
    server.kill()
    took = time.perf_counter() - start
    for reviewer in reviewers:
        reviewer.join()
    with Store.open(audit) as store:
        stored = {
            (each.reviewer, image, each.decision, each.label)
            for image in {image for reviewer in reviewers for image, _, _ in reviewer.confirmed}
            for each in store.history(image)
        }
    confirmed = [(each.reviewer, *decision) for each in reviewers for decision in each.confirmed]
    missing = [decision for decision in confirmed if not _is_stored(decision, stored)]
    errors = [error for reviewer in reviewers for error in reviewer.errors]
    rows = []
    for kind in _KINDS:
        times = 1000 * np.array([value for reviewer in reviewers for value in reviewer.client.seconds[kind]])
        middle, high = np.quantile(times, [0.5, 0.99]) if len(times) else (0, 0)
        rows.append(
            [
                kind,
                f"{len(times):,}",
                f"{len(times) / took:.1f}",
                f"{middle:.0f}",
                f"{high:.0f}",
                f"{times.max(initial=0):.0f}",
            ]
        )
    show("Milliseconds from request to answer", ["request", "number", "a second", "p50", "p99", "longest"], rows)
    print(
        f"\n{clients} reviewers, {took:.0f} s; server: {(processor - before) / took:.2f} processors, {memory:.0f} MB at most; "
        f"{len(confirmed):,} decisions confirmed, {len(missing)} of them not stored; {len(errors)} errors"
    )
    print(*errors[:5], sep="\n")
    verdict("no error, and no confirmed decision lost", bool(confirmed) and not errors and not missing)


def _is_stored(decision: tuple[str, str, str, str], stored: set[tuple[str, str, str, str]]) -> bool:
    reviewer, image, kind, _ = decision
    return decision in stored or (
        kind == "relabel" and (reviewer, image, "keep", "") in stored
    )  # as the label that it has


if __name__ == "__main__":
    main()
