"""The report: one self-contained HTML page, and every figure of it as PNG and SVG."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.statistics import over_seeds
from bimodal.files import staged_folder, write_atomically
from bimodal.rendering import plot
from bimodal.report import figures
from bimodal.report.classes import pooled
from bimodal.report.comparison import Evaluation, common_split, evaluate
from bimodal.report.conditions import Condition, group, open_runs, seed_of, settings_of
from bimodal.report.figures import ReportFigure
from bimodal.report.gallery import SHOWN, against_truth, removed_examples, thumbnails
from bimodal.report.summary import percent, summarise

PAGE = "report.html"
FIGURES = "figures"
GENERATOR = "bimodal report"


@dataclass(frozen=True, eq=False)
class Report:
    """A page and its figures, in memory."""

    html: str
    plates: tuple[ReportFigure, ...]
    pictures: dict[str, str]
    """SVG by stem."""


def write_report(runs: Sequence[Path | str], out: Path | str | None = None, overwrite: bool = False) -> Path:
    """Write the report of one or several runs.

    Args:
        runs: run folders. Runs that differ only in their seed are one condition; several conditions are compared.
        out: a folder, new or with an earlier report; by default the run folder itself, or, for several runs,
            `bimodal-report` in the current folder.
        overwrite: replace an earlier report; nothing else in the folder is touched.

    Returns:
        The path of the page. The figures lie beside it in `figures/`.

    Raises:
        InputError: if a folder is no run, `out` holds an earlier report or anything else, or predictions do not fit.
    """
    opened = open_runs(runs)
    inside = opened[0].path if len(opened) == 1 else Path("bimodal-report")
    folder = inside if out is None else Path(out)
    is_run = any(folder.resolve() == run.path.resolve() for run in opened)
    _check(folder, is_run, overwrite)
    report = build(group(opened))
    if folder.exists():
        _write(report, folder)
    else:
        with staged_folder(folder) as new:
            _write(report, new)
    return folder / PAGE


def build(conditions: Sequence[Condition]) -> Report:
    """Make the page and its figures from conditions; the first is the baseline."""
    runs = [run for condition in conditions for run in condition.runs]
    split = common_split(runs)
    evaluation = evaluate(conditions, split) if split else None
    sections = {
        "data": figures.data_plates(conditions),
        "network": figures.network_plates(conditions),
        "training": figures.training_plates(conditions),
        "removal": figures.removal_plates(conditions),
        "accuracies": figures.accuracy_plates(evaluation) if evaluation else [],
        "results": figures.result_plates(evaluation) if evaluation else [],
    }
    everything = tuple(plate for section in sections.values() for plate in section)
    pictures = {plate.stem: plot.svg(plate.figure) for plate in everything}
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            generator=GENERATOR,
            title=runs[0].name if len(runs) == 1 else f"{len(runs)} runs compared",
            data=runs[0].data.name,
            conditions=conditions,
            colours=[_colour(number) for number in range(len(conditions))],
            answers=summarise(conditions, evaluation),
            sections={
                name: [_shown(plate, pictures[plate.stem]) for plate in section] for name, section in sections.items()
            },
            evaluation=evaluation,
            measures=_measures(evaluation) if evaluation else [],
            classes=_classes(evaluation) if evaluation else [],
            runs=_runs(conditions, evaluation),
            galleries=[_gallery(condition) for condition in conditions if condition.removes],
            settings=_settings(conditions),
            environment=_plain(runs[0].environment),
        )
    )
    return Report(html, everything, pictures)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment


def _check(folder: Path, is_run: bool, overwrite: bool) -> None:
    """Refuse to write where anything of the user's could be lost."""
    page = folder / PAGE
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must be a folder, but {folder} is a file; choose another")
    if (folder / FIGURES).exists() and not (folder / FIGURES).is_dir():
        raise InputError(f"{folder / FIGURES} is a file where the figures would go; move it away")
    if page.exists() and not _is_ours(page):
        raise InputError(f"{page} was not written by {GENERATOR} and is not replaced; choose another --out")
    if not page.exists() and (folder / FIGURES).exists() and not is_run:
        raise InputError(f"{folder / FIGURES} exists and is of no earlier report; choose another --out")
    if page.exists() and not overwrite:
        raise InputError(f"{page} exists; replace it with --overwrite, or choose another --out")


def _is_ours(page: Path) -> bool:
    with page.open("rb") as stream:
        return f'name="generator" content="{GENERATOR}"'.encode() in stream.read(4096)


def _write(report: Report, folder: Path) -> None:
    """Write the figures, then the page, each atomically."""
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    for plate in report.plates:
        for ending, content in ((".svg", report.pictures[plate.stem].encode()), (".png", plot.png(plate.figure))):
            _put(figures / f"{plate.stem}{ending}", content)
    _put(folder / PAGE, report.html.encode())


