"""Faults planted in the evidence of a healthy campaign, each with the invariants that must notice it."""

import copy
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace as changed

from app.core.events import Counts, Projected, SegmentDone
from app.core.imports import TERMINAL
from app.core.topics import BULK
from tests.faults.course import Fault, Sample
from tests.faults.evidence import Addressed, Evidence, Job, Letter, Shown, Stored, Trouble
from tests.faults.witness import Heard

T = TypeVar("T")
Frame = dict[str, Any]


def copied(evidence: Evidence) -> Evidence:
    """Evidence whose lists and maps may be changed."""
    made = copy.copy(evidence)
    for each in fields(Evidence):
        value = getattr(made, each.name)
        if isinstance(value, dict):
            value = {key: dict(inner) if isinstance(inner, dict) else inner for key, inner in value.items()}
        setattr(made, each.name, list(value) if isinstance(value, list) else value)
    return made


# --- what is reached for


def finished(evidence: Evidence) -> UUID:
    """An import of several segments that finished."""
    ended = {each.record.state.id for each in evidence.states if each.record.state.status == "finished"}
    return next(segment.import_id for segment in evidence.segments if segment.index and segment.import_id in ended)


def shared(evidence: Evidence) -> tuple[UUID, UUID]:
    """(workspace, contact) that several imports brought."""
    for workspace, contacts in evidence.contacts.items():
        for id_, stored in contacts.items():
            if len(stored.sources) > 1:
                return workspace, id_
    raise LookupError


def put(items: list[T], good: Callable[[T], bool], change: Callable[[T], T]) -> None:
    """Puts something else in the place of the last item that is `good`."""
    at = max(number for number, item in enumerate(items) if good(item))
    items[at] = change(items[at])


def drop(items: list[T], good: Callable[[T], bool]) -> None:
    """Takes the last item away that is `good`."""
    del items[max(number for number, item in enumerate(items) if good(item))]


def put_contact(evidence: Evidence, change: Callable[[Stored], Stored]) -> None:
    workspace, id_ = shared(evidence)
    evidence.contacts[workspace][id_] = change(evidence.contacts[workspace][id_])


def put_shown(evidence: Evidence, change: Callable[[Shown], Shown]) -> None:
    workspace, id_ = shared(evidence)
    evidence.shown[workspace][id_] = change(evidence.shown[workspace][id_])


def put_end(evidence: Evidence, **changes: Any) -> None:
    """The end of an import is another than it was."""
    import_id = finished(evidence)
    put(
        evidence.states,
        lambda each: each.record.state.id == import_id,
        lambda each: each._replace(record=changed(each.record, state=changed(each.record.state, **changes))),
    )


def put_done(evidence: Evidence, fact: SegmentDone, times: int = 1) -> None:
    happened = evidence.facts[-1]
    evidence.facts += [happened._replace(fact=fact)] * times


def last_done(evidence: Evidence) -> SegmentDone:
    return next(each.fact for each in reversed(evidence.facts) if isinstance(each.fact, SegmentDone))


def put_told(evidence: Evidence, id_: UUID, change: Callable[[int, bytes], tuple[int, bytes]]) -> None:
    """Changes the last word on a contact in the log."""

    def told(contact: tuple[UUID, int, bytes]) -> tuple[UUID, int, bytes]:
        return (id_, *change(*contact[1:])) if contact[0] == id_ else contact

    put(
        evidence.changed,
        lambda each: any(contact[0] == id_ for contact in each.contacts),
        lambda each: replace(each, contacts=tuple(map(told, each.contacts))),
    )


def put_frame(evidence: Evidence, good: Callable[[Frame], bool], change: Callable[[Frame], None]) -> None:
    """Changes the last event that is `good`."""
    for number, watched in enumerate(evidence.watched):
        found = [at for at, heard in enumerate(watched.frames) if heard.frame["type"] == "event" and good(heard.frame)]
        if found:
            frames = list(watched.frames)
            frame = copy.deepcopy(frames[found[-1]].frame)
            change(frame)
            frames[found[-1]] = replace(frames[found[-1]], frame=frame)
            evidence.watched[number] = watched._replace(frames=tuple(frames))
            return
    raise LookupError


