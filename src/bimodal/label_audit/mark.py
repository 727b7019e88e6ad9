"""The file by which an audit folder is recognised: its data, and its settings."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.files import write_text
from bimodal.label_audit.settings import AuditSettings
from bimodal.untrusted import read_small_json
from bimodal.version import __version__

MARK = "audit.json"


@dataclass(frozen=True)
class Mark:
    """What an audit is of.

    Attributes:
        data: the data folder, absolute.
        fingerprint: of its table and pictures.
        settings: how its labels are judged.
    """

    data: Path
    fingerprint: str
    settings: AuditSettings

    @classmethod
    def read(cls, out: Path) -> Self:
        """Read the mark of an audit folder.

        Raises:
            InputError: it is missing or damaged.
        """
        file = out / MARK
        try:
            content = read_small_json(file)
            data, fingerprint, settings = (content[key] for key in ("data", "data_fingerprint", "settings"))
            if isinstance(data, str) and "\0" not in data and isinstance(fingerprint, str):
                return cls(Path(data), fingerprint, AuditSettings.from_dict(settings))
            raise TypeError("data and data_fingerprint must be text")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{file} is damaged ({error}); replace the audit with bimodal audit --overwrite"
            ) from error

    def write(self, out: Path) -> None:
        """Write the mark into an audit folder."""
        content = {
            "bimodal": __version__,
            "data": os.fspath(self.data),
            "data_fingerprint": self.fingerprint,
            "settings": self.settings.to_dict(),
        }
        write_text(out / MARK, json.dumps(content, indent=1) + "\n")

    @classmethod
    def of(cls, manifest: Manifest, settings: AuditSettings) -> Self:
        """Return the mark of an audit of some faces."""
        return cls(Path(os.path.abspath(manifest.root)), manifest.fingerprint, settings)
