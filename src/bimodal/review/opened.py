"""An audit folder, opened for review: its faces, its judgement, and the model that learns from decisions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import Embedder
from bimodal.inference.embed import choose_embedder
from bimodal.label_audit.audit import audit
from bimodal.label_audit.judge import frozen_evidence
from bimodal.label_audit.mark import MARK, Mark
from bimodal.label_audit.ranking import LabelRanking
from bimodal.label_audit.settings import AuditSettings
from bimodal.removal.noise_model import LabelNoise
from bimodal.review.models import FeatureModel, FixedModel, LabelModel
from bimodal.review.ranking import Ranker

LEARNS_UP_TO = 100_000
"""Labels that the model is fitted to again after each decision: seconds, and a gigabyte."""


@dataclass(frozen=True, eq=False)
class OpenAudit:
    """An audit to review.

    Attributes:
        folder: the audit folder.
        manifest: its faces.
        settings: how the audit judges labels.
        audited: the training labels as the audit ranks them, with the decisions that it was given.
    """

    folder: Path
    manifest: Manifest
    settings: AuditSettings
    audited: LabelRanking

    @classmethod
    def open(cls, folder: str | Path, data: str | Path | None = None) -> Self:
        """Open an audit; what is missing in it is computed first.

        Args:
            folder: written by `bimodal audit`.
            data: its data folder; None: where it was when the audit was made.

        Raises:
            InputError: this is no audit folder, or its data folder has moved or changed.
        """
        path = Path(folder)
        if not (path / MARK).is_file():
            raise InputError(f"expected an audit folder (with {MARK}) at {path}; make one with bimodal audit")
        mark = Mark.read(path)
        if data is None and not mark.data.is_dir():
            raise InputError(
                f"the data folder of {path} has moved; repeat bimodal audit DATA --out {path} with its new place"
            )
        faces = mark.data if data is None else Path(data)
        result = audit(faces, path)
        return cls(path, result.manifest, mark.settings, result.ranking)

    @property
    def learns(self) -> bool:
        """Whether the model is fitted again after each decision; of other audits, decisions only correct the log-odds.

        Those are audits with a training, and those of more than `LEARNS_UP_TO` labels, for which a fit takes too long.
        """
        is_small = len(self.audited.rows) <= LEARNS_UP_TO
        return is_small and self.settings.method == "features" and isinstance(self.audited.issues, LabelNoise)

    def embedder(self) -> Embedder:
        """Return the frozen network of the audit; for an audit by a training from random weights, the packaged one."""
        settings = self.settings
        return choose_embedder(settings.model, settings.backbone, settings.weights, settings.image_size)

    def ranker(self) -> Ranker:
        """Return a new ranking of the faces, by features where the audit has judged by features; it takes seconds."""
        rows = self.manifest.rows("train").astype(np.int64)
        labels = self.manifest.labels[rows]
        if not self.learns:
            return Ranker(self.manifest, FixedModel(self.audited.judgement, rows, labels))
        evidence = frozen_evidence(self.manifest, self.embedder(), rows)
        model: LabelModel = FeatureModel(evidence, labels, self.settings.seed)
        return Ranker(self.manifest, model)
