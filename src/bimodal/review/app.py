"""The local page as an ASGI application: routes, guard and errors, assembled."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from bimodal.errors import InputError, shortened
from bimodal.label_audit.audit import RUN
from bimodal.review import pages
from bimodal.review.api import decisions, face_map, faces, predict, results, runs, session, status, suspects, threshold
from bimodal.review.loss_history import LossHistories
from bimodal.review.recogniser import Recogniser
from bimodal.review.run_list import RunList
from bimodal.review.security import Access, Guard
from bimodal.review.uploads import MAX_BYTES, Decoder
from bimodal.review.workspace import NotReadyError, Workspace
from bimodal.version import __version__

_ROUTERS = (
    *(session.router, status.router, suspects.router, faces.router, decisions.router, threshold.router),
    *(results.router, predict.router, runs.router, face_map.router),
    pages.router,
)
_LIMITS = {results.CSV: results.MAX_CSV, predict.PATH: MAX_BYTES, predict.EXPLANATION: MAX_BYTES}


def create_app(workspace: Workspace, access: Access, run_list: RunList | None = None) -> FastAPI:
    """Return the application that serves one review.

    Args:
        workspace: what to review; it is made ready when the server starts, and closed when it ends.
        access: who may call.
        run_list: for the tab Runs; None: the runs beside the audit.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        workspace.start()
        yield
        app.state.decoder.close()
        workspace.close()

    app = FastAPI(
        title="bimodal review",
        version=__version__,
        description="Review the labels of an audit.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load scripts from other servers
        redoc_url=None,
    )
    app.state.workspace, app.state.access, app.state.decoder = workspace, access, Decoder()
    app.state.recogniser = Recogniser(workspace.detector, workspace.network)
    app.state.runs = run_list or RunList.beside(workspace.folder)
    app.state.losses = LossHistories(lambda: [workspace.folder / RUN, *app.state.runs.paths()])
    for router in _ROUTERS:
        app.include_router(router)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Guard, access=access, limits=_LIMITS, entry=pages.entry_page())
    return app


def _answer(status_code: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": shortened(detail)}, status_code)


def _wrong_input(request: Request, error: Exception) -> JSONResponse:
    return _answer(400, str(error))


def _wrong_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # for the type checker
    first: dict[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return _answer(422, f"{where}: {first['msg']}")


def _not_ready(request: Request, error: Exception) -> JSONResponse:
    return _answer(503, f"the audit has not ended yet: {error}")


def _not_written(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)  # for the type checker
    return _answer(507, f"not stored: {error.strerror or error}")


_HANDLERS: Mapping[type[Exception], Any] = {
    InputError: _wrong_input,
    RequestValidationError: _wrong_request,
    NotReadyError: _not_ready,
    OSError: _not_written,
}
