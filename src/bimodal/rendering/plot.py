"""The style of all figures: colours, sizes, and SVG that takes the colours of the page, light or dark."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#1f2328", "#59636e", "#d4d9df", "#fffffe"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colours, which colour-blind readers can distinguish; one for each condition, in order."""
KEPT, REMOVED = COLOURS[0], COLOURS[1]

VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--paper"} | {
    colour: f"--c{number}" for number, colour in enumerate(COLOURS)
}
"""The variable of the page's style sheet that replaces each colour."""
_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": SOFT,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": 160,
    "svg.fonttype": "none",  # text remains text, for screen readers, search and copying
    "svg.hashsalt": "bimodal",
    "text.color": INK,
    "text.parse_math": False,  # names may contain dollar signs
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}


@contextmanager
def canvas(width: float = 4.8, height: float = 3.3) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure of this size in inches and its axes, in the common style; draw within the `with`."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def legend(figure: Figure, columns: int = 3) -> None:
    """Draw the legend below the axes."""
    figure.legend(loc="outside lower left", ncols=columns, columnspacing=1.2, handlelength=1.6)


def colour(number: int) -> str:
    """Return the colour of a condition, numbered from 0."""
    return COLOURS[number % len(COLOURS)]


def png(figure: Figure) -> bytes:
    """Render a figure as PNG."""
    return _rendered(figure, format="png")


def svg(figure: Figure) -> str:
    """Render a figure as SVG; the same figure gives the same bytes."""
    return _rendered(figure, format="svg", metadata={"Date": None, "Creator": None}).decode()


def _rendered(figure: Figure, **options: Any) -> bytes:
    buffer = BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, **options)
    return buffer.getvalue()
