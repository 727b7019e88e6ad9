"""The ranking of a review, fitted again in the background after each decision."""

import threading
import time

from bimodal.progress import warn
from bimodal.review.ranking import Ranker, Ranking
from bimodal.review.store import Store

_LOOK_S = 2.0
"""How often the decisions of other processes are looked for, in seconds."""
_REST_S = 1.0
"""Longest pause after a fit, which takes as long as the fit, in seconds: many reviewers would keep a processor busy with fits."""


class LiveRanking:
    """The latest ranking. One thread fits it again whenever there are new events; nobody waits for it."""

    def __init__(self, ranker: Ranker, store: Store) -> None:
        """Rank the faces with the decisions so far, and start to watch for further ones."""
        self._ranker, self._store = ranker, store
        self._latest = self._fitted()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ranking", daemon=True)
        self._thread.start()

    @property
    def latest(self) -> tuple[int, Ranking]:
        """The ranking, and the number of events that it knows."""
        return self._latest

    def notify(self) -> None:
        """Say that there are new events."""
        self._wake.set()

    def close(self) -> None:
        """Stop watching, and wait until the fit in progress has ended."""
        self._ending.set()
        self._wake.set()
        self._thread.join()

    def _fitted(self) -> tuple[int, Ranking]:
        count = self._store.count  # before the decisions are read: a later event leads to a further fit
        return count, self._ranker.update(self._store.merged())

    def _watch(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(_LOOK_S)
            self._wake.clear()
            if self._ending.is_set():
                return
            start = time.perf_counter()
            try:
                if self._store.count != self._latest[0]:
                    self._latest = self._fitted()
            except Exception as error:  # the review goes on with the last ranking
                warn(f"the ranking could not be fitted again: {error}")
            self._ending.wait(min(time.perf_counter() - start, _REST_S))  # half of the time is for those who ask
