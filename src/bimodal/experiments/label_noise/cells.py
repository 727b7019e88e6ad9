"""Which faces, how many, and what is wrong with their labels: a cell of the study's table, with one seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bimodal.data.views import percent_of

Faces = Literal["clean", "own", "drawn", "photographs"]
"""`clean`: FER2013 labelled by nearly all of FERPlus's taggers; `own`: FER2013 with its own labels."""
Pattern = Literal["symmetric", "confusions", "own"]
"""Wrong labels: every other emotion alike; as people confuse them; or those that the set came with."""
SMALL, LARGE = 891, 5000
LEVELS = (0.0, 0.05, 0.1, 0.2, 0.4)
LARGE_LEVELS = (0.0, 0.2, 0.4)
RARE = "happy"
"""The common emotion of which nine tenths are left out, to see whether rare is taken for wrong."""


@dataclass(frozen=True, order=True)
class Cell:
    """One training set.

    Attributes:
        faces: where they come from.
        size: how many training faces; 0: all.
        pattern: of the wrong labels.
        noise: share of wrong labels that were made, 0 to 0.9; 0 where they are the set's own.
        rare: an emotion that was cut to a tenth, or `""`.
        seed: of the sample, the wrong labels and the training.
    """

    faces: Faces
    size: int
    pattern: Pattern
    noise: float
    rare: str
    seed: int

    @property
    def condition(self) -> str:
        """The cell without its seed, as folders are called.

        >>> Cell("clean", 891, "symmetric", 0.2, "", 1).condition
        'clean-891-symmetric-20'
        """
        wrong = self.pattern if self.pattern == "own" else f"{self.pattern}-{percent_of(self.noise)}"
        return f"{self.faces}-{self.size or 'all'}-{wrong}{'-rare-' + self.rare if self.rare else ''}"

    @property
    def name(self) -> str:
        """The cell, as its folder is called."""
        return f"{self.condition}/seed-{self.seed}"


def all_cells(seeds: int = 3, fer: bool = True, photographs: bool = True) -> list[Cell]:
    """Return the cells of the whole study, those of the first seed first.

    >>> len(all_cells(1)), all_cells(1)[0].name
    (24, 'clean-891-symmetric-0/seed-0')
    """
    return [cell for seed in range(seeds) for cell in _of_seed(seed, fer, photographs)]


def _of_seed(seed: int, fer: bool, photographs: bool) -> Iterator[Cell]:
    if fer:
        yield from _grid("clean", SMALL, LEVELS, ("symmetric", "confusions"), seed)
        yield from _grid("clean", LARGE, LARGE_LEVELS, ("symmetric", "confusions"), seed)
        yield Cell("own", LARGE, "own", 0.0, "", seed)
        yield Cell("clean", LARGE, "symmetric", 0.2, RARE, seed)
        yield Cell("clean", LARGE, "confusions", 0.2, RARE, seed)
    yield from _grid("drawn", SMALL, LEVELS, ("symmetric",), seed)
    if photographs:
        yield Cell("photographs", 0, "own", 0.0, "", seed)
    if fer and seed == 0:
        yield Cell("own", 0, "own", 0.0, "", seed)


def _grid(
    faces: Faces, size: int, levels: tuple[float, ...], patterns: tuple[Pattern, ...], seed: int
) -> Iterator[Cell]:
    for noise in levels:
        for pattern in patterns if noise else patterns[:1]:  # no wrong labels are the same whatever their pattern
            yield Cell(faces, size, pattern, noise, "", seed)
