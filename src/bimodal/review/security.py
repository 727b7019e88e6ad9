"""Who may call the local page: checks on every request before any other code sees it."""

import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
CSRF_HEADER = "x-csrf-token"
MAX_BODY = 2**20
"""Largest body of a request in bytes, where no other limit is given."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}
_READS = ("GET", "HEAD")
_OPEN_PATHS = ("/api/session", "/static/")  # that a caller needs to hand in the token


@dataclass(frozen=True)
class Access:
    """Who may call the page.

    Attributes:
        port: of the server; part of the cookie's name, because browsers share cookies among ports.
        token: that a browser must know before it may see anything; empty: none, because only this machine can connect.
        names: further names of this machine, in lower case, that the header Host may have.
        csrf: that every request which writes must repeat in a header.
        session: the value of the cookie of a browser that knew the token.
    """

    port: int
    token: str = ""
    names: frozenset[str] = frozenset()
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def new(cls, port: int, with_token: bool, names: Iterable[str] = ()) -> Self:
        """Return fresh secrets."""
        return cls(port, secrets.token_urlsafe(32) if with_token else "", frozenset(name.casefold() for name in names))

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return f"bimodal-session-{self.port}"

    def knows_token(self, token: str) -> bool:
        """Return whether this is the token; it takes the same time for every wrong one."""
        return hmac.compare_digest(token.encode(errors="replace"), self.token.encode())

    def is_known(self, headers: Headers) -> bool:
        """Return whether the request comes from a browser that has handed in the token, or none is needed."""
        return not self.token or hmac.compare_digest(
            _cookie(headers, self.cookie).encode(errors="replace"), self.session.encode()
        )

    def has_csrf(self, headers: Headers) -> bool:
        """Return whether the request repeats the secret of the pages."""
        return hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(errors="replace"), self.csrf.encode())


def is_own_host(host: str, names: Collection[str] = ()) -> bool:
    """Return whether the header Host names this machine: an address, `localhost`, or the machine's own name.

    A page of an attacker who lets a name of his resolve to this machine (DNS rebinding) has that name in the header.

    >>> is_own_host("localhost:8017"), is_own_host("[::1]:8017"), is_own_host("rebound.example:8017")
    (True, True, False)
    """
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().casefold()
        return name in {"localhost", own, own.partition(".")[0], f"{own.partition('.')[0]}.local", *names}
    return True


def refusal(method: str, path: str, headers: Headers, access: Access) -> tuple[int, str] | None:
    """Return why a request is refused, as a status and a sentence; None if it may pass.

    Args:
        method: such as `GET`.
        path: of the URL.
        headers: of the request.
        access: who may call.
    """
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or not is_own_host(host, access.names):
        return 421, "the address of this page is the one that the terminal shows"
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and origin.partition("://")[2] != host:
        return 403, "requests of other pages are refused"
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if site not in ("none", "same-origin") and not (method == "GET" and is_visit):
        return 403, "requests of other pages are refused"
    if not access.is_known(headers) and not path.startswith(_OPEN_PATHS):
        return 401, "open the address with #token= that the terminal shows"
    if method not in _READS and path != "/api/session" and not access.has_csrf(headers):
        return 403, f"a request that writes needs the header {CSRF_HEADER}; GET /api/session returns its value"
    return None


class Guard:
    """ASGI middleware: refuses what `refusal` refuses and bodies that are too large, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, access: Access, limits: Mapping[str, int], entry: bytes) -> None:
        """Wrap an application.

        Args:
            app: the application.
            access: who may call.
            limits: largest bodies in bytes by path, where it is not `MAX_BODY`.
            entry: the HTML page for a browser that has not handed in the token.
        """
        self._app, self._access, self._limits, self._entry = app, access, limits, entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        refused = refusal(method, path, headers, self._access)
        if refused is not None:
            await self._refuse(send, *refused, wants_page="text/html" in headers.get("accept", ""))
            return
        most = self._limits.get(path, MAX_BODY)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            await self._refuse(send, 413, f"at most {most // 2**20} MiB are accepted")
            return
        received, started, too_large = 0, False, False

        async def bounded() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:  # a body without a length
                too_large = True
                return {"type": "http.disconnect"}
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            if too_large:
                return
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        try:
            await self._app(scope, bounded, answer)
        except Exception:
            if not too_large:
                raise
        if too_large and not started:
            await self._refuse(send, 413, f"at most {most // 2**20} MiB are accepted")

    async def _refuse(self, send: Send, status: int, why: str, wants_page: bool = False) -> None:
        is_entry = status == 401 and wants_page
        body = self._entry if is_entry else json.dumps({"detail": why}).encode()
        kind = "text/html; charset=utf-8" if is_entry else "application/json"
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", kind.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
        _add_headers(start)
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _add_headers(start: Message) -> None:
    """Set the headers of safety; pages and data are not stored by the browser unless they say so themselves."""
    present = {name.lower() for name, _ in start["headers"]}
    further = dict(HEADERS) | {"cache-control": "no-store"}
    start["headers"] = [
        *start["headers"],
        *((name.encode(), value.encode()) for name, value in further.items() if name.encode() not in present),
    ]


def _cookie(headers: Headers, name: str) -> str:
    """Return the value of a cookie; empty if there is none."""
    return next((jar[name] for line in headers.getlist("cookie") if name in (jar := cookie_parser(line))), "")
