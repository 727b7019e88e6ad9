"""Runs the local page until somebody stops it."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

import uvicorn

from bimodal.errors import InputError
from bimodal.review.app import create_app
from bimodal.review.run_list import RunList
from bimodal.review.security import LOOPBACK, Access
from bimodal.review.workspace import Workspace

PORT, PORTS_TRIED = 8017, 20
_BACKLOG = 512
_SHUTDOWN_S = 3
_KEEP_ALIVE_S = 120  # longer than a reviewer thinks: a connection that is just being closed loses a request
_SHOWN_S = 2


def serve(
    workspace: Workspace,
    host: str | None,
    port: int | None,
    announce: Callable[[str], None],
    run_list: RunList | None = None,
) -> None:
    """Serve a review until Ctrl-C.

    Args:
        workspace: what to review.
        host: the address of this machine to listen on; callers then need a token. None: only this machine can connect.
        port: of the server; None: 8017, or the next free one.
        announce: is called with the address to open, as soon as it accepts connections.
        run_list: for the tab Runs; None: the runs beside the audit.

    Raises:
        InputError: the address or the port cannot be used, or the review cannot begin.
    """
    with closing(_listen(host or LOOPBACK, port)) as listener:
        bound = listener.getsockname()[1]
        access = Access.new(
            bound, with_token=host is not None, names=[host, socket.getfqdn()] if host is not None else ()
        )
        app = create_app(workspace, access, run_list)
        announce(_address(host or LOOPBACK, bound, access))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_stop_after_failure, args=(workspace, server), name="failure", daemon=True).start()
        server.run(sockets=[listener])
    if workspace.work.state == "failed":
        raise InputError(workspace.work.what)


def _stop_after_failure(workspace: Workspace, server: uvicorn.Server) -> None:
    """Stop the server if the review cannot begin, a moment after the page has shown why."""
    while workspace.work.state in ("idle", "working"):
        time.sleep(0.2)
    if workspace.work.state == "failed":
        time.sleep(_SHOWN_S)
        server.should_exit = True


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a listening socket.

    Raises:
        InputError: no such address of this machine, or the port is taken.
    """
    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"--port must lie between 0 and 65535, got {port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host {host!r} is no address of this machine: {error}") from error
    problem = OSError()
    for candidate in [port] if port is not None else range(PORT, PORT + PORTS_TRIED):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address[0], candidate))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            problem = error
        else:
            return listener
    raise InputError(f"cannot listen on {host}, port {port or PORT}: {problem.strerror}; choose another --port")


def _address(host: str, port: int, access: Access) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"#token={quote(access.token)}" if access.token else "")
