"""The life of an import: any order and any repetition of its facts end the same."""

from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.events import (
    AnyFact,
    CancelRequested,
    Counts,
    Projected,
    Received,
    Requested,
    Sealed,
    SegmentDone,
    SegmentFailed,
    SourceFailed,
)
from app.core.folding import fold, kind_of_change, unknown
from app.core.imports import TERMINAL, ImportRecord, IndexSet, decode_record
from app.core.reading.plan import Plan

WORKSPACE = UUID(int=1)
IMPORT = UUID(int=2)
WHERE: dict[str, Any] = {"workspace": WORKSPACE, "import_id": IMPORT, "at": 1000.0, "site": "here"}


def requested() -> Requested:
    return Requested(**WHERE, source="file", name="a.csv", order_second=1, requested_by="me", channel="c", size=30)


def done(index: int, rows: int = 10) -> SegmentDone:
    return SegmentDone(**WHERE, index=index, bytes=100, counts=Counts(created=rows - 1, rejected=1))


def failed(index: int) -> SegmentFailed:
    return SegmentFailed(**WHERE, index=index, bytes=100, rows=7, reference=f"import.segments.bulk/3/{index}")


def sealed(segments: int) -> Sealed:
    return Sealed(**WHERE, segments=segments, bytes=100 * segments, lines=10)


def received(size: int, plan: Plan | None = None) -> Received:
    return Received(**WHERE, bytes=size, plan=plan)


def given_facts(*facts: AnyFact) -> ImportRecord:
    record = unknown(WORKSPACE, IMPORT)
    for fact in facts:
        record = fold(record, fact)
    return record


def apart_from_version(record: ImportRecord) -> ImportRecord:
    return replace(record, state=replace(record.state, version=0))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[AnyFact], list[AnyFact]]:
    """The facts of a whole import, and the same ones shuffled and repeated."""
    segments = draw(st.integers(0, 12))
    facts: list[AnyFact] = [requested(), sealed(segments), received(50, Plan(format="csv")), received(90)]
    for index in range(segments):
        facts.append(done(index, draw(st.integers(1, 20))))
        if draw(st.booleans()):
            facts.append(failed(index))
        facts.append(Projected(**WHERE, indexes=(index,)))
    repeats = draw(st.lists(st.sampled_from(facts), max_size=10))
    return facts, draw(st.permutations(facts + repeats))


@given(histories())
def test_any_order_and_repetition_of_facts_ends_the_same(pair: tuple[list[AnyFact], list[AnyFact]]) -> None:
    straight, shuffled = given_facts(*pair[0]), given_facts(*pair[1])
    assert apart_from_version(straight) == apart_from_version(shuffled)
    assert straight.state.status == "finished"
    assert straight.state.visible


@given(histories())
def test_the_version_rises_with_every_change_and_an_import_ends_once(
    pair: tuple[list[AnyFact], list[AnyFact]],
) -> None:
    record, ends = unknown(WORKSPACE, IMPORT), 0
    for fact in pair[1]:
        new = fold(record, fact)
        assert (new is record) == (new.state.version == record.state.version)
        assert new.state.version in (record.state.version, record.state.version + 1)
        ends += kind_of_change(record, new) in TERMINAL
        state = new.state
        assert state.rows == state.created + state.updated + state.unchanged + state.duplicate + state.rejected
        record = new
    assert ends == 1


@given(histories())
def test_a_record_survives_the_topic(pair: tuple[list[AnyFact], list[AnyFact]]) -> None:
    record = given_facts(*pair[1][: len(pair[1]) // 2])
    assert decode_record(msgspec.json.encode(record)) == record


@given(st.lists(st.integers(0, 200)), st.lists(st.integers(0, 200)))
def test_an_index_set_is_a_set(left: list[int], right: list[int]) -> None:
    sets = []
    for indexes in (left, right):
        found = IndexSet()
        for index in indexes:
            found = found.add(index)
        assert [index for index in range(202) if index in found] == sorted(set(indexes))
        assert len(found) == len(set(indexes))
        sets.append(found)
    assert sets[0].covers(sets[1]) == (set(left) >= set(right))


def test_a_fact_seen_twice_counts_once() -> None:
    record = given_facts(requested(), done(0))
    assert fold(record, done(0)) is record
    assert fold(record, requested()) is record


def test_an_import_without_rows_is_finished_and_visible_when_sealed() -> None:
    record = given_facts(requested(), sealed(0))
    assert (record.state.status, record.state.visible, record.state.rows) == ("finished", True, 0)


def test_a_cancelled_import_stays_cancelled_while_its_counts_are_corrected() -> None:
    record = given_facts(requested(), done(0), CancelRequested(**WHERE, by="me"), done(1), sealed(2))
    assert record.state.status == "cancelled"
    assert record.state.rows == 20


def test_a_source_that_fails_names_the_reason() -> None:
    record = given_facts(requested(), SourceFailed(**WHERE, code="plan_mismatch", detail="Column 2 differs."))
    assert record.state.status == "failed"
    assert record.state.error is not None
    assert record.state.error.code == "plan_mismatch"


def test_a_buried_segment_counts_as_rejected_until_it_is_done_after_all() -> None:
    buried = given_facts(requested(), done(0), failed(1), sealed(2))
    assert (buried.state.status, buried.state.rejected) == ("finished", 8)
    assert buried.state.error is not None
    assert buried.state.error.detail == "7 rows not imported: internal error (import.segments.bulk/3/1)"
    mended = fold(buried, done(1))
    assert (mended.state.rejected, mended.state.created, mended.state.error) == (2, 18, None)
    assert kind_of_change(buried, mended) == "progress"


def test_of_several_buried_segments_the_first_is_named_in_any_order_of_the_facts() -> None:
    said = [
        given_facts(requested(), *facts, sealed(3)).state.error
        for facts in ((failed(1), failed(2), done(0)), (failed(2), done(0), failed(1)))
    ]
    assert said[0] == said[1]
    assert said[0] is not None
    assert said[0].detail == "14 rows not imported: internal error (import.segments.bulk/3/1 and 1 more)"


def test_facts_before_their_request_are_kept() -> None:
    record = given_facts(done(0), sealed(1), requested())
    assert record.requested
    assert record.state.status == "finished"
    assert record.state.name == "a.csv"


def test_the_completed_plan_replaces_a_partial_one_in_any_order() -> None:
    complete = Plan(format="csv", header=1)
    partial = replace(requested(), plan=Plan(existing="skip"))
    for facts in ((partial, received(1, complete)), (received(1, complete), partial)):
        assert given_facts(*facts).state.plan == complete


def test_visible_waits_for_every_part_that_was_written() -> None:
    record = given_facts(requested(), done(0), done(1), sealed(2), Projected(**WHERE, indexes=(0,)))
    assert not record.state.visible
    seen = fold(record, Projected(**WHERE, indexes=(1,)))
    assert kind_of_change(record, seen) == "visible"
