"""Facts folded into the record of an import: in any order, any number of times, with the same end.

A fact that is already known gives the very same record back (`is`), so a repeat changes no version and
tells nobody. What became terminal stays so; facts after the end only correct the counts.
"""

from typing import Literal
from uuid import UUID

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
from app.core.imports import TERMINAL, FailedPart, Failure, ImportRecord, State

Kind = Literal["progress", "finished", "failed", "cancelled", "visible"]


def unknown(workspace: UUID, import_id: UUID) -> ImportRecord:
    """The record of an import of which nothing is known yet."""
    return ImportRecord(state=State(id=import_id, workspace=workspace))


def fold(record: ImportRecord, fact: AnyFact) -> ImportRecord:
    """The record with one more fact; the same object where the fact was known."""
    changed = _absorb(record, fact)
    if changed is record:
        return record
    return _judged(replace(changed, state=replace(changed.state, version=record.state.version + 1)))


def holds_everywhere(fact: AnyFact) -> bool:
    """Whether a fact of another data centre is one here, too: what was asked for, and what has come.

    What became of it in a database, each tells for its own.
    """
    return not isinstance(fact, SegmentDone | SegmentFailed | Projected)


def kind_of_change(old: ImportRecord, new: ImportRecord) -> Kind:
    """What the step from `old` to `new` is to those who watch."""
    if old.state.status not in TERMINAL and new.state.status in TERMINAL:
        return new.state.status  # type: ignore[return-value]  # a terminal status is a kind
    if new.state.visible and not old.state.visible:
        return "visible"
    return "progress"


def _absorb(record: ImportRecord, fact: AnyFact) -> ImportRecord:
    match fact:
        case Requested():
            return _requested(record, fact)
        case Received():
            return _received(record, fact)
        case Sealed():
            if record.sealed is not None:
                return record
            state = replace(record.state, parts=fact.segments)
            return replace(record, state=state, sealed=fact.segments, last_at=max(record.last_at, fact.at))
        case SegmentDone():
            return _segment_done(record, fact)
        case SegmentFailed():
            return _segment_failed(record, fact)
        case Projected():
            projected = record.projected
            for index in fact.indexes:
                projected = projected.add(index)
            return record if projected is record.projected else replace(record, projected=projected)
        case CancelRequested():
            return _ended(record, "cancelled", fact.at, None)
        case SourceFailed():
            return _ended(record, "failed", fact.at, Failure(code=fact.code, detail=fact.detail))


def _requested(record: ImportRecord, fact: Requested) -> ImportRecord:
    if record.requested:
        return record
    state = replace(
        record.state,
        source=fact.source,
        name=fact.name,
        channel=fact.channel,
        size=fact.size,
        plan=record.state.plan if record.planned else fact.plan,
        requested_by=fact.requested_by,
        requested_at=fact.at,
    )
    return replace(record, state=state, requested=True)


def _received(record: ImportRecord, fact: Received) -> ImportRecord:
    state = record.state
    planned = record.planned or fact.plan is not None
    news = fact.bytes > state.bytes_received or planned != record.planned or state.started_at is None
    if not news:
        return record
    state = replace(
        state,
        bytes_received=max(state.bytes_received, fact.bytes),
        plan=state.plan if fact.plan is None or record.planned else fact.plan,
        last_received_at=_latest(state.last_received_at, fact.at),
        started_at=_earliest(state.started_at, fact.at),
    )
    return replace(record, state=state, planned=planned)


def _segment_done(record: ImportRecord, fact: SegmentDone) -> ImportRecord:
    if fact.index in record.done:
        return record
    failed = dict(record.failed)
    given_up = failed.pop(fact.index, None)
    state = _counted(record.state, fact.counts, fact.bytes, parts=1, at=fact.at)
    if fact.gone or fact.deleted:
        state = replace(state, gone=state.gone + fact.gone, deleted=state.deleted + fact.deleted)
    if given_up is not None:
        state = _counted(state, Counts(rejected=-given_up.rows), -given_up.bytes, parts=-1, at=fact.at)
    return replace(
        record,
        state=state,
        done=record.done.add(fact.index),
        failed=failed,
        last_at=max(record.last_at, fact.at),
    )


def _segment_failed(record: ImportRecord, fact: SegmentFailed) -> ImportRecord:
    if fact.index in record.done or fact.index in record.failed:
        return record
    return replace(
        record,
        state=_counted(record.state, Counts(rejected=fact.rows), fact.bytes, parts=1, at=fact.at),
        failed={**record.failed, fact.index: FailedPart(rows=fact.rows, bytes=fact.bytes, reference=fact.reference)},
        last_at=max(record.last_at, fact.at),
    )


def _counted(state: State, counts: Counts, size: int, *, parts: int, at: float) -> State:
    return replace(
        state,
        bytes_done=state.bytes_done + size,
        rows=state.rows + counts.rows,
        created=state.created + counts.created,
        updated=state.updated + counts.updated,
        unchanged=state.unchanged + counts.unchanged,
        duplicate=state.duplicate + counts.duplicate,
        rejected=state.rejected + counts.rejected,
        parts_done=state.parts_done + parts,
        started_at=_earliest(state.started_at, at),
    )


def _ended(
    record: ImportRecord, status: Literal["cancelled", "failed"], at: float, error: Failure | None
) -> ImportRecord:
    if record.state.status in TERMINAL:
        return record
    return replace(record, state=replace(record.state, status=status, finished_at=at, error=error))


def _judged(record: ImportRecord) -> ImportRecord:
    """Sets what follows from the facts: running, finished, what was given up, visible."""
    state = record.state
    if state.status == "requested" and state.started_at is not None:
        state = replace(state, status="running")
    complete = record.sealed is not None and state.parts_done == record.sealed
    if state.status not in TERMINAL and complete:
        state = replace(state, status="finished", finished_at=record.last_at)
    if state.status == "finished":
        state = replace(state, error=_given_up(record))
    if state.status in TERMINAL and not state.visible and record.projected.covers(record.done):
        state = replace(state, visible=True)
    return record if state is record.state else replace(record, state=state)


def _given_up(record: ImportRecord) -> Failure | None:
    if not record.failed:
        return None
    rows = sum(part.rows for part in record.failed.values())
    # The first by index, so that the words do not depend on the order of the facts.
    reference = record.failed[min(record.failed)].reference
    more = f" and {len(record.failed) - 1:,} more" if len(record.failed) > 1 else ""
    said = f"{rows:,} row{'' if rows == 1 else 's'} not imported: internal error ({reference}{more})"
    return Failure(code="internal", detail=said)


def _latest(known: float | None, at: float) -> float:
    return at if known is None else max(known, at)


def _earliest(known: float | None, at: float) -> float:
    return at if known is None else min(known, at)
