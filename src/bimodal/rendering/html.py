"""Self-contained HTML pages: one jinja environment, its shared templates, and figures and pictures within the page."""

import base64
import re
from html import escape
from io import BytesIO

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from bimodal.rendering import plot
from bimodal.vision.packed import PictureFile
from bimodal.vision.pictures import UnreadableError, decode


def environment(package: str) -> Environment:
    """Return the environment for the templates of a package.

    The templates of `bimodal.rendering` are found as well: `base.html.j2` (the page: `{% extends %}` it), `style.css`
    and `macros.html.j2` (`table`, `figures`, `dot`: `{% import "macros.html.j2" as ui %}`). Text is escaped.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("bimodal.rendering")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline_figure(figure: Figure | str, stem: str, title: str) -> Markup:
    """Return a figure as an SVG element of a page, with unique ids and the colours of the page.

    Args:
        figure: a figure, or its SVG from `plot.svg`; matplotlib escapes all text in it.
        stem: a name that is unique within the page.
        title: the text that screen readers read in place of the figure.
    """
    picture = figure if isinstance(figure, str) else plot.svg(figure)
    body = re.sub(r"<metadata>.*?</metadata>", "", picture[picture.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{stem.replace('_', '-')}-", body)
    for value, variable in plot.VARIABLES.items():
        body = body.replace(value, f"var({variable})")
    return Markup(body.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1))


def inline_picture(source: PictureFile, side: int) -> str | None:
    """Return a picture as a square JPEG data URI; None if it is missing or unreadable."""
    try:
        picture = Image.fromarray(decode(source))
    except UnreadableError:
        return None
    buffer = BytesIO()
    ImageOps.fit(picture, (side, side)).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