def put_frames(evidence: Evidence, change: Callable[[list[Heard]], list[Heard]]) -> None:
    """Changes all that the first witness heard."""
    watched = evidence.watched[0]
    evidence.watched[0] = watched._replace(frames=tuple(change(list(watched.frames))))


def is_event(heard: Heard) -> bool:
    return bool(heard.frame["type"] == "event")


def other(evidence: Evidence, workspace: UUID) -> UUID:
    return next(each for each in evidence.workspaces.values() if each != workspace)


# --- I1


def an_upload_was_never_answered(evidence: Evidence) -> None:
    evidence.answers = {number: answers for number, answers in evidence.answers.items() if number}


def an_import_has_no_end(evidence: Evidence) -> None:
    import_id = finished(evidence)
    evidence.states = [
        each
        for each in evidence.states
        if each.record.state.id != import_id or each.record.state.status not in TERMINAL
    ]


def an_import_is_never_visible(evidence: Evidence) -> None:
    put_end(evidence, visible=False)


def an_import_failed(evidence: Evidence) -> None:
    put_end(evidence, status="failed")


def a_ledger_row_is_missing(evidence: Evidence) -> None:
    import_id = finished(evidence)
    drop(evidence.ledger, lambda row: row.import_id == import_id)


def a_segment_is_not_in_the_log(evidence: Evidence) -> None:
    import_id = finished(evidence)
    drop(evidence.segments, lambda segment: segment.import_id == import_id)


def a_segment_lost_its_last_line(evidence: Evidence) -> None:
    import_id = finished(evidence)
    put(
        evidence.segments,
        lambda segment: segment.import_id == import_id and segment.index == 0,
        lambda segment: replace(segment, end_line=segment.end_line - 1),
    )


def a_problem_was_not_told(evidence: Evidence) -> None:
    put(evidence.problems, lambda each: True, lambda each: replace(each, troubles=each.troubles[1:]))


def a_problem_has_another_line(evidence: Evidence) -> None:
    def moved(trouble: Trouble) -> Trouble:
        return replace(trouble, line=trouble.line + 1)

    put(evidence.problems, lambda each: True, lambda each: replace(each, troubles=tuple(map(moved, each.troubles))))


def a_segment_was_given_up(evidence: Evidence) -> None:
    evidence.letters.append(Letter("dead", evidence.segments[0].reference, "KeyError: 'x'"))


# --- I2


def a_contact_is_missing(evidence: Evidence) -> None:
    workspace, id_ = shared(evidence)
    del evidence.contacts[workspace][id_]


def a_contact_is_there_twice(evidence: Evidence) -> None:
    workspace, id_ = shared(evidence)
    evidence.contacts[workspace][uuid4()] = evidence.contacts[workspace][id_]


def a_contact_has_another_name(evidence: Evidence) -> None:
    def renamed(stored: Stored) -> Stored:
        at, name = stored.fields["given"]
        return stored._replace(fields={**stored.fields, "given": (at, name + "a")})

    put_contact(evidence, renamed)


def a_contact_lost_an_element(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(sets=dict(list(stored.sets.items())[1:])))


def a_contact_has_an_own_field_too_many(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(custom={**stored.custom, "cShoe size": (1, "41", 0)}))


def a_contact_was_written_twice(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(version=stored.version + 1))


def a_write_is_missing(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(version=stored.version - 1))


def a_contact_forgot_a_source(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(sources=stored.sources[1:]))


def a_contact_is_deleted(evidence: Evidence) -> None:
    put_contact(evidence, lambda stored: stored._replace(deleted=True))


def nobody_knows_an_order_second(evidence: Evidence) -> None:
    evidence.sources.popitem()


# --- I3


def done_was_told_of_nothing(evidence: Evidence) -> None:
    put_done(evidence, changed(last_done(evidence), index=999))


def a_projection_was_told_of_nothing(evidence: Evidence) -> None:
    put(
        evidence.facts,
        lambda each: isinstance(each.fact, Projected),
        lambda each: each._replace(fact=beyond(each.fact)),
    )


def beyond(fact: Any) -> Projected:
    found: Projected = changed(fact, indexes=(*fact.indexes, 999))
    return found


def contacts_were_told_of_nothing(evidence: Evidence) -> None:
    put(evidence.changed, lambda each: True, lambda each: replace(each, index=999))