def _put(file: Path, content: bytes) -> None:
    write_atomically(file, lambda part: part.write_bytes(content))


def _shown(plate: ReportFigure, picture: str) -> dict[str, Any]:
    """What the template needs of a figure. The SVG is ours; matplotlib has escaped all text in it."""
    return {
        "label": plate.label,
        "caption": plate.caption,
        "stem": plate.stem,
        "svg": Markup(plot.inline(picture, plate.stem.replace("_", "-"), escape(plate.caption))),
    }


@dataclass(frozen=True)
class Row:
    """A line of the page's tables: a name, the colour of its condition, and cells of text."""

    name: str
    colour: str
    cells: tuple[str, ...]


def _measures(evaluation: Evaluation) -> list[Row]:
    """The headline measures of each condition: its one run's with intervals, or means over the seeds."""
    rows = []
    for number, result in enumerate(evaluation.results):
        first, several = result.measures[0], len(result.measures) > 1
        cells = [str(len(result.measures))]
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error"):
            own = [getattr(measures, name) for measures in result.measures]
            cells.append(percent(over_seeds([one.value for one in own]) if several else getattr(first, name)))
        rows.append(Row(result.condition.name, _colour(number), tuple(cells)))
    return rows


def _classes(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Recall and precision by class: with intervals for one run, added up over the seeds for several."""
    tables = []
    for number, result in enumerate(evaluation.results):
        matrix, _ = pooled(result.measures)
        several = len(result.measures) > 1
        rows = []
        for own in result.measures[0].classes:
            right, given, called = matrix[own.code, own.code], matrix[own.code].sum(), matrix[:, own.code].sum()
            if several:
                recall = f"{100 * right / given:.1f} %" if given else "no face"
                precision = f"{100 * right / called:.1f} %" if called else "never predicted"
            else:
                recall = percent(own.recall) if own.recall else "no face"
                precision = percent(own.precision) if own.precision else "never predicted"
            rows.append((NAMES[own.code], f"{own.support:,}", recall, precision))
        tables.append({"name": result.condition.name, "colour": _colour(number), "rows": rows, "several": several})
    return tables


def _runs(conditions: Sequence[Condition], evaluation: Evaluation | None) -> list[Row]:
    """A line a run."""
    rows = []
    for number, condition in enumerate(conditions):
        truth = against_truth(condition)
        for place, run in enumerate(condition.runs):
            wrong = f"{truth.removed_wrong[place]:,}" if truth else "unknown"
            accuracy = percent(evaluation.results[number].measures[place].accuracy) if evaluation else "not measured"
            cells = (condition.name, str(seed_of(run)), f"{len(run.removed):,}", wrong, accuracy)
            rows.append(Row(run.name, _colour(number), cells))
    return rows


def _gallery(condition: Condition) -> dict[str, Any]:
    """The faces that a condition's runs removed, the first of them with their pictures."""
    examples = removed_examples(condition)
    shown = examples[:SHOWN]
    train = condition.runs[0].manifest[condition.runs[0].manifest["split"] == "train"]
    by_label = []
    for name in NAMES:
        gone = [example for example in examples if example.label == name]
        thoughts = Counter(example.predicted for example in gone if example.predicted)
        faces = int((train["label"] == name).sum())
        most = ", ".join(f"{thought} ({count:,})" for thought, count in thoughts.most_common(2))
        by_label.append(
            (name, f"{faces:,}", f"{len(gone):,}", f"{100 * len(gone) / faces:.1f} %" if faces else "", most)
        )
    return {
        "name": condition.name,
        "seeds": len(condition.runs),
        "examples": shown,
        "more": len(examples) - len(shown),
        "total": len(examples),
        "pictures": thumbnails(condition.runs[0], [example.image for example in shown]),
        "by_label": by_label,
        "truth_known": against_truth(condition) is not None,
    }


def _settings(conditions: Sequence[Condition]) -> list[tuple[str, list[str]]]:
    """Every setting, with a value for each condition."""
    values = [settings_of(condition.runs[0]) for condition in conditions]
    keys = dict.fromkeys(key for settings in values for key in settings)
    return [(key, [settings.get(key, "") for settings in values]) for key in keys]


def _plain(environment: dict[str, Any]) -> list[tuple[str, str]]:
    """The environment as lines of text."""
    lines = []
    for key, value in environment.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {inner}" for name, inner in value.items())
        lines.append((str(key).replace("_", " "), "none" if value is None else str(value)))
    return lines


def _colour(number: int) -> str:
    """The page's name for the colour of a condition."""
    return f"var(--c{number % len(plot.COLOURS)})"
