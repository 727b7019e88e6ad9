"""Claim: `bimodal audit` by features is at least 20 times faster than by the training that it replaces, from pictures to page."""

import argparse
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict
from startup import seconds

BAR, BAR_AGAIN = 20.0, 2.0
FEATURES, AGAIN, TRAINING, CLEANLAB = (
    "bimodal audit",
    "the same call again",
    "bimodal audit --training",
    "cleanlab, 5 folds",
)
FOLDS = 5


def main() -> None:
    parser = options(__doc__ or "", rounds=3, threads=True)
    parser.add_argument("--faces", type=int, default=891, help="number of drawn training faces [891]")
    parser.add_argument("--side", type=int, default=160, help="side of the stored pictures in pixels [160]")
    parser.add_argument(
        "--cleanlab",
        action="store_true",
        help="also measure cleanlab with five trainings, one for each fold; it is slow",
    )
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), arguments)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Audit the same faces by each method, alternately, and print the table."""
    from faces import draw

    faces, side = (35, 48) if arguments.quick else (arguments.faces, arguments.side)
    data = draw(folder, faces, side=side)
    computing: dict[str, list[float]] = {}
    again: list[float] = []

    def audit(name: str, extra: list[str]) -> float:
        out = folder / name
        shutil.rmtree(out, ignore_errors=True)
        forget(data)
        call = ["-m", "bimodal", "audit", str(data), "--out", str(out), *extra]
        result = seconds(call, dict(os.environ), computing.setdefault(name, []))
        if name == FEATURES:
            again.append(seconds(call, dict(os.environ), computing.setdefault(AGAIN, [])))
        return result

    ways: dict[str, Any] = {
        FEATURES: partial(audit, FEATURES, []),
        TRAINING: partial(audit, TRAINING, ["--training"]),
    }
    if arguments.cleanlab:
        ways[CLEANLAB] = partial(cleanlab, data, folder, arguments.quick, computing.setdefault(CLEANLAB, []))
    times = alternate(ways, 1 if arguments.quick else arguments.rounds)
    times[AGAIN] = again
    found = {name: f"{average_precision(data, folder / name / 'suspects.csv'):.3f}" for name in (FEATURES, TRAINING)}
    if arguments.cleanlab:
        found[CLEANLAB] = f"{average_precision(data, folder / 'cleanlab.csv'):.3f}"
    show(
        f"From pictures to page: an audit of {faces} drawn faces of {side} px, without caches",
        [
            "method",
            "seconds, median (min to max)",
            f"times `{FEATURES}`",
            "processor seconds",
            f"times `{FEATURES}`",
            "average precision",
        ],
        [
            [
                name,
                spread(times[name], 1),
                spread(ratios(times[name], times[FEATURES]), 2),
                spread(computing[name], 1),
                spread(ratios(computing[name], computing[FEATURES]), 2),
                found.get(name, ""),
            ]
            for name in (FEATURES, AGAIN, *list(ways)[1:])
        ],
    )
    verdict(f"audit: a repeated call in under {BAR_AGAIN:g} s", median(again) < BAR_AGAIN, again, "s")
    faster = ratios(times[TRAINING], times[FEATURES])
    verdict(f"audit: at least {BAR:g} times faster than the training that it replaces", median(faster) >= BAR, faster)


def forget(data: Path) -> None:
    """Delete the decoded pictures and the features."""
    shutil.rmtree(data / ".cache", ignore_errors=True)


def cleanlab(data: Path, folder: Path, quick: bool, computing: list[float]) -> float:
    """Find label issues as cleanlab's documentation describes, with five trainings; return the seconds."""
    import pandas as pd

    from bimodal.data.manifest import Manifest
    from bimodal.experiments.label_noise.detectors import detect_cleanlab
    from bimodal.experiments.label_noise.evidence import FOLD_FILES, read_evidence
    from bimodal.experiments.label_noise.trainings import train_fold
    from bimodal.label_audit.settings import audit_settings

    out = folder / "folds"
    shutil.rmtree(out, ignore_errors=True)
    forget(data)
    start, before = time.perf_counter(), time.process_time()
    manifest = Manifest.read(data)
    rows = manifest.rows("train")
    settings = audit_settings(len(rows), changes={"epochs": 1} if quick else {})
    out.mkdir()
    for fold in range(FOLDS):
        train_fold(data, out / FOLD_FILES[fold], settings, fold)
    score = detect_cleanlab(read_evidence(out, manifest, settings.seed), "prune_by_noise_rate").score
    computing.append(time.process_time() - before)
    result = time.perf_counter() - start
    table = pd.DataFrame({"image": manifest.table["image"].iloc[rows], "score": score})
    table.sort_values("score", ascending=False).to_csv(folder / "cleanlab.csv", index=False)
    return result


def average_precision(data: Path, ranking: Path) -> float:
    """Return how well a ranked table finds the wrong labels that were drawn; a picture without a face has a wrong label."""
    import numpy as np
    import pandas as pd
    from sklearn.metrics import average_precision_score

    truth = pd.read_csv(data / "manifest.csv", keep_default_na=False).set_index("image")
    images = pd.read_csv(ranking)["image"]
    wrong = (truth["label"] != truth["true_label"])[images]
    return float(average_precision_score(wrong, -np.arange(len(images))))


if __name__ == "__main__":
    main()
