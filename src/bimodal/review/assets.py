"""The files of the page: read once from the package, so that no path of a request reaches the file system."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
_SHARED = (("bimodal.rendering", "templates", "style.css"), ("bimodal.label_audit", "templates", "keys.js"))
"""Files that other pages of bimodal use as well."""


@dataclass(frozen=True)
class Asset:
    """A file of the page: its bytes, its media type and its ETag."""

    content: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """Return the files that the page may load, by name.

    >>> sorted(assets())[0], assets()["style.css"].media_type
    ('api.js', 'text/css; charset=utf-8')
    """
    found = {name: (files(package) / folder / name).read_bytes() for package, folder, name in _SHARED}
    for entry in (files("bimodal.review") / "static").iterdir():
        if entry.name.rpartition(".")[2] in _TYPES:
            found[entry.name] = entry.read_bytes()
    return {name: _asset(name, content) for name, content in found.items()}


def _asset(name: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Asset(content, _TYPES[name.rpartition(".")[2]], f'"{digest}"')