def a_contact_was_told_before_it_was_written(evidence: Evidence) -> None:
    put_told(evidence, shared(evidence)[1], lambda version, doc: (version + 1, doc))


def a_version_was_told_in_two_ways(evidence: Evidence) -> None:
    id_ = shared(evidence)[1]
    record = next(each for each in evidence.changed if any(contact[0] == id_ for contact in each.contacts))
    contact = next(contact for contact in record.contacts if contact[0] == id_)
    renamed = (id_, contact[1], msgspec.json.encode({**msgspec.json.decode(contact[2]), "given": "Nobody"}))
    evidence.changed.insert(0, replace(record, contacts=(renamed,)))


def counts_were_told_that_the_ledger_has_not(evidence: Evidence) -> None:
    put(
        evidence.facts,
        lambda each: isinstance(each.fact, SegmentDone),
        lambda each: each._replace(fact=changed(each.fact, counts=Counts(created=1))),
    )


def the_read_model_is_ahead(evidence: Evidence) -> None:
    put_shown(evidence, lambda row: row._replace(version=row.version + 1))


# --- I4


def an_index_has_two_contents(evidence: Evidence) -> None:
    evidence.segments.append(replace(evidence.segments[0], offset=1 << 40, crc=1, sum=1))


def a_segment_has_other_bytes(evidence: Evidence) -> None:
    put(evidence.segments, lambda segment: True, lambda segment: replace(segment, sum=segment.sum ^ 1))


def the_ledger_has_other_bytes(evidence: Evidence) -> None:
    put(evidence.ledger, lambda row: True, lambda row: replace(row, crc=row.crc ^ 1))


def a_segment_has_two_results(evidence: Evidence) -> None:
    fact = last_done(evidence)
    put_done(evidence, changed(fact, counts=changed(fact.counts, created=fact.counts.created + 1)))


def a_segment_has_two_lists_of_problems(evidence: Evidence) -> None:
    record = evidence.problems[0]
    evidence.problems.append(replace(record, troubles=record.troubles[1:]))


def work_was_done_again_and_again(evidence: Evidence) -> None:
    put_done(evidence, last_done(evidence), times=50)


def contacts_were_told_again_and_again(evidence: Evidence) -> None:
    evidence.changed += [evidence.changed[0]] * 50


# --- I5


def an_offset_was_committed_too_early(evidence: Evidence) -> None:
    segment = evidence.segments[0]
    place = f"{segment.topic}/{segment.partition}"
    # Before the first transaction of the ledger, nothing of it was to be seen.
    least = min(row.xid for row in evidence.ledger)
    evidence.samples = (Sample(0.0, {place: segment.offset + 1}, f"{least}:{least}:"), *evidence.samples)


def an_offset_was_committed_while_its_transaction_ran(evidence: Evidence) -> None:
    segment = evidence.segments[0]
    row = next(r for r in evidence.ledger if (r.import_id, r.index) == (segment.import_id, segment.index))
    place = f"{segment.topic}/{segment.partition}"
    sample = Sample(0.0, {place: segment.offset + 1}, f"{row.xid}:{row.xid + 9}:{row.xid}")
    evidence.samples = (sample, *evidence.samples)


# --- I6


def progress_went_back(evidence: Evidence) -> None:
    def back(frame: Frame) -> None:
        frame["state"]["bytes_received"] -= 1

    put_frame(evidence, lambda frame: frame["kind"] == "visible", back)


def a_frame_shows_what_nobody_told(evidence: Evidence) -> None:
    def more(frame: Frame) -> None:
        frame["state"]["duplicate"] += 1

    put_frame(evidence, lambda frame: frame["kind"] == "visible", more)


def frames_are_out_of_order(evidence: Evidence) -> None:
    def swapped(frames: list[Heard]) -> list[Heard]:
        at = next(at for at, (a, b) in enumerate(pairwise(frames)) if is_event(a) and is_event(b))
        return [*frames[:at], frames[at + 1], frames[at], *frames[at + 2 :]]

    put_frames(evidence, swapped)


def a_frame_is_missing(evidence: Evidence) -> None:
    def without(frames: list[Heard]) -> list[Heard]:
        at = [at for at, heard in enumerate(frames) if is_event(heard)][1]
        return frames[:at] + frames[at + 1 :]

    put_frames(evidence, without)


