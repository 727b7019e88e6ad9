"""The training faces as points: places by features, near-duplicates, and selections to review."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess

import numpy as np
from numpy.typing import NDArray

from bimodal.data.near_duplicates import similar_groups, thumbnails_of
from bimodal.errors import InputError
from bimodal.review.map_layout import METHODS, Places, layout_elsewhere, principal_components, problem_of
from bimodal.review.opened import OpenAudit
from bimodal.review.steps import Job, Work

MAX_SELECTIONS = 50
_SEARCHING = "looking for near-duplicates"
_IDLE, _READY = "idle", Work("ready")
_WORDS = {
    "pca": "computing the places",
    "tsne": "computing t-SNE",
    "umap": "computing UMAP; the first time takes minutes",
}


class FaceMap:
    """The map of one audit: nothing is computed before it is asked for, and everything once. Threads may share it."""

    def __init__(self, opened: OpenAudit) -> None:
        """Take the training faces of an audit."""
        judgement = opened.audited.judgement
        self._manifest, self.rows, self._features = opened.manifest, judgement.rows, judgement.features
        self._places: dict[str, Places] = {}
        self._jobs = {method: Job(_WORDS[method]) for method in METHODS}
        self._processes: list[BaseProcess] = []
        self._duplicates: list[list[int]] = []
        self._search = Job(_SEARCHING)
        self._selections: OrderedDict[str, NDArray[np.int64]] = OrderedDict()
        self._lock = threading.Lock()

    def places(self, method: str) -> tuple[Work, Places | None]:
        """Return how far a layout is, and the places of the faces in `rows`, (n,2), once they are there.

        The first call starts the work, as does one after a call that has said why it failed; PCA is there at once.

        Args:
            method: one of `METHODS`.
        """
        problem = problem_of(method, len(self.rows))
        if problem:
            return Work("failed", problem), None
        with self._lock:
            if method == "pca" and method not in self._places:
                self._places[method] = principal_components(self._features.astype(np.float32))
            if method in self._places:
                return _READY, self._places[method]
            job = self._jobs[method]
            if job.work.state == _IDLE:
                job.start(lambda: self._compute(method))
            work = job.work
            if work.state == "failed":
                self._jobs[method] = Job(_WORDS[method])
            return work, None

    def duplicates(self) -> tuple[Work, list[list[int]]]:
        """Return how far the search for near-duplicates is, and the rows of each group; it is started as in `places`."""
        with self._lock:
            if self._search.work.state == _IDLE:
                self._search.start(self._find_duplicates)
            work = self._search.work
            if work.state == "failed":
                self._search = Job(_SEARCHING)
            return work, self._duplicates if work.state == "ready" else []

    def select(self, rows: Sequence[int]) -> str:
        """Keep a selection of faces for the review, and return its name; the last 50 are kept.

        Raises:
            InputError: there is no such row.
        """
        chosen = np.unique(np.asarray(rows, dtype=np.int64))
        if not len(chosen) or not 0 <= chosen[0] <= chosen[-1] < len(self._manifest):
            raise InputError(f"expected rows from 0 to {len(self._manifest) - 1}")
        name = secrets.token_hex(8)
        with self._lock:
            self._selections[name] = chosen
            while len(self._selections) > MAX_SELECTIONS:
                self._selections.popitem(last=False)
        return name

    def selection(self, name: str) -> NDArray[np.int64]:
        """Return the rows of a selection.

        Raises:
            InputError: there is none of this name.
        """
        with self._lock:
            chosen = self._selections.get(name)
        if chosen is None:
            raise InputError("the selection is gone, because the server was started again; select on the map again")
        return chosen

    def close(self) -> None:
        """End the processes that compute."""
        for process in self._processes:
            with suppress(ValueError):
                process.kill()

    def _compute(self, method: str) -> str:
        places = layout_elsewhere(self._features.astype(np.float32), method, self._processes.append)
        with self._lock:
            self._places[method] = places
        return ""

    def _find_duplicates(self) -> str:
        manifest = self._manifest
        groups: dict[int, list[int]] = {}
        thumbnails = thumbnails_of([manifest.picture(row) for row in range(len(manifest))])
        for row, group in enumerate(similar_groups(thumbnails)):
            if group is not None:
                groups.setdefault(group, []).append(row)
        labels = manifest.labels
        # two labels for one picture are the surest sign of a wrong one
        self._duplicates = sorted(groups.values(), key=lambda rows: (len(set(labels[rows])) == 1, rows[0]))
        return ""
