"""Attackers: other pages in the same browser, names that resolve to this machine, callers without the token, bad paths."""

import re
import socket

import pytest
from fastapi.testclient import TestClient

from bimodal.review.app import create_app
from bimodal.review.security import MAX_BODY, Access, is_own_host
from bimodal.review.workspace import Workspace
from tests.review.page.conftest import BASE

DECISION = {"rows": [0], "decision": "keep"}
EVIL = "http://evil.example"


def events(workspace: Workspace) -> int:
    return workspace.review.store.count


@pytest.mark.parametrize("path", ["/", "/api/session", "/api/suspects", "/api/faces/0/96.jpg", "/openapi.json"])
def test_a_name_that_resolves_to_this_machine_reads_nothing(reader: TestClient, path: str) -> None:
    assert reader.get(path).status_code == 200
    for host in ("evil.example:8017", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a b"):
        assert reader.get(path, headers={"host": host}).status_code == 421, host


def test_only_names_of_this_machine_are_its_own() -> None:
    for host in ("127.0.0.1", "localhost:1", "[::1]:80", "192.168.1.7:8017", socket.gethostname()):
        assert is_own_host(host), host
    for host in ("localhost.evil.example", "evil.example:80", "localhost:x", "localhost/a", "[::1", "localhost#a"):
        assert not is_own_host(host), host
    names = Access.new(1, with_token=True, names=["Faces.Example"]).names
    assert is_own_host("faces.example:8017", names)
    assert not is_own_host("evil.faces.example:8017", names)


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://localhost:8017", "http://127.0.0.1:3000", "https://evil.example:8017"]
)
def test_another_page_writes_nothing(client: TestClient, workspace: Workspace, origin: str) -> None:
    for path, body in (("/api/decisions", DECISION), ("/api/undo", {}), ("/api/session/reviewer", {"name": "Eve"})):
        assert client.post(path, json=body, headers={"origin": origin}).status_code == 403
    assert events(workspace) == 0
    assert client.post("/api/decisions", json=DECISION, headers={"origin": BASE}).status_code == 200
    assert events(workspace) == 1