def a_version_has_two_states(evidence: Evidence) -> None:
    def other_state(each: Addressed) -> Addressed:
        state = each.notice.state
        return each._replace(notice=changed(each.notice, state=changed(state, bytes_done=state.bytes_done + 1)))

    put(evidence.notices, lambda each: True, other_state)


def the_wrong_statement_won(evidence: Evidence) -> None:
    def older(stored: Stored) -> Stored:
        at, name = stored.fields["given"]
        return stored._replace(fields={**stored.fields, "given": (at - 1, name)})

    put_contact(evidence, older)


def the_wrong_position_added_an_element(evidence: Evidence) -> None:
    def older(stored: Stored) -> Stored:
        return stored._replace(sets={name: (at - 1, text, slot) for name, (at, text, slot) in stored.sets.items()})

    put_contact(evidence, older)


# --- I7


def a_contact_is_not_shown(evidence: Evidence) -> None:
    workspace, id_ = shared(evidence)
    del evidence.shown[workspace][id_]


def a_contact_is_shown_as_it_was(evidence: Evidence) -> None:
    put_shown(evidence, lambda row: row._replace(version=row.version - 1))


def a_contact_is_shown_with_another_name(evidence: Evidence) -> None:
    put_shown(evidence, lambda row: row._replace(doc=row.doc.replace(b'"given":"', b'"given":"X')))


def a_contact_is_shown_with_another_origin(evidence: Evidence) -> None:
    def strange(row: Shown) -> Shown:
        told = msgspec.json.decode(row.doc)
        told.pop("origins", None)
        told["origin"] = {**told["sources"][0], "import": str(uuid4())}
        return row._replace(doc=msgspec.json.encode(told))

    put_shown(evidence, strange)


def a_contact_cannot_be_found(evidence: Evidence) -> None:
    put_shown(evidence, lambda row: row._replace(listed=False))


def a_contact_was_never_told(evidence: Evidence) -> None:
    id_ = shared(evidence)[1]
    evidence.changed = [
        replace(each, contacts=tuple(contact for contact in each.contacts if contact[0] != id_))
        for each in evidence.changed
    ]


def the_contacts_of_a_segment_were_never_told(evidence: Evidence) -> None:
    evidence.changed.pop()


def a_segment_was_told_in_two_halves_of_two_tellings(evidence: Evidence) -> None:
    record = evidence.changed.pop()
    evidence.changed += [replace(record, part=0, parts=2), replace(record, part=1, parts=3)]


def a_problem_is_not_listed(evidence: Evidence) -> None:
    evidence.listed_problems.pop()


def an_import_is_listed_as_it_was(evidence: Evidence) -> None:
    import_id = finished(evidence)
    evidence.kept[import_id] = changed(evidence.kept[import_id], visible=False)


def somebody_lags(evidence: Evidence) -> None:
    evidence.lag[f"importer {BULK.name}"] = 1


def an_upload_was_not_told(evidence: Evidence) -> None:
    import_id = finished(evidence)
    put(evidence.jobs, lambda job: job.import_id == import_id, lambda job: job._replace(told=False))


def a_page_stopped_before_the_end(evidence: Evidence) -> None:
    def before_the_end(frames: list[Heard]) -> list[Heard]:
        return frames[: max(at for at, heard in enumerate(frames) if is_event(heard))]

    put_frames(evidence, before_the_end)


def a_page_was_late(evidence: Evidence) -> None:
    put_frames(evidence, lambda frames: [*frames[:-1], replace(frames[-1], at=frames[-1].at + 3600)])


def a_page_was_refused(evidence: Evidence) -> None:
    evidence.watched[0] = evidence.watched[0]._replace(refused="4500")


# --- I8


def work_stood_still_after_a_fault(evidence: Evidence) -> None:
    at = max(segment.at for segment in evidence.segments)
    evidence.ledger = [replace(row, at=at + 20) for row in evidence.ledger]
    evidence.faults = (Fault("kill importer.1", at, at),)


def work_never_went_on(evidence: Evidence) -> None:
    segment = next(segment for segment in evidence.segments if segment.import_id == finished(evidence))
    evidence.ledger = [row for row in evidence.ledger if row.import_id != segment.import_id]
    evidence.faults = (Fault("kill importer.1", segment.at, segment.at),)


