"""A comparison as a file: CSV for a spreadsheet, Markdown for a text, JSON for a program."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

from bimodal.errors import InputError
from bimodal.evaluation.statistics import Estimate
from bimodal.report.comparison import Evaluation
from bimodal.report.conditions import seed_of
from bimodal.report.summary import percent


def render(evaluation: Evaluation, suffix: str) -> str:
    """Render a comparison in the format of a file's ending.

    Args:
        evaluation: from `bimodal.report.comparison.evaluate`.
        suffix: `.csv` (a line a run), `.md` (tables and conclusions) or `.json` (everything).

    Raises:
        InputError: for another ending.
    """
    writers: dict[str, Callable[[Evaluation], str]] = {".csv": _csv, ".md": _markdown, ".json": _json}
    if suffix.lower() not in writers:
        raise InputError(f"--out must end with {', '.join(writers)}, got {suffix or 'no ending'!r}")
    return writers[suffix.lower()](evaluation)


def _csv(evaluation: Evaluation) -> str:
    stream = StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["condition", "run", "seed", "split", "n", "accuracy", "low", "high", "removed"])
    for result in evaluation.results:
        for run, measures in zip(result.condition.runs, result.measures, strict=True):
            own = measures.accuracy
            numbers = [f"{value:.6f}" for value in (own.value, own.low, own.high)]
            names = [result.condition.name, run.name, seed_of(run), evaluation.split, evaluation.n]
            table.writerow([*names, *numbers, len(run.removed)])
    return stream.getvalue()


def _markdown(evaluation: Evaluation) -> str:
    lines = [
        f"Accuracy on {evaluation.n:,} {evaluation.split} examples, with 95 % intervals.",
        "",
        "| condition | runs | accuracy | difference, points | p |",
        "|---|---:|---:|---:|---:|",
    ]
    pairs = {pair.condition.name: pair.comparison for pair in evaluation.pairs}
    for result in evaluation.results:
        name = result.condition.name.replace("|", "\\|")
        line = f"| {name} | {len(result.measures)} | {percent(result.accuracy)} |"
        own = pairs.get(result.condition.name)
        if own:
            value, low, high = (100 * x for x in (own.difference.value, own.difference.low, own.difference.high))
            line += f" {value:+.1f} ({low:+.1f} to {high:+.1f}) | {own.p_holm:.3f} |"
        else:
            line += "  |  |"
        lines.append(line)
    for text in [*(pair.conclusion for pair in evaluation.pairs), *evaluation.notes]:
        lines += ["", text]
    return "\n".join(lines) + "\n"


def _json(evaluation: Evaluation) -> str:
    content = {
        "split": evaluation.split,
        "n": evaluation.n,
        "conditions": [
            {
                "name": result.condition.name,
                "accuracy": _interval(result.accuracy),
                "runs": [
                    {"path": str(run.path), "seed": seed, "accuracy": _interval(measures.accuracy)}
                    for run, seed, measures in zip(
                        result.condition.runs, result.condition.seeds, result.measures, strict=True
                    )
                ],
            }
            for result in evaluation.results
        ],
        "comparisons": [
            {
                "baseline": pair.baseline.name,
                "condition": pair.condition.name,
                "difference": _interval(pair.comparison.difference),
                "p": pair.comparison.p,
                "p_holm": pair.comparison.p_holm,
                "p_t_over_seeds": pair.comparison.over_seeds.p_t,
                "p_sign_flips": pair.comparison.over_seeds.p_permutation,
                "mcnemar": [
                    {"seeds": list(seeds), "only_baseline": test.only_a, "only_condition": test.only_b, "p": test.p}
                    for seeds, test in zip(pair.seeds, pair.comparison.by_seed, strict=True)
                ],
                "detectable": pair.comparison.detectable,
                "conclusion": pair.conclusion,
            }
            for pair in evaluation.pairs
        ],
        "notes": list(evaluation.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _interval(estimate: Estimate) -> dict[str, Any]:
    """Infinite bounds are no JSON: they become null."""
    low, high = (estimate.low, estimate.high) if estimate.bounded else (None, None)
    return {"value": estimate.value, "low": low, "high": high}
