"""Self-contained HTML pages: one jinja environment, its shared templates, and figures and pictures within the page."""

import base64
from html import escape
from io import BytesIO
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from bimodal.data.manifest import leaves_folder
from bimodal.rendering import plot
from bimodal.vision.pictures import UnreadableError, decode


def environment(package: str) -> Environment:
    """Return the environment for the templates of a package.

    The templates of `bimodal.rendering` are found as well: `base.html.j2` (the page: `{% extends %}` it), `style.css`
    and `macros.html.j2` (`table`, `figures`, `dot`: `{% import "macros.html.j2" as ui %}`). Text is escaped.

    Args:
        package: the name of a package with a folder `templates`, such as `bimodal.report`.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("bimodal.rendering")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline_figure(figure: Figure | str, stem: str, title: str) -> Markup:
    """Return a figure as an SVG element of a page.

    Args:
        figure: a figure, or its SVG from `plot.svg`; matplotlib escapes all text in it.
        stem: a name that is unique within the page.
        title: the text that screen readers read in place of the figure.
    """
    picture = figure if isinstance(figure, str) else plot.svg(figure)
    return Markup(plot.inline(picture, stem.replace("_", "-"), escape(title)))


def inline_picture(root: Path, image: str, side: int) -> str | None:
    """Return a square JPEG picture as a data URI; None if it is missing, unreadable or outside of `root`.

    Args:
        root: the data folder.
        image: a path in it, as in the manifest.
        side: width and height in pixels.
    """
    if leaves_folder(image):  # manifests come from other people
        return None
    try:
        picture = Image.fromarray(decode(root / image))
    except UnreadableError:
        return None
    buffer = BytesIO()
    ImageOps.fit(picture, (side, side)).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
