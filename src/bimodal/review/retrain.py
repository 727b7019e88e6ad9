"""Whether the decisions of a review help: trainings on the labels before and after, compared on the test faces."""

from dataclasses import replace

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
from bimodal.progress import inform
from bimodal.review.cleaned import rounds_of
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store

BEFORE, AFTER, TRAINED = "before the review", "after the review", "trained"


def compare_probes(opened: OpenAudit, store: Store) -> Comparison:
    """Compare regressions on the features of the audit's network, in seconds. `compare_trainings` says what is compared.

    Raises:
        InputError: there are no test faces, or too few training faces are left.
    """
    manifest = opened.manifest
    test = _test_rows(manifest)
    features = features_of(manifest, opened.embedder()).values
    before = manifest.rows("train").astype(np.int64)
    after, labels = rounds_of(opened, store).judged(manifest)
    given = ((before, manifest.labels[before]), (after, labels))
    right = []
    for rows, codes in given:
        values = np.asarray(features[rows], dtype=np.float32)
        penalty = FoldProbes(values, codes, len(NAMES), seed=opened.settings.seed).inverse_penalty
        probe = Probe.fit(values, codes, len(NAMES), penalty)
        predicted = probe.predict(np.asarray(features[test], dtype=np.float32)).argmax(axis=1)
        right.append(predicted == manifest.labels[test])
    return compare(right[0], right[1], BEFORE, AFTER)


def compare_trainings(opened: OpenAudit, seeds: int = 1, epochs: int | None = None) -> Comparison:
    """Train the preset `face` on the audited data and on the written cleaned set, and compare both on the same test faces.

    Finished runs of the same faces are kept in the folder `trained` of the audit, so a second call trains on the cleaned set
    alone.

    Args:
        opened: the audit; `write_cleaned_set` has been called.
        seeds: trainings of each.
        epochs: of each training; None: the preset's.

    Raises:
        InputError: there is no cleaned set, or there are no test faces.
        OSError: the disk is full.
    """
    _test_rows(opened.manifest)
    cleaned = opened.folder / CLEANED
    if not cleaned.is_dir():
        raise InputError(f"expected cleaned data at {cleaned}, found none; write the cleaned set first")
    faces = {"before": opened.manifest, "after": Manifest.read(cleaned)}
    right = {
        name: np.array([_trained(opened, name, manifest, seed, epochs) for seed in range(seeds)])
        for name, manifest in faces.items()
    }
    return compare(right["before"], right["after"], BEFORE, AFTER)


def _trained(opened: OpenAudit, name: str, manifest: Manifest, seed: int, epochs: int | None) -> NDArray[np.bool_]:
    """Train once, unless that has been done, and return which test faces are predicted rightly."""
    from bimodal.runs.run import Run
    from bimodal.training.evaluate import evaluate  # loads PyTorch
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train

    settings = TrainSettings.load(changes={"preset": "face", "removal": "none", "seed": seed})
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    out = opened.folder / TRAINED / f"{name}-seed-{seed}"
    run: Run | None = None
    if (out / "config.yaml").is_file():
        run = Run.open(out)
        if not run.was_trained_on(manifest.fingerprint) or TrainSettings.from_dict(run.config) != settings:
            run = None
    if run is None or not run.is_finished:
        inform(f"training on the faces {name} the review, seed {seed}")
        run = train(manifest.root, out, settings, resume=run is not None, overwrite=run is None)
    if not (out / "predictions_test.csv").is_file():
        evaluate(run)
    predictions = run.predictions("test")
    return np.asarray((predictions["label"] == predictions["predicted"]).to_numpy(dtype=bool))


def _test_rows(manifest: Manifest) -> NDArray[np.int64]:
    rows = manifest.rows("test").astype(np.int64)
    if not len(rows):
        raise InputError(f"{manifest.root} has no test faces, so nothing can be compared on them")
    return rows
