"""Whether the decisions of a review help: trainings on the labels before and after, compared on the test faces."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.comparison import Comparison, compare
from bimodal.features.fold_probes import FoldProbes
from bimodal.features.probe import Probe
from bimodal.features.store import features_of
from bimodal.label_audit.audit import CLEANED
from bimodal.review.cleaned import rounds_of
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store
from bimodal.review.train_process import train_elsewhere
from bimodal.runs.run import Run

BEFORE, AFTER, TRAINED = "before the review", "after the review", "trained"
_SAME = "no decision removes or relabels a face yet, so both trainings would be the same"


def compare_probes(opened: OpenAudit, store: Store) -> Comparison:
    """Compare regressions on the features of the audit's network, in seconds. `compare_trainings` says what is compared.

    Raises:
        InputError: the decisions change nothing, there are no test faces, or too few training faces are left.
    """
    manifest = opened.manifest
    test = _test_rows(manifest)
    features = features_of(manifest, opened.embedder()).values
    before = manifest.rows("train").astype(np.int64)
    after, labels = rounds_of(opened, store).judged(manifest)
    if np.array_equal(before, after) and np.array_equal(manifest.labels[before], labels):
        raise InputError(_SAME)
    given = ((before, manifest.labels[before]), (after, labels))
    right = []
    for rows, codes in given:
        values = np.asarray(features[rows], dtype=np.float32)
        penalty = FoldProbes(values, codes, len(NAMES), seed=opened.settings.seed).inverse_penalty
        probe = Probe.fit(values, codes, len(NAMES), penalty)
        predicted = probe.predict(np.asarray(features[test], dtype=np.float32)).argmax(axis=1)
        right.append(predicted == manifest.labels[test])
    return compare(right[0], right[1], BEFORE, AFTER)


def compare_trainings(opened: OpenAudit, seeds: int = 1, is_stopped: Callable[[], bool] = lambda: False) -> Comparison:
    """Train the preset `face` on the audited data and on the written cleaned set, and compare both on the same test faces.

    Finished runs of the same faces are kept in the folder `trained` of the audit, so a second call trains on the cleaned set
    alone, and one after a call that was stopped continues.

    Args:
        opened: the audit; `write_cleaned_set` has been called.
        seeds: trainings of each.
        is_stopped: is asked several times a second whether to stop.

    Raises:
        InputError: there is no cleaned set, it equals the audited data, or there are no test faces.
        StoppedError: `is_stopped` has said so.
        OSError: the disk is full.
    """
    _test_rows(opened.manifest)
    cleaned = opened.folder / CLEANED
    if not cleaned.is_dir():
        raise InputError(f"expected cleaned data at {cleaned}, found none; write the cleaned set first")
    faces = {"before": opened.manifest, "after": Manifest.read(cleaned)}
    if faces["after"].fingerprint == opened.manifest.fingerprint:
        raise InputError(_SAME)
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in faces}
    for number, (seed, name) in enumerate(product(range(seeds), faces), start=1):
        what = f"training {number} of {2 * seeds}, on the labels {name} the review"
        right[name].append(_trained(opened, faces[name], name, seed, what, is_stopped))
    return compare(np.array(right["before"]), np.array(right["after"]), BEFORE, AFTER)


def _trained(
    opened: OpenAudit,
    manifest: Manifest,
    name: str,
    seed: int,
    what: str,
    is_stopped: Callable[[], bool],
) -> NDArray[np.bool_]:
    """Train once, unless that has been done, and return which test faces are predicted rightly."""
    out = opened.folder / TRAINED / f"{name}-seed-{seed}"
    train_elsewhere(manifest.root, out, {"preset": "face", "removal": "none", "seed": seed}, what, is_stopped)
    predictions = Run.open(out).predictions("test")
    return np.asarray((predictions["label"] == predictions["predicted"]).to_numpy(dtype=bool))


def _test_rows(manifest: Manifest) -> NDArray[np.int64]:
    rows = manifest.rows("test").astype(np.int64)
    if not len(rows):
        raise InputError(f"{manifest.root} has no test faces, so nothing can be compared on them")
    return rows
