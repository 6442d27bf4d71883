"""What the tracker tells of a batch of facts, and what it does with one that it cannot fold."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app import config
from app.core.events import AnyFact, Counts, Projected, Requested, Sealed, SegmentDone
from app.core.folding import fold, kind_of_change, unknown
from app.core.topics import DEAD, NOTICES
from tests.remembering import Remembering
from workers.tracker import partition
from workers.tracker.partition import News, Partition, worth_telling

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


def lying(offset: int, value: bytes) -> SimpleNamespace:
    """A record as it comes from Kafka."""
    return SimpleNamespace(
        topic="import.facts", partition=0, offset=offset, key=b"k", value=value, headers=(), timestamp=1000
    )


async def test_a_fact_that_cannot_be_folded_is_buried_and_its_neighbours_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def folded(record: Any, fact: AnyFact) -> Any:
        if isinstance(fact, SegmentDone):
            raise ZeroDivisionError("ada@example.org")
        return fold(record, fact)

    monkeypatch.setattr(partition, "fold", folded)
    outlet = Remembering()
    settings = config.Tracker(process_name="tracker.1", kafka_bootstrap="nowhere:1")
    tracker = Partition(settings, 0, "g", outlet)  # type: ignore[arg-type]  # all that it needs of a producer
    facts = (done(0), REQUESTED)
    await tracker.take([*(lying(at, msgspec.json.encode(fact)) for at, fact in enumerate(facts)), lying(2, b"{")])
    buried = [one.headers for one in outlet.sent if one.topic == DEAD.name]
    assert [headers["origin"] for headers in buried] == [b"import.facts/0/0", b"import.facts/0/2"]
    assert [headers["reason"].split(b" ")[0] for headers in buried] == [b"ZeroDivisionError", b"DecodeError"]
    assert b"ada" not in buried[0]["reason"]
    assert NOTICES.name in outlet.topics
    await tracker.stop()
