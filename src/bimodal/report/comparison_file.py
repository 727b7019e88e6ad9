"""A comparison as a file: CSV, Markdown or JSON."""

import json
from typing import Any

import pandas as pd

from bimodal.cells import to_cell
from bimodal.errors import InputError
from bimodal.evaluation.statistics import Estimate
from bimodal.rendering.table import markdown, to_markdown
from bimodal.report.comparison import Evaluation
from bimodal.report.conditions import seed_of
from bimodal.report.tables import comparison_table


def render(evaluation: Evaluation, suffix: str) -> str:
    """Return a comparison as `.csv` (a row for each run), `.md` (table and conclusions) or `.json` (all numbers).

    Raises:
        InputError: the suffix is another one.
    """
    writers = {".csv": _csv, ".md": _markdown, ".json": _json}
    if suffix.lower() not in writers:
        raise InputError(f"--out must end with {', '.join(writers)}, got {suffix or 'no ending'!r}")
    return writers[suffix.lower()](evaluation)


def _csv(evaluation: Evaluation) -> str:
    rows = []
    for result in evaluation.results:
        for run, measures in zip(result.condition.runs, result.run_measures, strict=True):
            own = measures.accuracy
            names = (result.condition.name, run.name, seed_of(run), evaluation.split, measures.n)
            rows.append((*names, own.value, own.low, own.high, len(run.removed)))
    columns = ["condition", "run", "seed", "split", "n", "accuracy", "low", "high", "removed"]
    table = pd.DataFrame(rows, columns=columns).map(to_cell)
    return table.to_csv(index=False, float_format="%.6f", lineterminator="\n")


def _markdown(evaluation: Evaluation) -> str:
    texts = [*(comparison.conclusion for comparison in evaluation.comparisons), *evaluation.notes]
    return "\n".join([to_markdown(comparison_table(evaluation)), *(f"{markdown(text)}\n" for text in texts)])


def _json(evaluation: Evaluation) -> str:
    conditions = []
    for result in evaluation.results:
        runs = [
            {"path": str(run.path), "seed": seed_of(run), "accuracy": _interval(measures.accuracy)}
            for run, measures in zip(result.condition.runs, result.run_measures, strict=True)
        ]
        conditions.append({"name": result.condition.name, "accuracy": _interval(result.accuracy), "runs": runs})
    comparisons = [
        {
            "baseline": own.a,
            "condition": own.b,
            "difference": _interval(own.difference),
            "p": own.p,
            "p_holm": own.p_holm,
            "p_t_over_seeds": own.over_seeds.p_t,
            "p_sign_flips": own.over_seeds.p_permutation,
            "mcnemar": [
                {"seeds": list(seeds), "only_baseline": test.only_a, "only_condition": test.only_b, "p": test.p}
                for seeds, test in zip(own.seeds, own.by_seed, strict=True)
            ],
            "detectable": own.detectable,
            "conclusion": own.conclusion,
        }
        for own in evaluation.comparisons
    ]
    content = {"split": evaluation.split, "n": evaluation.n, "conditions": conditions, "comparisons": comparisons}
    return json.dumps(content | {"notes": list(evaluation.notes)}, indent=2, ensure_ascii=False) + "\n"


def _interval(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON; infinite ends become null."""
    low, high = (estimate.low, estimate.high) if estimate.bounded else (None, None)
    return {"value": estimate.value, "low": low, "high": high}