# --- I9


def a_repeat_made_another_import(evidence: Evidence) -> None:
    evidence.answers = {**evidence.answers, 0: [*evidence.answers[0], uuid4()]}


def an_import_was_made_that_nobody_asked_for(evidence: Evidence) -> None:
    job = evidence.jobs[0]
    evidence.jobs.append(Job(job.workspace, uuid4(), job.second + 1000, "ended", True))


def two_imports_have_one_place(evidence: Evidence) -> None:
    one, another = [job for job in evidence.jobs if job.workspace == evidence.jobs[0].workspace][:2]
    put(evidence.jobs, lambda job: job == another, lambda job: job._replace(second=one.second))


# --- I10


def a_count_is_off_by_one(evidence: Evidence) -> None:
    import_id = finished(evidence)
    end = next(each for each in reversed(evidence.states) if each.record.state.id == import_id).record.state
    put_end(evidence, created=end.created + 1, duplicate=end.duplicate - 1)


def the_rows_are_not_the_sum(evidence: Evidence) -> None:
    import_id = finished(evidence)
    end = next(each for each in reversed(evidence.states) if each.record.state.id == import_id).record.state
    put_end(evidence, rows=end.rows + 1)


def the_ledger_is_off_by_one(evidence: Evidence) -> None:
    put(
        evidence.ledger,
        lambda row: bool(row.counts.created),
        lambda row: replace(row, counts=changed(row.counts, created=row.counts.created - 1)),
    )


def a_contact_was_created_twice(evidence: Evidence) -> None:
    put(
        evidence.ledger,
        lambda row: bool(row.counts.updated),
        lambda row: replace(
            row, counts=changed(row.counts, created=row.counts.created + 1, updated=row.counts.updated - 1)
        ),
    )


def an_import_ended_twice(evidence: Evidence) -> None:
    import_id = finished(evidence)
    ended = next(each for each in evidence.states if (s := each.record.state).id == import_id and s.status in TERMINAL)
    state = changed(ended.record.state, status="cancelled")
    evidence.states.insert(0, ended._replace(record=changed(ended.record, state=state)))


def an_end_was_not_told(evidence: Evidence) -> None:
    import_id = finished(evidence)
    evidence.notices = [
        each for each in evidence.notices if each.notice.state.id != import_id or each.notice.kind not in TERMINAL
    ]


def another_end_was_told(evidence: Evidence) -> None:
    put(
        evidence.notices,
        lambda each: each.notice.kind == "finished",
        lambda each: each._replace(notice=changed(each.notice, kind="failed")),
    )


def finished_was_told_too_early(evidence: Evidence) -> None:
    def early(each: Addressed) -> Addressed:
        state = each.notice.state
        return each._replace(notice=changed(each.notice, state=changed(state, rows=state.rows - 1)))

    put(evidence.notices, lambda each: each.notice.kind == "finished", early)


def a_page_heard_another_end(evidence: Evidence) -> None:
    put_frame(evidence, lambda frame: frame["kind"] == "finished", lambda frame: frame.update(kind="cancelled"))


# --- I11


def a_contact_is_in_another_workspace(evidence: Evidence) -> None:
    workspace, id_ = shared(evidence)
    evidence.contacts[other(evidence, workspace)][id_] = evidence.contacts[workspace].pop(id_)


def a_contact_is_shown_in_another_workspace(evidence: Evidence) -> None:
    workspace, id_ = shared(evidence)
    evidence.shown[other(evidence, workspace)][id_] = evidence.shown[workspace][id_]


def a_contact_is_told_in_another_workspace(evidence: Evidence) -> None:
    put(
        evidence.changed, lambda each: bool(each.contacts), lambda e: replace(e, workspace=other(evidence, e.workspace))
    )


def a_page_hears_of_another_workspace(evidence: Evidence) -> None:
    home = evidence.watched[0].workspace
    stranger = next(watched for watched in evidence.watched if watched.workspace != home)
    put_frames(evidence, lambda frames: [*frames, next(heard for heard in stranger.frames if is_event(heard))])


def a_job_belongs_to_another_workspace(evidence: Evidence) -> None:
    evidence.jobs[0] = evidence.jobs[0]._replace(workspace=other(evidence, evidence.jobs[0].workspace))


