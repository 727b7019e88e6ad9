"""What the page shows: an audit that is made first where there is none, and then reviewed."""

import os
import threading
from dataclasses import replace
from pathlib import Path

from bimodal.data.manifest import FILE as MANIFEST
from bimodal.errors import InputError
from bimodal.label_audit.audit import audit
from bimodal.label_audit.mark import MARK
from bimodal.model_files.network import Network
from bimodal.review.board import Board, FaceTable
from bimodal.review.decision_log import RELABEL, REMOVE
from bimodal.review.evidence import EvidenceFinder, FaceEvidence
from bimodal.review.exchange import take_over_rounds
from bimodal.review.face_map import FaceMap
from bimodal.review.faces import FacePictures
from bimodal.review.live_ranking import LiveRanking
from bimodal.review.opened import OpenAudit
from bimodal.review.steps import Job, Work
from bimodal.review.store import Store
from bimodal.review.thresholds import Measure, measures_of

AUDIT_ENDING = "-audit"


class NotReadyError(Exception):
    """The audit has not ended yet."""


class Review:
    """An audit under review.

    Attributes:
        opened: the audit.
        store: the decisions.
        faces: what does not change.
        pictures: of the faces.
        live: the ranking.
        job: what a reviewer has started, such as a comparison.
        face_map: the training faces as points.
    """

    def __init__(self, folder: Path, data: Path | None) -> None:
        """Open an audit folder and its decisions, those of earlier rounds included.

        Raises:
            InputError: the audit, its data or its decisions cannot be used.
        """
        self.opened = OpenAudit.open(folder, data)
        self.pictures = FacePictures(self.opened.manifest)
        self.store = Store.open(folder)
        take_over_rounds(self.store, self.opened)
        faces = FaceTable.of(self.opened.manifest, self.opened.audited)
        # an audit tests the labels that are left: a few wrong ones are no evidence to it, but reviewers have found others
        found_wrong = any(each.decision.decision in (RELABEL, REMOVE) for each in self.store.log.all_merged())
        self.faces = replace(faces, has_issues=faces.has_issues or found_wrong)
        self.live = LiveRanking(self.opened.ranker(), self.store)
        self.job = Job("starting")
        self.face_map = FaceMap(self.opened)
        self._finder = EvidenceFinder(self.opened)
        version, ranking = self.live.latest
        self._board = Board.begin(self.faces, version, ranking)
        self._board_lock = threading.Lock()
        self._measures: tuple[Board, tuple[Measure, ...]] | None = None

    @property
    def board(self) -> Board:
        """All faces with the latest ranking and the latest decisions."""
        with self._board_lock:  # many callers at the same time need one board
            version, ranking = self.live.latest
            log, board = self.store.log, self._board
            if (board.version, board.log) != (version, log):
                board = self._board = board.after(version, ranking, log)
            return board

    def measures(self, board: Board) -> tuple[Measure, ...]:
        """Return the scores with the lines of the rules; those of the same board are kept."""
        kept = self._measures
        if kept is None or kept[0] is not board:
            kept = self._measures = (board, measures_of(board))
        return kept[1]

    def evidence(self, board: Board, row: int) -> FaceEvidence | None:
        """Return why a label is suspected; None for a validation or test face."""
        if self.faces.splits[row] != "train":
            return None
        return self._finder.find(row, board.ranking, board.true_labels[board.ranking.rows])

    def close(self) -> None:
        """Stop the background work and close the decisions."""
        self.job.stop()
        self.live.close()
        self.face_map.close()
        self.store.close()


class Workspace:
    """The review of one audit folder; it is made ready in a thread of its own, so that the page can show the progress."""

    def __init__(
        self,
        folder: Path,
        data: Path | None = None,
        detector: Path | None = None,
        network: Network | None = None,
    ) -> None:
        """Name the audit.

        Args:
            folder: the audit folder; it is made first if there is none.
            data: its data folder; None: where it was when the audit was made.
            detector: the face detector for pictures that are uploaded; None: downloaded once.
            network: the network that predicts them, unless the page names a run; None: the packaged one.
        """
        self.folder, self.data, self.detector, self.network = folder, data, detector, network
        self._job = Job("reading the faces")
        self._review: Review | None = None

    @property
    def name(self) -> str:
        """The name of the data folder, as the page shows it."""
        review = self._review
        name = review.opened.manifest.root.name if review is not None else (self.data or self.folder).name
        return name.encode(errors="replace").decode()

    @property
    def work(self) -> Work:
        """How far the audit is."""
        return self._job.work

    @property
    def review(self) -> Review:
        """The review.

        Raises:
            NotReadyError: the audit has not ended yet, or it has failed.
        """
        if self._review is None:
            raise NotReadyError(self.work.what or "it has not begun")
        return self._review

    def start(self) -> None:
        """Make the review ready in the background."""
        self._job.start(self._open)

    def prepare(self) -> None:
        """Audit the faces where needed, and open the review; `work` says how far it is, and why it failed."""
        self._job.run(self._open)

    def close(self) -> None:
        """End the review."""
        if self._review is not None:
            self._review.close()

    def _open(self) -> str:
        if self.data is not None and not (self.folder / MARK).is_file():
            audit(self.data, self.folder)
        self._review = Review(self.folder, self.data)
        return ""


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
