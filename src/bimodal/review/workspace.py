"""What the page shows: an audit that is made first where there is none, and then reviewed."""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bimodal.data.manifest import FILE as MANIFEST
from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.label_audit.audit import MARK, audit
from bimodal.label_audit.neighbours import COUNT, nearest, trusted_labels
from bimodal.progress import LOGGER, Progress
from bimodal.review.board import Board, FaceTable
from bimodal.review.faces import FacePictures
from bimodal.review.live_ranking import LiveRanking
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store
from bimodal.review.thresholds import Measure, measures_of

AUDIT_ENDING = "-audit"


class NotReadyError(Exception):
    """The audit has not ended yet."""


@dataclass(frozen=True)
class Work:
    """What the server is doing until the review can begin.

    Attributes:
        state: `working`, `ready` or `failed`.
        what: the present step, or why it failed.
        done, total: finished and all items of the step; 0 if unknown.
    """

    state: str
    what: str = ""
    done: int = 0
    total: int = 0


class Review:
    """An audit under review.

    Attributes:
        opened: the audit.
        store: the decisions.
        faces: what does not change.
        pictures: of the faces.
        live: the ranking.
    """

    def __init__(self, folder: Path, data: Path | None) -> None:
        """Open an audit folder and its decisions.

        Raises:
            InputError: the audit, its data or its decisions cannot be used.
        """
        self.opened = OpenAudit.open(folder, data)
        self.faces = FaceTable.of(self.opened.manifest, self.opened.audited)
        self.pictures = FacePictures(self.opened.manifest)
        self.store = Store.open(folder)
        self.live = LiveRanking(self.opened.ranker(), self.store)
        self._board: Board | None = None
        self._measures: tuple[Board, tuple[Measure, ...]] | None = None
        judgement = self.opened.audited.judgement
        self._features = judgement.features - judgement.features.mean(axis=0)
        self._trusted = trusted_labels(judgement.issues, judgement.labels)

    @property
    def board(self) -> Board:
        """All faces with the latest ranking and the latest decisions."""
        version, ranking = self.live.latest
        board = self._board
        if board is None or (board.version, board.count) != (version, self.store.count):
            board = self._board = Board.of(self.faces, version, ranking, self.store)
        return board

    def measures(self, board: Board) -> tuple[Measure, ...]:
        """Return the scores with the lines of the rules; those of the same board are kept."""
        kept = self._measures
        if kept is None or kept[0] is not board:
            kept = self._measures = (board, measures_of(board))
        return kept[1]

    def evidence(self, row: int) -> list[tuple[str, list[int]]]:
        """Return the most similar faces with trusted labels, of the given and of the suggested label of a training face."""
        if self.faces.splits[row] != "train":
            return []
        ranking, judgement = self.live.latest[1], self.opened.audited.judgement
        position = int(np.searchsorted(judgement.rows, row))
        suggested = int(ranking.suggested[ranking.position(row)])
        found = []
        for code in dict.fromkeys((int(self.faces.labels[row]), suggested)):
            among = self._trusted & (judgement.labels == code)
            near = nearest(self._features, np.array([position]), among, COUNT)[0]
            found.append((NAMES[code], judgement.rows[near].tolist()))
        return found

    def close(self) -> None:
        """Stop the background work and close the decisions."""
        self.live.close()
        self.store.close()


class Workspace:
    """The review of one audit folder; it is made ready in a thread of its own, so that the page can show the progress."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        """Name the audit.

        Args:
            folder: the audit folder; it is made first if there is none.
            data: its data folder; None: where it was when the audit was made.
        """
        self.folder, self.data = folder, data
        self._work = Work("working", "reading the faces")
        self._review: Review | None = None
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        """The name of the data folder, as the page shows it."""
        review = self._review
        name = review.opened.manifest.root.name if review is not None else (self.data or self.folder).name
        return name.encode(errors="replace").decode()

    @property
    def work(self) -> Work:
        """What is being done."""
        return self._work

    @property
    def review(self) -> Review:
        """The review.

        Raises:
            NotReadyError: the audit has not ended yet, or it has failed.
        """
        if self._review is None:
            raise NotReadyError(self._work.what)
        return self._review

    def start(self) -> None:
        """Make the review ready in the background."""
        threading.Thread(target=self.prepare, name="audit", daemon=True).start()

    def prepare(self) -> None:
        """Audit the faces where needed, and open the review; `work` says how far it is, and why it failed."""
        handler = _Steps(self)
        LOGGER.addHandler(handler)
        try:
            if self.data is not None and not (self.folder / MARK).is_file():
                audit(self.data, self.folder)
            review = Review(self.folder, self.data)
            self._review, self._work = review, Work("ready")
        except (InputError, OSError, MemoryError) as error:
            why = str(error) or type(error).__name__
            LOGGER.error("%s", why)
            self._work = Work("failed", why)  # after the message, which is a step itself
        except BaseException as error:
            self._work = Work("failed", f"a defect of bimodal: {type(error).__name__}: {error}")
            raise
        finally:
            LOGGER.removeHandler(handler)

    def close(self) -> None:
        """End the review."""
        if self._review is not None:
            self._review.close()


class _Steps(logging.Handler):
    """Keeps the last record of progress for the page."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(logging.DEBUG)
        self._workspace = workspace

    def emit(self, record: logging.LogRecord) -> None:
        progress: Any = getattr(record, "progress", None)
        if isinstance(progress, Progress):
            self._workspace._work = Work("working", progress.what, progress.done, progress.total or 0)
        elif record.levelno >= logging.INFO:
            self._workspace._work = Work("working", record.getMessage())


def folders_of(path: Path, out: Path | None) -> tuple[Path, Path | None]:
    """Return the audit folder and the data folder that a user means by one path.

    Args:
        path: a data folder or an audit folder.
        out: the audit folder of a data folder; None: beside it, with the ending `-audit`.

    Raises:
        InputError: the path is neither, or there are two audit folders.
    """
    if (path / MARK).is_file():
        if out is not None:
            raise InputError(f"{path} is an audit folder, so --out says nothing; leave it out")
        return path, None
    if not (path / MANIFEST).is_file():
        raise InputError(
            f"expected a data folder (with {MANIFEST}) or an audit folder (with {MARK}), but {path} is neither; "
            "make one: bimodal prepare SOURCE DATA"
        )
    whole = Path(os.path.abspath(path))
    return out or whole.with_name(whole.name + AUDIT_ENDING), path
