"""What counts after decisions and undos, against a reading of all events from the start."""

import numpy as np
import pytest

from bimodal.review.decision_log import DECISIONS, RELABEL, UNDO, UNSURE, Decision, DecisionLog


def random_events(random: np.random.Generator, count: int) -> list[Decision]:
    """Decisions of three reviewers on five faces, with batches, and undos of decisions that still count."""
    events: list[Decision] = []
    for number in range(1, count + 1):
        undone = {each.undoes for each in events}
        open_ = [each for each in events if each.decision != UNDO and each.id not in undone]
        if open_ and random.random() < 0.3:
            old = open_[random.integers(len(open_))]
            events.append(Decision(number, number, "", old.reviewer, old.image, UNDO, undoes=old.id))
            continue
        decision = DECISIONS[random.integers(4)]
        label = ("sad", "fear")[random.integers(2)] if decision == RELABEL else ""
        who, image = f"reviewer {random.integers(3)}", f"{random.integers(5)}.png"
        events.append(Decision(number, number, "", who, image, decision, label))
    return events


def current_of(events: list[Decision]) -> dict[str, dict[str, Decision]]:
    """The last decision of each reviewer on each face that is not undone, the slow way."""
    undone, last = {each.undoes for each in events}, dict[str, dict[str, Decision]]()
    for each in events:
        if each.decision != UNDO and each.id not in undone:
            last.setdefault(each.image, {})[each.reviewer] = each
    return last


@pytest.mark.parametrize("seed", range(5))
def test_steps_of_any_size_lead_to_what_a_reading_from_the_start_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    events, log, start = random_events(random, 80), DecisionLog(), 0
    while start < len(events):
        before, end = log, start + int(random.integers(1, 6))
        log = log.plus(events[start:end])
        expected = current_of(events[:end])
        assert log.count == min(end, len(events))
        for image in {each.image for each in events}:
            of_image = sorted(expected.get(image, {}).values(), key=lambda each: each.id)
            assert log.current(image) == of_image
            sure, merged = [each for each in of_image if each.decision != UNSURE], log.merged(image)
            assert (merged.decision if merged else None) == ((sure or of_image)[-1] if of_image else None)
            if merged is not None:
                assert merged.agreed == (len({(each.decision, each.label) for each in sure}) < 2)
        for reviewer in {each.reviewer for each in events}:
            assert log.images_of(reviewer) == {image for image, by in expected.items() if reviewer in by}
        assert [each.id for each in log.all_current()] == sorted(e.id for by in expected.values() for e in by.values())
        touched, changed = {each.image for each in events[start:end]}, set(log.changed_since(before))
        assert {image for image in touched if log.current(image) != before.current(image)} <= changed <= touched
        start = end


def test_an_earlier_log_does_not_change() -> None:
    first = DecisionLog().plus([Decision(1, 1, "", "ann", "a", "keep")])
    first.plus([Decision(2, 2, "", "ann", "a", UNDO, undoes=1), Decision(3, 3, "", "bob", "b", "keep")])
    assert (first.count, first.images_of("ann"), first.images_of("bob")) == (1, {"a"}, frozenset())
    assert [each.id for each in first.all_current()] == [1]
    assert first.plus([]) is first
