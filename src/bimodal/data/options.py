"""The settings of `prepare`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bimodal.errors import InputError


@dataclass(frozen=True)
class PrepareOptions:
    """How `prepare` treats a source; each field is an option of the command line, described there."""

    labels: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    root: Path | None = None
    votes: Path | None = None
    label_from: str = "fer2013"
    val_share: float | None = None
    test_share: float | None = None
    seed: int = 0
    sample: str | None = None
    duplicates: str | None = None
    align: bool = False
    detector: Path | None = None
    size: int = 224
    link: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        val, test = self.val_share or 0, self.test_share or 0
        if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
            raise InputError("--val-share and --test-share must be from 0 to below 1, and leave some to train on")
        if not 16 <= self.size <= 2048:
            raise InputError(f"--size must be from 16 to 2048 pixels, got {self.size}")
        if self.seed < 0:
            raise InputError(f"--seed must be 0 or more, got {self.seed}")
        if self.link and self.align:
            raise InputError("--link keeps the pictures where they are, and --align makes new ones: choose one")
        for name, value, known in (
            ("--duplicates", self.duplicates, (None, "report", "drop")),
            ("--label-from", self.label_from, ("fer2013", "ferplus")),
        ):
            if value not in known:
                raise InputError(f"{name} expects {' or '.join(filter(None, known))}, got {value!r}")