# --- I12


def a_process_grew(evidence: Evidence) -> None:
    assert evidence.after
    memory = {**evidence.after.memory, "importer.1": 4 * evidence.after.memory["importer.1"]}
    evidence.after = replace(evidence.after, memory=memory)


def a_process_is_gone(evidence: Evidence) -> None:
    assert evidence.after
    memory = {name: size for name, size in evidence.after.memory.items() if name != "tracker.1"}
    evidence.after = replace(evidence.after, memory=memory)


def files_stay_open(evidence: Evidence) -> None:
    assert evidence.after
    evidence.after = replace(evidence.after, files={**evidence.after.files, "web": 1000})


def connections_stay_open(evidence: Evidence) -> None:
    assert evidence.after
    evidence.after = replace(evidence.after, connections={"postgres": 1000, "redis": 1})


PLANTED: dict[str, tuple[Callable[[Evidence], None], ...]] = {
    "I1": (
        an_upload_was_never_answered,
        an_import_has_no_end,
        an_import_is_never_visible,
        an_import_failed,
        a_ledger_row_is_missing,
        a_segment_is_not_in_the_log,
        a_segment_lost_its_last_line,
        a_problem_was_not_told,
        a_problem_has_another_line,
        a_segment_was_given_up,
    ),
    "I2": (
        a_contact_is_missing,
        a_contact_is_there_twice,
        a_contact_has_another_name,
        a_contact_lost_an_element,
        a_contact_has_an_own_field_too_many,
        a_contact_was_written_twice,
        a_write_is_missing,
        a_contact_forgot_a_source,
        a_contact_is_deleted,
        nobody_knows_an_order_second,
    ),
    "I3": (
        done_was_told_of_nothing,
        a_projection_was_told_of_nothing,
        contacts_were_told_of_nothing,
        a_contact_was_told_before_it_was_written,
        a_version_was_told_in_two_ways,
        counts_were_told_that_the_ledger_has_not,
        the_read_model_is_ahead,
    ),
    "I4": (
        an_index_has_two_contents,
        a_segment_has_other_bytes,
        the_ledger_has_other_bytes,
        a_segment_has_two_results,
        a_segment_has_two_lists_of_problems,
        work_was_done_again_and_again,
        contacts_were_told_again_and_again,
    ),
    "I5": (an_offset_was_committed_too_early, an_offset_was_committed_while_its_transaction_ran),
    "I6": (
        progress_went_back,
        a_frame_shows_what_nobody_told,
        frames_are_out_of_order,
        a_frame_is_missing,
        a_version_has_two_states,
        the_wrong_statement_won,
        the_wrong_position_added_an_element,
    ),
    "I7": (
        a_contact_is_not_shown,
        a_contact_is_shown_as_it_was,
        a_contact_is_shown_with_another_name,
        a_contact_is_shown_with_another_origin,
        a_contact_cannot_be_found,
        a_contact_was_never_told,
        the_contacts_of_a_segment_were_never_told,
        a_segment_was_told_in_two_halves_of_two_tellings,
        a_problem_is_not_listed,
        an_import_is_listed_as_it_was,
        somebody_lags,
        an_upload_was_not_told,
        a_page_stopped_before_the_end,
        a_page_was_late,
        a_page_was_refused,
    ),
    "I8": (work_stood_still_after_a_fault, work_never_went_on),
    "I9": (a_repeat_made_another_import, an_import_was_made_that_nobody_asked_for, two_imports_have_one_place),
    "I10": (
        a_count_is_off_by_one,
        the_rows_are_not_the_sum,
        the_ledger_is_off_by_one,
        a_contact_was_created_twice,
        an_import_ended_twice,
        an_end_was_not_told,
        another_end_was_told,
        finished_was_told_too_early,
        a_page_heard_another_end,
    ),
    "I11": (
        a_contact_is_in_another_workspace,
        a_contact_is_shown_in_another_workspace,
        a_contact_is_told_in_another_workspace,
        a_page_hears_of_another_workspace,
        a_job_belongs_to_another_workspace,
    ),
    "I12": (a_process_grew, a_process_is_gone, files_stay_open, connections_stay_open),
}
"""Invariant -> what it must notice."""
