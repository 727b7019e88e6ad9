"""An audit folder, opened for review: its faces, its judgement, and the model that learns from decisions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.features.embedder import Embedder
from bimodal.inference.embed import choose_embedder
from bimodal.label_audit.audit import MARK, audit
from bimodal.label_audit.judge import frozen_evidence
from bimodal.label_audit.ranking import LabelRanking
from bimodal.label_audit.settings import AuditSettings
from bimodal.removal.noise_model import LabelNoise
from bimodal.review.models import FeatureModel, FixedModel, LabelModel
from bimodal.review.ranking import Ranker

_MAX_MARK_BYTES = 2**20


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
        mark = path / MARK
        if not mark.is_file() or mark.stat().st_size > _MAX_MARK_BYTES:
            raise InputError(f"expected an audit folder (with {MARK}) at {path}; make one with bimodal audit")
        try:
            content = json.loads(mark.read_text(encoding="utf-8"))
            recorded, settings = content.get("data"), AuditSettings.from_dict(content["settings"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{mark} is damaged; replace the audit with bimodal audit --overwrite") from error
        if data is None and (not isinstance(recorded, str) or not Path(recorded).is_dir()):
            raise InputError(
                f"the data folder of {path} has moved; repeat bimodal audit DATA --out {path} with its new place"
            )
        faces = Path(str(recorded) if data is None else data)
        result = audit(faces, path)
        return cls(path, Manifest.read(faces), settings, result.ranking)

    @property
    def learns(self) -> bool:
        """Whether the model is fitted again after each decision: an audit with a training only corrects its log-odds."""
        return self.settings.method == "features" and isinstance(self.audited.issues, LabelNoise)

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
