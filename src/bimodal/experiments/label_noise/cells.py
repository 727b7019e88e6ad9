"""The cells of the study: each is one training set with known wrong labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bimodal.data.views import percent_of

Faces = Literal["clean", "own", "public-clean", "public-own", "drawn", "photographs"]
"""`clean`: faces of FER2013 with the label on which nearly all taggers of FERPlus agree. `own`: FER2013 with the labels that
it came with. `public-clean`, `public-own`: the same for its PublicTest, on which the packaged network was not trained.
`drawn`: synthetic faces. `photographs`: a set of the user."""
Pattern = Literal["symmetric", "confusions", "own"]
"""Wrong labels: every other emotion with the same probability; as FER2013 confuses emotions; those that the set came with."""
SMALL, LARGE = 891, 5000
LEVELS = (0.0, 0.05, 0.1, 0.2, 0.4)
LARGE_LEVELS = (0.0, 0.2, 0.4)
FEATURE_LEVELS = (0.05, 0.2, 0.4)
"""Noise levels of the training sets for the methods on features of the packaged network."""
RARE = "happy"
"""The emotion that is cut to a tenth, to see whether methods take rare labels for wrong ones."""


@dataclass(frozen=True, order=True)
class Cell:
    """One training set.

    Attributes:
        faces: the source of the faces.
        size: number of training faces; 0: all.
        pattern: pattern of the wrong labels.
        noise: share of labels made wrong, 0 to 0.9; 0 for the labels that a set came with.
        rare: the emotion that is cut to a tenth, or `""`.
        seed: random seed of the sample, the wrong labels and the training.
    """

    faces: Faces
    size: int
    pattern: Pattern
    noise: float
    rare: str
    seed: int

    @property
    def condition(self) -> str:
        """Everything but the seed, as a folder name.

        >>> Cell("clean", 891, "symmetric", 0.2, "", 1).condition
        'clean-891-symmetric-20'
        """
        wrong = self.pattern if self.pattern == "own" else f"{self.pattern}-{percent_of(self.noise)}"
        return f"{self.faces}-{self.size or 'all'}-{wrong}{'-rare-' + self.rare if self.rare else ''}"

    @property
    def name(self) -> str:
        """Condition and seed, as the path of its folders."""
        return f"{self.condition}/seed-{self.seed}"

    @property
    def has_wrong_labels(self) -> bool:
        """Whether some labels are wrong."""
        return self.noise > 0 or self.pattern == "own"

    @property
    def allows_features(self) -> bool:
        """Whether the packaged network was not trained on these faces, so that its features can judge their labels."""
        return self.faces not in ("clean", "own")

    @property
    def compares_removals(self) -> bool:
        """Whether the study also trains with removal, and again without the labels that were found."""
        if self.faces == "photographs":
            return self.pattern == "own"
        return not self.faces.startswith("public") and (self.faces != "drawn" or self.pattern == "symmetric")


def all_cells(seeds: int = 3, fer: bool = True, photographs: bool = True) -> list[Cell]:
    """Return the cells of the study, those of the first seed first.

    Args:
        seeds: number of seeds.
        fer, photographs: whether these sets are available.

    >>> len(all_cells(1)), all_cells(1)[0].name
    (41, 'clean-891-symmetric-0/seed-0')
    """
    return [cell for seed in range(seeds) for cell in _cells_of_seed(seed, fer, photographs)]


def _cells_of_seed(seed: int, fer: bool, photographs: bool) -> Iterator[Cell]:
    if fer:
        yield from _grid("clean", SMALL, LEVELS, ("symmetric", "confusions"), seed)
        yield from _grid("clean", LARGE, LARGE_LEVELS, ("symmetric", "confusions"), seed)
        yield Cell("own", LARGE, "own", 0.0, "", seed)
        yield Cell("clean", LARGE, "symmetric", 0.2, RARE, seed)
        yield Cell("clean", LARGE, "confusions", 0.2, RARE, seed)
        yield from _grid("public-clean", 0, (0.0, *FEATURE_LEVELS), ("symmetric", "confusions"), seed)
        yield Cell("public-own", 0, "own", 0.0, "", seed)
    yield from _grid("drawn", SMALL, LEVELS, ("symmetric",), seed)
    yield from _grid("drawn", SMALL, FEATURE_LEVELS, ("confusions",), seed)
    if photographs:
        yield Cell("photographs", 0, "own", 0.0, "", seed)
        yield from _grid("photographs", 0, FEATURE_LEVELS, ("symmetric", "confusions"), seed)
    if fer and seed == 0:
        yield Cell("own", 0, "own", 0.0, "", seed)


def _grid(
    faces: Faces, size: int, levels: tuple[float, ...], patterns: tuple[Pattern, ...], seed: int
) -> Iterator[Cell]:
    for noise in levels:
        for pattern in patterns if noise else patterns[:1]:  # without wrong labels all patterns are the same
            yield Cell(faces, size, pattern, noise, "", seed)
