"""A local server that behaves like the Hugging Face hub for `hf_hub_download`, with faults on demand."""

import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

COMMIT = "c0ffee" * 6 + "c0de"


class Hub:
    """Serves `files` (`owner/model` -> bytes of its `model.safetensors`) as the real hub does.

    The address in the repository redirects to another host, which has the bytes; size and SHA-256 are stated by the
    redirect. `fault` makes it misbehave: an HTTP status for every request (404), or one of `corrupt` (a byte of the
    body differs), `short` (the body ends early, and says so), `cut once` and `cut` (the connection ends in mid-file;
    with `cut` for good), `drip` (a response that never ends), `no sha`, `vast` (states a size of 1 TB).
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fault: int | str | None = None
        self.storage: str | None = None  # where the redirect leads, if not to our own storage host
        self.requests: list[tuple[str, str]] = []
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._servers = [ThreadingHTTPServer((host, 0), handler) for host in ("127.0.0.1", "127.0.0.2")]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.url, self.own_storage = (
            f"http://{server.server_address[0]}:{server.server_address[1]}" for server in self._servers
        )

    def gets(self) -> int:
        """Count the requests for the content of files."""
        return sum(method == "GET" and path.startswith("/storage/") for method, path in self.requests)

    def close(self) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that has given up is no fault here
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._respond()

    def do_GET(self) -> None:
        self._respond()

    def _respond(self) -> None:
        hub = self.hub
        hub.requests.append((self.command, self.path))
        if isinstance(hub.fault, int):
            return self._head(hub.fault, {"Content-Length": "0"})
        if hub.fault == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not hub.closing.wait(0.1):
                self.wfile.write(b"a")
            return None
        if match := re.fullmatch(r"/storage/(.+)", self.path):
            return self._bytes(hub.files[match[1]])
        match = re.fullmatch(r"/(.+)/resolve/main/model\.safetensors", self.path)
        if match is None or match[1] not in hub.files:
            return self._head(404, {"Content-Length": "0", "X-Error-Code": "RepoNotFound"})
        content = hub.files[match[1]]
        sha = hashlib.sha256(content).hexdigest()
        return self._head(
            302,
            {
                "Location": f"{hub.storage or hub.own_storage}/storage/{match[1]}",
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": '"none"' if hub.fault == "no sha" else f'"{sha}"',
                "X-Linked-Size": str(10**12 if hub.fault == "vast" else len(content)),
                "X-Xet-Hash": sha,
                "Link": f'<{hub.url}/xet-token>; rel="xet-auth"',
                "Content-Length": "0",
            },
        )

    def _bytes(self, content: bytes) -> None:
        fault = self.hub.fault
        start = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(wanted[1])
        if fault == "corrupt":
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        body = content[start : len(content) // 2 if fault == "short" else None]
        headers = {"Content-Length": str(len(body))}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if fault in ("cut", "cut once"):
            body = body[: len(body) // 2 if start == 0 or fault == "cut once" else 0]
            # the first request only looks whether the bytes can be had
            self.hub.fault = None if fault == "cut once" and self.hub.gets() > 1 else fault
        self._head(206 if start else 200, headers)
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def point_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give the client an empty cache and an endpoint: the client reads `HF_ENDPOINT` only when it is imported."""

    def point(url: str) -> None:
        template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    huggingface_hub.close_session()
    yield point
    huggingface_hub.close_session()


@pytest.fixture
def hub(point_to: Callable[[str], None]) -> Iterator[Hub]:
    """A hub, as the endpoint of the client in this process."""
    served = Hub()
    point_to(served.url)
    yield served
    served.close()
