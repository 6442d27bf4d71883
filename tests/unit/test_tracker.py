"""What the tracker tells of a batch of facts."""

from typing import Any
from uuid import UUID

from app.core.events import AnyFact, Counts, Projected, Requested, Sealed, SegmentDone
from app.core.folding import fold, kind_of_change, unknown
from workers.tracker.partition import News, worth_telling

WHERE: dict[str, Any] = {"workspace": UUID(int=1), "import_id": UUID(int=2), "at": 1.0, "site": "here"}
REQUESTED = Requested(**WHERE, source="file", name="a.csv", order_second=1, requested_by="me")


def done(index: int) -> SegmentDone:
    return SegmentDone(**WHERE, index=index, bytes=1, counts=Counts(created=1))


def told(*facts: AnyFact) -> list[tuple[str, int]]:
    record, news = unknown(UUID(int=1), UUID(int=2)), []
    for fact in facts:
        new = fold(record, fact)
        news.append(News(record, new, None))
        record = new
    return [(kind_of_change(item.old, item.new), item.new.state.parts_done) for item in worth_telling(news)]


def test_the_steps_between_two_turns_are_told_as_one() -> None:
    assert told(REQUESTED, done(0), done(1), done(2)) == [("progress", 0), ("progress", 3)]


def test_every_turn_of_a_life_is_told() -> None:
    facts = (REQUESTED, done(0), done(1), Sealed(**WHERE, segments=2, bytes=2, lines=2))
    projected = Projected(**WHERE, indexes=(0, 1))
    assert told(*facts, projected) == [("progress", 0), ("finished", 2), ("visible", 2)]


def test_nothing_is_told_before_the_request_is_known() -> None:
    assert told(done(0)) == []
    assert told(done(0), REQUESTED) == [("progress", 1)]