def test_another_page_sees_and_embeds_nothing(reader: TestClient) -> None:
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert reader.get("/api/faces/0/96.jpg", headers=embedded).status_code == 403
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert reader.get("/", headers=framed).status_code == 403
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert reader.get("/", headers=link).status_code == 200
    preflight = {"origin": EVIL, "access-control-request-method": "POST"}
    answer = reader.options("/api/decisions", headers=preflight)
    assert answer.status_code >= 400
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_form_of_another_page_cannot_write(reader: TestClient, unchanged: Workspace) -> None:
    """A form sends no header of its own, and a browser without Origin sends no secret either."""
    del reader.headers["x-csrf-token"]
    for headers in ({}, {"x-csrf-token": ""}, {"x-csrf-token": "0" * 43}):
        answer = reader.post("/api/decisions", json=DECISION, headers=headers)
        assert answer.status_code == 403, headers
    answer = reader.post(
        "/api/decisions", content=b'{"rows":[0],"decision":"keep"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 403
    assert events(unchanged) == 0


def test_a_name_in_the_cookie_is_checked(reader: TestClient, unchanged: Workspace) -> None:
    reader.cookies.clear()
    assert reader.post("/api/decisions", json=DECISION).status_code == 403
    for name in ("a%00b", "x" * 200, "%1b[31m"):
        assert (
            reader.post("/api/decisions", json=DECISION, headers={"cookie": f"bimodal-reviewer={name}"}).status_code
            == 400
        )
    assert reader.post("/api/session/reviewer", json={"name": " \n "}).status_code == 400
    assert events(unchanged) == 0


class TestWithToken:
    @pytest.fixture
    def locked(self, unchanged: Workspace) -> tuple[TestClient, Access]:
        access = Access.new(8017, with_token=True)
        return TestClient(create_app(unchanged, access), base_url=BASE), access

    def test_nothing_is_seen_without_it(self, locked: tuple[TestClient, Access]) -> None:
        client, access = locked
        for path in (
            "/api/suspects",
            "/api/faces/0/96.jpg",
            "/api/health",
            "/openapi.json",
            "/threshold",
            "/api/nothing",
        ):
            assert client.get(path).status_code == 401, path
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 401
        for secret in (access.csrf, access.session, access.token, "images/"):
            assert secret not in page.text
        assert client.get("/api/session").status_code == 401
        forged = client.post("/api/decisions", json=DECISION, headers={"x-csrf-token": access.csrf})
        assert forged.status_code == 401

    def test_a_wrong_token_gets_no_cookie(self, locked: tuple[TestClient, Access]) -> None:
        client, access = locked
        for token in ("", "x", access.token[:-1], access.token + "x", access.csrf, "é"):
            answer = client.post("/api/session", json={"token": token})
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
        client.cookies.set(access.cookie, access.token)
        assert client.get("/api/suspects").status_code == 401

    def test_the_token_becomes_a_cookie_that_scripts_and_other_pages_cannot_use(
        self, locked: tuple[TestClient, Access]
    ) -> None:
        client, access = locked
        answer = client.post("/api/session", json={"token": access.token})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert re.search("samesite=strict", cookie, re.IGNORECASE)
        assert access.token not in cookie
        assert client.get("/api/suspects").status_code == 200
        assert client.get("/api/session").json()["csrf"] == access.csrf
        assert client.post("/api/undo", json={}).status_code == 403  # the cookie alone writes nothing

    def test_the_guard_passes_nothing_by_a_path_that_looks_open(self, locked: tuple[TestClient, Access]) -> None:
        client, _ = locked
        for path in (
            "/static/../api/suspects",
            "/static/..%2fapi/suspects",
            "//api/suspects",
            "/api/sessions",
            "/API/suspects",
        ):
            assert client.get(path).status_code in (401, 404), path


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/%2e%2e/etc/passwd",
            "/static//etc/passwd",
            "/static/app.py",
        ),
        *("/api/faces/-1/96.jpg", "/api/faces/999999/96.jpg", "/api/faces/0/97.jpg", "/api/faces/0/..%2f96.jpg"),
        *(
            "/api/faces/images%2fa.png/96.jpg",
            "/api/faces/0x0/96.jpg",
            "/api/faces/1e1/96.jpg",
            "/api/faces/0/context.jpg",
        ),
        *("/api/faces/99999999999999999999/96.jpg", "/images/train-0000.png", "/review.sqlite", "/api/faces/0/%00.jpg"),
    ],
)
def test_a_path_reaches_no_file(reader: TestClient, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code in (404, 422), path
    assert answer.headers["content-type"] == "application/json"


def test_a_body_is_bounded(reader: TestClient, unchanged: Workspace) -> None:
    large = b'{"rows": [' + b"0," * MAX_BODY + b"0]}"
    json = {"content-type": "application/json"}
    assert reader.post("/api/decisions", content=large, headers=json).status_code == 413
    sent = (large[start : start + 65536] for start in range(0, len(large), 65536))  # chunked: no length in the header
    assert reader.post("/api/decisions", content=sent, headers=json).status_code == 413
    lie = json | {"content-length": "-1"}
    assert reader.post("/api/decisions", content=b"{}", headers=lie).status_code == 413
    nested = b"[" * 500_000
    assert reader.post("/api/decisions", content=nested, headers=json).status_code in (400, 422)
    assert events(unchanged) == 0


def test_every_answer_has_a_strict_policy(reader: TestClient) -> None:
    for path in ("/", "/docs", "/api/suspects", "/static/review.js", "/api/faces/0/96.jpg", "/nothing"):
        headers = reader.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs", "/threshold"])
def test_pages_have_nothing_inline_and_nothing_from_outside(reader: TestClient, path: str) -> None:
    html = reader.get(path).text
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert all(link.startswith(("/", "#")) for link in re.findall(r'(?:src|href)="([^"]*)"', html))


def test_hostile_names_are_text(client: TestClient, workspace: Workspace) -> None:
    name = "<img src=x onerror=alert(1)>\"'"
    assert client.post("/api/session/reviewer", json={"name": name}).status_code == 204
    html = client.get("/").text
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    assert client.post("/api/decisions", json=DECISION).status_code == 200
    assert workspace.review.store.current()["reviewer"].tolist() == [name]


def test_a_defect_shows_no_traceback(workspace: Workspace, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(create_app(workspace, access), base_url=BASE, raise_server_exceptions=False)
    monkeypatch.setattr(type(workspace.review), "board", property(lambda self: 1 / 0))
    answer = client.get("/api/status")
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert "Traceback" not in answer.text
