"""The page of suspects."""

from pathlib import Path

from bimodal.audit.suspects import Suspects
from bimodal.data.manifest import Manifest
from bimodal.train.run import Run


def write_page(run: Run, manifest: Manifest, suspects: Suspects, file: Path) -> None:
    """Write it."""
    file.write_text("")
