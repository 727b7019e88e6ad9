"""The figure shows the given numbers, and is legible from four rows to a whole study with wrong labels."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bimodal.experiments.paper_table.comparisons import Comparisons, compare_rows
from bimodal.experiments.paper_table.figure12 import PALE, WITH, WITHOUT, figure12
from bimodal.experiments.paper_table.results import Study
from tests.experiments.paper_table.fakes import LABELS, row, study, whole_study


def _draw(own: Study, comparisons: Comparisons | None = None) -> Figure:
    figure = figure12(own, comparisons or compare_rows(own)).figure
    FigureCanvasAgg(figure).draw()
    return figure


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def _diamonds(figure: Figure) -> list[float]:
    return [float(line.get_xdata()[0]) for line in figure.axes[0].get_lines() if line.get_marker() == "D"]


def test_bars_dots_and_diamonds_are_where_the_numbers_are() -> None:
    own = study([row("majority", None), row("simple-nn", 0.3), row("simple-nn-bdr", 0.5, seeds=3)])
    figure = _draw(own)
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([100 * one.accuracy.value for one in own.rows])  # type: ignore[union-attr]
    assert [to_hex(bar.get_facecolor()) for bar in bars[1:]] == [WITHOUT, WITH]
    dots = [collection.get_offsets() for collection in figure.axes[0].collections]
    assert [sorted(points[:, 0]) for points in dots[1:]] == [
        pytest.approx(sorted(100 * value for value in one.accuracies)) for one in own.rows[1:]
    ]
    assert _diamonds(figure) == pytest.approx([25.2, 27.3])
    (baseline,) = [line for line in figure.axes[0].get_lines() if line.is_dashed()]
    assert list(baseline.get_xdata()) == pytest.approx([100 * (LABELS[-1] == LABELS).mean()] * 2)
    assert _texts(figure) == [f"{100 * one.accuracy.value:.1f}" for one in own.rows]  # type: ignore[union-attr]


def test_rows_that_do_not_beat_the_baseline_are_pale() -> None:
    figure = _draw(study([row("majority", None), row("simple-nn", 0.15), row("simple-nn-bdr", 0.5)]))
    assert [bar.get_alpha() for bar in figure.axes[0].patches] == [1.0, PALE, 1.0]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "not shown to beat majority" in labels


def test_a_failed_row_keeps_its_place() -> None:
    figure = _draw(study([row("simple-nn", 0.3), row("vgg16", seeds=0, failures=["out of memory"])]))
    assert "failed" in _texts(figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["simple-nn", "vgg16"]


@pytest.mark.parametrize(
    "own",
    [
        study([row("majority", None), row("simple-nn"), row("simple-nn-bdr"), row("resnet50", seeds=1)]),
        whole_study(),
        whole_study(noise=(0.0, 0.2, 0.4)),
    ],
    ids=["4 rows", "18 rows", "54 rows"],
)
def test_names_do_not_overlap(own: Study) -> None:
    figure = _draw(own, Comparisons((), (), dict.fromkeys(own.rows, False)))
    axes = figure.axes[0]
    boxes = sorted((label.get_window_extent() for label in axes.get_yticklabels()), key=lambda box: box.y0)
    assert len(boxes) == len(own.rows)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    frame = figure.bbox
    for text in axes.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1 + 1
    legend = figure.legends[0].get_window_extent()
    assert legend.y1 <= axes.xaxis.label.get_window_extent().y0
    assert legend.x1 <= frame.x1


def test_every_share_of_wrong_labels_has_its_heading_and_baseline() -> None:
    other = np.roll(LABELS, 30)
    rows = [
        row("majority", None),
        row("simple-nn", 0.4),
        row("majority", None, noise=0.2),
        row("simple-nn", 0.3, noise=0.2),
    ]
    rows[2] = replace(rows[2], predicted=np.repeat(other[None], 5, axis=0))
    figure = _draw(study(rows))
    assert {"given labels", "20 % of the training labels made wrong"} <= set(_texts(figure))
    baselines = [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.is_dashed()]
    assert baselines == pytest.approx([100 * rows[0].accuracies[0], 100 * rows[2].accuracies[0]])


def test_quick_sizes_stand_on_the_axis() -> None:
    assert "quick sizes" in _draw(study([row("simple-nn")], quick=True)).axes[0].get_xlabel()
    assert "quick" not in _draw(study([row("simple-nn")])).axes[0].get_xlabel()


def test_the_same_study_gives_the_same_bytes() -> None:
    own = study([row("majority", None), row("simple-nn")])
    comparisons = compare_rows(own)
    assert figure12(own, comparisons).svg == figure12(own, comparisons).svg
