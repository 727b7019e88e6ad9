"""What counts of all events of a review: each reviewer's last decision on each face, and one decision on each face."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

KEEP, RELABEL, REMOVE, UNSURE, UNDO = "keep", "relabel", "remove", "unsure", "undo"
DECISIONS = (KEEP, RELABEL, REMOVE, UNSURE)


@dataclass(frozen=True)
class Decision:
    """An event: what a reviewer decided about a face.

    Attributes:
        id: ascending in the order of the events.
        batch: the id of the first event of those that were decided together, and are undone together.
        time: UTC, ISO 8601 with milliseconds.
        reviewer: who.
        image: the picture, as in the manifest.
        decision: `keep`, `relabel`, `remove`, `unsure` or `undo`.
        label: the new label of `relabel`; otherwise empty.
        why: a reason in words, or empty.
        undoes: of `undo`, the id of the event that no longer counts.
    """

    id: int
    batch: int
    time: str
    reviewer: str
    image: str
    decision: str
    label: str = ""
    why: str = ""
    undoes: int | None = None


@dataclass(frozen=True)
class MergedDecision:
    """The one decision on a face that counts, and whether all reviewers who were sure decided the same."""

    decision: Decision
    agreed: bool


@dataclass(frozen=True, eq=False)
class DecisionLog:
    """The decisions after some events. It never changes, so that threads may share it; `plus` makes the next one.

    Attributes:
        count: the id of the last event; it grows with every event.

    >>> log = DecisionLog().plus([Decision(1, 1, "", "ann", "a", "keep"), Decision(2, 2, "", "bob", "a", "remove")])
    >>> merged = log.merged("a")
    >>> merged.decision.reviewer, merged.agreed
    ('bob', False)
    >>> log.plus([Decision(3, 3, "", "bob", "a", "undo", undoes=2)]).merged("a").decision.reviewer
    'ann'
    """

    count: int = 0
    _counting: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict, repr=False)
    _of_reviewer: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def plus(self, events: Sequence[Decision]) -> "DecisionLog":
        """Return the decisions after further events, in the order of their ids."""
        if not events:
            return self
        counting, touched = dict(self._counting), {event.reviewer: set[str]() for event in events}
        for event in events:
            before = counting.get(event.image, ())
            if event.decision == UNDO:
                counting[event.image] = tuple(each for each in before if each.id != event.undoes)
            else:
                counting[event.image] = (*before, event)
            touched[event.reviewer].add(event.image)
        of_reviewer = dict(self._of_reviewer)
        for reviewer, images in touched.items():
            with_decision = {image for image in images if any(each.reviewer == reviewer for each in counting[image])}
            of_reviewer[reviewer] = (of_reviewer.get(reviewer, frozenset()) - images) | with_decision
        return DecisionLog(events[-1].id, counting, of_reviewer)

    def current(self, image: str) -> list[Decision]:
        """Return the last decision of each reviewer on a face that is not undone, in the order of time."""
        last = {each.reviewer: each for each in self._counting.get(image, ())}
        return sorted(last.values(), key=lambda each: each.id)

    def merged(self, image: str) -> MergedDecision | None:
        """Return the last decision on a face that is not `unsure`, otherwise `unsure`; None if there is none."""
        current = self.current(image)
        if not current:
            return None
        sure = [each for each in current if each.decision != UNSURE]
        return MergedDecision((sure or current)[-1], len({(each.decision, each.label) for each in sure}) <= 1)

    def all_current(self) -> list[Decision]:
        """Return `current` of all faces, in the order of time."""
        return _in_order(each for image in self._counting for each in self.current(image))

    def all_merged(self) -> Iterator[MergedDecision]:
        """Return `merged` of all faces that have a decision."""
        return (merged for image in self._counting if (merged := self.merged(image)) is not None)

    def images_of(self, reviewer: str) -> frozenset[str]:
        """Return the faces on which a reviewer has a decision that is not undone."""
        return self._of_reviewer.get(reviewer, frozenset())

    def changed_since(self, earlier: "DecisionLog") -> list[str]:
        """Return the faces whose decisions differ from those of a log that this one was made from."""
        before = earlier._counting
        return [image for image, decisions in self._counting.items() if before.get(image) is not decisions]


def _in_order(decisions: Iterable[Decision]) -> list[Decision]:
    return sorted(decisions, key=lambda each: each.id)
