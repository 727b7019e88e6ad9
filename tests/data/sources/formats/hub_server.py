"""A local server that answers as the Hugging Face hub does for data sets: their files at one commit, and their bytes."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml


class DataHub:
    """Serves `files`: (data set, revision) -> path -> bytes; counts the requests for bytes."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}
        self.sizes: dict[str, int] = {}  # that the hub states, if they are others
        self.status: int | None = None  # of every response
        self.downloads: list[str] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def commit_of(revision: str) -> str:
    return hashlib.sha1(revision.encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: DataHub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._respond()

    def do_GET(self) -> None:
        self._respond()

    def _respond(self) -> None:
        hub, path = self.hub, urlsplit(self.path).path
        if hub.status is not None:
            return self._send(hub.status, b"{}")
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(?:(revision|tree)/(.+))?", path.rstrip("/") + "/"):
            revision = unquote((match[3] or "main").rstrip("/"))
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)", path):
            revision = "main"
        elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(match[1], unquote(match[2]), unquote(match[3]))
        else:
            return self._send(404, b"{}")
        found = self._of(match[1], revision)
        if found is None:
            known = any(name == match[1] for name, _ in hub.files)
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"})
        files, commit = found
        if match.re.groups >= 2 and match[2] == "tree":
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            return self._send(200, json.dumps(listed).encode())
        siblings = [{"rfilename": name, "size": hub.sizes.get(name, len(content))} for name, content in files.items()]
        info: dict[str, Any] = {"id": match[1], "sha": commit, "siblings": siblings}
        if card := files.get("README.md"):
            info["cardData"] = yaml.safe_load(card.split(b"---\n")[1])
        return self._send(200, json.dumps(info).encode())

    def _of(self, name: str, revision: str) -> tuple[dict[str, bytes], str] | None:
        for (owner_name, known), files in self.hub.files.items():
            if owner_name == name and revision in (known, commit_of(known)):
                return files, commit_of(known)
        return None

    def _file(self, name: str, revision: str, path: str) -> None:
        found = self._of(name, revision)
        if found is None or path not in found[0]:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        content = found[0][path]
        if self.command == "GET":
            self.hub.downloads.append(path)
        etag = hashlib.sha1(content).hexdigest()
        return self._send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": found[1]})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
