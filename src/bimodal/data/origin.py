"""Where a data folder came from, as `prepare` noted it."""

import json
from pathlib import Path
from typing import Any


def origin_of(data: Path) -> dict[str, Any]:
    """Return what `prepare` noted of a data folder's source; nothing where it did not make it."""
    try:
        content = json.loads((data / "source.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def was_aligned(data: Path) -> bool:
    """Say whether the faces of a data folder were cut out by their landmarks; False where that is not known."""
    options = origin_of(data).get("options")
    return isinstance(options, dict) and options.get("align") is True
