"""The HTML pages: one tab each, a template and a JavaScript module of the same name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from bimodal.emotions import NAMES
from bimodal.rendering.html import environment
from bimodal.review.api.common import access_of, reviewer_of, workspace_of
from bimodal.review.assets import assets
from bimodal.review.openapi_page import operations_of
from bimodal.version import __version__

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Tab:
    """A page of the navigation: `templates/<name>.html.j2` with `static/<name>.js`."""

    path: str
    name: str
    title: str


TABS = (
    Tab("/", "review", "Review"),
    Tab("/threshold", "threshold", "Threshold"),
    Tab("/clean", "clean", "Clean data"),
    Tab("/map", "map", "Map"),
    Tab("/runs", "runs", "Runs"),
    Tab("/try", "try", "Try"),
    Tab("/docs", "docs", "API"),
)


@router.get("/static/{name}")
def read_static(name: str, request: Request) -> Response:
    """Return a file of the page."""
    asset = assets().get(name)
    if asset is None:
        raise HTTPException(404, "no such file")
    headers = {"etag": asset.etag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _page(tab: Tab) -> Callable[[Request], Response]:
    def read_page(request: Request) -> Response:
        workspace, access = workspace_of(request), access_of(request)
        is_ready = workspace.work.state == "ready" or tab.name == "docs"
        name = tab.name if is_ready else "work"
        html = (
            _templates()
            .get_template(f"{name}.html.j2")
            .render(
                tab=tab,
                tabs=TABS,
                module=name,
                data=workspace.name,
                version=__version__,
                csrf=access.csrf,
                reviewer=reviewer_of(request),
                fingerprint=workspace.review.opened.manifest.fingerprint[:16]
                if is_ready and tab.name != "docs"
                else "",
                names=NAMES,
                operations=operations_of(request.app.openapi()) if tab.name == "docs" else (),
            )
        )
        return HTMLResponse(html)

    return read_page


for _tab in TABS:
    router.get(_tab.path)(_page(_tab))


def entry_page() -> bytes:
    """Return the page for a browser that has not handed in the token."""
    return _templates().get_template("entry.html.j2").render().encode()


@cache
def _templates() -> Environment:
    return environment("bimodal.review")
