"""What `prepare` recorded about the source of a data folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bimodal.untrusted import read_small_json

FILE = "source.json"


@dataclass(frozen=True)
class SourceInfo:
    """The source of a data folder, from its `source.json`.

    Attributes:
        source: the path that was given to `prepare`; `""` if `prepare` did not write the folder.
        kind: such as `sfew`, `folders`, `table`, `fer2013` or `raf-db`; `""` if unknown.
        aligned: whether `prepare` aligned the faces by their landmarks; False if unknown.
    """

    source: str = ""
    kind: str = ""
    aligned: bool = False

    @classmethod
    def read(cls, data: Path) -> Self:
        """Read the record of a data folder; a missing or damaged one gives the defaults."""
        try:
            content = read_small_json(data / FILE)
        except (OSError, ValueError):
            return cls()
        options = content.get("options")
        aligned = isinstance(options, dict) and options.get("align") is True
        return cls(str(content.get("source", "")), str(content.get("kind", "")), aligned)
