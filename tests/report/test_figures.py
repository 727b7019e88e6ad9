"""Figures show the given numbers."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from bimodal.evaluation.metrics import measure
from bimodal.removal.rule import RULES
from bimodal.rendering.html import inline_figure
from bimodal.rendering.plot import COLOURS, REMOVED, png, svg
from bimodal.report.accuracies import accuracies
from bimodal.report.classes import class_counts, confusion, pooled, reliability
from bimodal.report.comparison import evaluate
from bimodal.report.conditions import group, open_runs
from bimodal.report.curves import by_step, removal_epochs, variance_by_epoch
from bimodal.report.losses import first_removal, histogram
from bimodal.report.network import network
from bimodal.runs.run import Run
from tests.runs import TRAIN, write_run


def _texts(figure: Figure) -> set[str]:
    axes = figure.axes[0]
    shown = [text.get_text() for text in axes.texts]
    return {*shown, *(text.get_text() for legend in figure.legends for text in legend.get_texts())}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(write_run(tmp_path_factory.mktemp("runs"), "w", rule="wang"))


def test_histogram_draws_all_losses_and_the_rules_numbers(run: Run) -> None:
    first = first_removal(run)
    assert first is not None
    assert (first.before.size, first.after.size, first.removed) == (TRAIN, TRAIN - 6, 6)
    figure = histogram(first.before, first.threshold, (0.0, 6.0), "before", "loss", moments=first.moments)
    axes = figure.axes[0]
    heights = {bars[0].get_facecolor(): sum(bar.get_height() for bar in bars) for bars in axes.containers}
    assert sorted(heights.values()) == [6, TRAIN - 6]
    assert axes.get_yscale() == "log"
    assert {line.get_xdata()[0] for line in axes.get_lines()} == {*first.moments.values(), first.threshold}
    assert len(first.moments) == 2
    assert f"threshold {first.threshold:.2f}" in _texts(figure)


@pytest.mark.parametrize(("name", "beyond"), [("wang", 1), ("two-modes", 2)])
def test_a_score_at_the_threshold_is_beyond_it_only_for_some_rules(name: str, beyond: int) -> None:
    includes_threshold = RULES[name].includes_threshold
    figure = histogram(np.array([0.0, 1.0, 2.0]), 1.0, (0.0, 3.0), "scores", "loss", includes_threshold)
    _, bars = figure.axes[0].containers
    assert sum(bar.get_height() for bar in bars) == beyond


def test_without_a_threshold_all_bars_have_one_colour() -> None:
    figure = histogram(np.array([0.0, 1.0]), float("inf"), (0.0, 2.0), "scores", "log-odds")
    assert not figure.legends
    assert not figure.axes[0].get_lines()


def test_a_run_without_removal_has_no_first_removal(tmp_path: Path) -> None:
    run = Run.open(write_run(tmp_path, "n"))
    assert first_removal(run) is None
    assert removal_epochs(run) == []


def test_counts_are_those_of_the_manifest(run: Run) -> None:
    figure = class_counts(run.manifest, {"train": "training"}, run.removed)
    train, removed = figure.axes[0].containers
    assert sum(bar.get_height() for bar in train) == TRAIN
    assert sum(bar.get_height() for bar in removed) == 6
    assert "removed (6)" in _texts(figure)


def test_removal_is_marked_at_its_epoch_and_step(run: Run) -> None:
    (condition,) = group([run])
    variance = variance_by_epoch([condition]).axes[0].get_lines()
    assert list(variance[-1].get_xdata()) == [6, 6]
    assert list(variance[0].get_ydata()) == pytest.approx(list(run.metrics["loss_variance"]))
    assert list(by_step(condition, "loss").axes[0].get_lines()[-1].get_xdata()) == [30, 30]


def test_seeds_are_thin_lines_around_their_mean(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, f"n{seed}", seed=seed) for seed in range(3)]
    (condition,) = group(open_runs(paths))
    lines = variance_by_epoch([condition]).axes[0].get_lines()
    mean = np.mean([run.metrics["loss_variance"] for run in condition.runs], axis=0)
    assert len(lines) == 4
    assert lines[-1].get_ydata() == pytest.approx(mean)


def test_accuracies_are_dots(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, f"n{seed}", seed=seed, accuracy=0.4 + 0.1 * seed) for seed in range(3)]
    evaluation = evaluate(group(open_runs(paths)), "test")
    dots = accuracies(evaluation).axes[0].collections[0].get_offsets()[:, 1]
    assert list(dots) == pytest.approx([100 * value for value in evaluation.results[0].accuracies])


def test_matrices_and_bins_are_summed_over_runs() -> None:
    rng = np.random.default_rng(0)
    labels, shares = rng.integers(0, 7, 200), rng.dirichlet(np.ones(7), 200)
    halves = (measure(labels[:80], shares[:80]), measure(labels[80:], shares[80:]))
    whole = measure(labels, shares)
    matrix, bins = pooled(halves)
    assert (matrix == whole.confusion).all()
    assert bins.accuracy == pytest.approx(whole.reliability.accuracy)
    assert bins.confidence == pytest.approx(whole.reliability.confidence)
    assert {text.get_text() for text in confusion(matrix, "all").axes[0].texts} == {str(n) for n in matrix.ravel()}
    bars = reliability(bins, "all", COLOURS[0]).axes[0].containers[0]
    assert [bar.get_height() for bar in bars] == pytest.approx(list(bins.accuracy[bins.count > 0]))


def test_network_names_the_head_as_the_paper_does(run: Run) -> None:
    shown = _texts(network(run.network))
    assert {"Dropout(0.6)", "Linear(64, 7)", "64 × 32 × 32", "455 weights"} <= shown
    many = [{"name": f"backbone.{i}", "kind": "Conv2d"} for i in range(100)]
    assert "... 60 more stages ..." in _texts(network(many))
    assert network([{}, {"name": 3, "output": None, "parameters": "many"}]) is not None


def test_files_are_repeatable_and_inline_pictures_follow_the_page(run: Run) -> None:
    first = first_removal(run)
    assert first is not None
    one, two = (svg(histogram(first.before, first.threshold, (0.0, 6.0), "a $title$ <b>", "loss")) for _ in range(2))
    assert one == two
    assert "a $title$ &lt;b&gt;" in one
    drawn = histogram(first.before, first.threshold, (0.0, 6.0), "a", "loss")
    assert png(drawn).startswith(b"\x89PNG")
    body = inline_figure(one, "losses_before", 'a "title"')
    assert body.startswith('<svg role="img" aria-label="a &quot;title&quot;"')
    assert REMOVED in one
    assert REMOVED not in body
    assert "var(--c1)" in body
    assert "http" not in body
    assert 'id="losses-before-figure_1"' in body
