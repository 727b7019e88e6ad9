"""Figure of the network (the paper's figure 4): a box for each stage, from the run's `network.json`."""

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from bimodal.rendering.plot import INK, KEPT, REMOVED, SOFT, canvas

_MAX_STAGES = 40
_WIDTH = 28
"""Longest text of a box, in letters."""
_SHOWN = ("", "p", "in_features", "out_features")
"""Arguments of a layer that are shown; the empty name stands for positional ones, such as channels."""


def network(stages: Sequence[dict[str, Any]]) -> Figure:
    """Draw the stages of a run's `network.json`, the first at the top; of more than 40, the middle ones are left out."""
    shown = list(stages)
    if len(shown) > _MAX_STAGES:
        half = _MAX_STAGES // 2
        gap = {"name": f"... {len(shown) - 2 * half} more stages ..."}
        shown = [*shown[:half], gap, *shown[-half:]]
    height = 0.66
    with canvas(4.8, 0.42 * len(shown) + 0.2) as (figure, axes):
        axes.set_axis_off()
        axes.set(xlim=(0, 10), ylim=(-len(shown) + 0.2, 0.1))
        for number, stage in enumerate(shown):
            top = -number
            if number:
                arrow = {"arrowstyle": "-|>", "color": SOFT, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
                axes.annotate("", (2.4, top), (2.4, top + 1 - height), arrowprops=arrow)
            hue = REMOVED if str(stage.get("name", "")).startswith("head.") else KEPT
            box = FancyBboxPatch((0.1, top - height), 4.6, height, "round,pad=0,rounding_size=0.12")
            box.set(facecolor="none", edgecolor=hue, linewidth=1.3)
            axes.add_patch(box)
            middle = top - height / 2
            axes.text(2.4, middle, title(stage), ha="center", va="center", color=INK, fontsize=9)
            output, count = stage.get("output", ""), stage.get("parameters", 0)
            shape = " × ".join(map(str, output)) if isinstance(output, list | tuple) else str(output)
            axes.text(4.95, middle, shape[:24], ha="left", va="center", color=INK, fontsize=9)
            if isinstance(count, int) and count > 0:
                axes.text(9.9, middle, f"{count:,} weights", ha="right", va="center", color=SOFT, fontsize=8)
    return figure


def title(stage: dict[str, Any]) -> str:
    """Return the text of a stage: a layer of the head as in the paper, a stage of the backbone with its name.

    >>> title({"name": "head.0", "kind": "Linear", "detail": "in_features=2048, out_features=512, bias=True"})
    'Linear(2048, 512)'
    >>> title({"name": "backbone.conv1", "kind": "Conv2d", "detail": "3, 64, kernel_size=(7, 7), bias=False"})
    'conv1: Conv2d(3, 64)'
    """
    name, kind = str(stage.get("name", "")), str(stage.get("kind", ""))
    arguments = re.findall(r"(?:(\w+)=)?(\([^)]*\)|[^,\s]+)", str(stage.get("detail", ""))[:500])
    values = ", ".join(value for key, value in arguments if key in _SHOWN)
    call = f"{kind}({values})" if values else kind
    part, _, short = name.partition(".")
    text = call if part == "head" and call else f"{short or name}: {call}" if call else name
    if len(text) > _WIDTH:
        text = short or name
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
