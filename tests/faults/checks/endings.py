"""Requests and imports: each is answered once, comes to one end, and its counts are those of its rows."""

from collections import Counter, defaultdict
from uuid import UUID

from app.core.events import Counts, Sealed
from app.core.imports import TERMINAL, State
from tests.faults.checks.ground import OUTCOMES, Finding, Ground
from tests.faults.expected import Upload


def nothing_is_lost(ground: Ground) -> Finding:
    """I1: answered, ended, shown; all segments in the ledger; every bad row told with its line and code."""
    found = Finding()
    stuck = 0
    for upload in ground.expectation.uploads:
        found.expect(ground.evidence.answers.get(upload.number), f"upload {upload.number} was never answered")
    for import_id, upload in ground.imports.items():
        name, state = ground.name(import_id), ground.ends.get(import_id)
        ended = state is not None and state.status in TERMINAL
        stuck += not ended or state is None or not state.visible
        allowed = {"finished", "cancelled"} if upload.cancelled else {"finished"}
        found.expect(not ended or ground.status(import_id) in allowed, f"{name} is {ground.status(import_id)}")
        found.expect(ended, f"{name} has come to no end: {ground.status(import_id)}")
        found.expect(state is not None and state.visible, f"{name} is not visible")
    rows_lost = sum(_segments(ground, found, id_) for id_ in ground.finished)
    for letter in ground.evidence.letters:
        if letter.topic == "dead":
            meant = letter.origin in ground.evidence.meant
            found.expect(meant, f"{letter.origin} was given up: {letter.reason}")
    _rejected(ground, found)
    found.figures = {"imports": len(ground.imports), "stuck": stuck, "rows lost": rows_lost}
    return found


def _segments(ground: Ground, found: Finding, import_id: UUID) -> int:
    """How many rows of a finished import were never merged."""
    name, spans, merged = ground.name(import_id), ground.spans[import_id], ground.merged[import_id]
    sealed = {
        happened.fact.segments
        for happened in ground.evidence.facts
        if isinstance(happened.fact, Sealed) and happened.fact.import_id == import_id
    }
    found.expect(len(sealed) == 1, f"{name} was sealed with {sorted(sealed)} segments")
    found.expect(
        sorted(spans) == list(range(max(sealed, default=0))), f"of {name} the log has segments {sorted(spans)}"
    )
    for index in spans.keys() & {index - 1 for index in spans}:
        found.expect(spans[index][1] == spans[index + 1][0], f"lines are missing behind segment {index} of {name}")
    given_up = ground.given_up[import_id].keys()
    missing = sorted(spans.keys() - merged - given_up)
    found.expect(not missing, f"segments {missing} of {name} are not in the ledger")
    return sum(len(_rows(ground, import_id, index)) for index in missing)


def _rows(ground: Ground, import_id: UUID, index: int) -> list[int]:
    """The lines of the rows that lie in a segment."""
    first, end = ground.spans[import_id][index]
    return [row.line for row in ground.imports[import_id].rows if first <= row.line < end]


def _rejected(ground: Ground, found: Finding) -> None:
    told: dict[UUID, set[tuple[int, str]]] = defaultdict(set)
    for complaint in ground.evidence.problems:
        told[complaint.import_id] |= {(trouble.line, trouble.code) for trouble in complaint.troubles}
    for import_id, upload in ground.finished.items():
        must = set(upload.rejected)
        for line, code in sorted(must - told[import_id]):
            found.wrong.append(f"line {line} of {ground.name(import_id)} was not told to be {code}")
        for line, code in sorted(told[import_id] - must):
            found.wrong.append(f"line {line} of {ground.name(import_id)} was told to be {code}")


def one_import_a_request(ground: Ground) -> Finding:
    """I9: every answer to an upload names the same import, and there are no others."""
    found = Finding()
    double = 0
    for number, answers in ground.evidence.answers.items():
        found.expect(len(set(answers)) <= 1, f"upload {number} was answered with {len(set(answers))} imports")
        double += max(0, len(set(answers)) - 1)
    rows = Counter(job.import_id for job in ground.evidence.jobs)
    for import_id in ground.imports.keys() - rows.keys():
        found.wrong.append(f"of {ground.name(import_id)} the jobs service knows nothing")
    for import_id in rows.keys() - ground.imports.keys():
        double += 1
        found.wrong.append(f"the jobs service has {ground.name(import_id)}")
    seconds = Counter((job.workspace, job.second) for job in ground.evidence.jobs)
    for (_, second), times in seconds.items():
        found.expect(times == 1, f"the order second {second} was given {times} times")
    found.figures = {"double": double}
    return found


def one_end(ground: Ground) -> Finding:
    """I10: one terminal status for ever; the counts are exact; the end is told on every channel of the import."""
    found = Finding()
    miscounted = {id_ for id_, upload in ground.imports.items() if not _counts(ground, found, id_, upload)}
    status: dict[UUID, str] = {}
    for folded in ground.evidence.states:
        state = folded.record.state
        known = status.get(state.id)
        found.expect(known in {None, state.status}, f"{ground.name(state.id)} was {known} and then {state.status}")
        if state.status in TERMINAL:
            status[state.id] = state.status
    _told_once(ground, found)
    _seen_once(ground, found)
    _created(ground, found)
    found.figures = {"miscount": len(miscounted)}
    return found


def _counts(ground: Ground, found: Finding, import_id: UUID, upload: Upload) -> bool:
    """Whether the counts of an import are those of its rows, and of the ledger."""
    state = ground.ends.get(import_id)
    if state is None:
        return False
    name = ground.name(import_id)
    before = len(found.wrong)
    told = {outcome: getattr(state, outcome) for outcome in OUTCOMES}
    found.expect(state.rows == sum(told.values()), f"{name} has {state.rows} rows and {sum(told.values())} outcomes")
    ledger, given_up = _summed(ground, import_id), sum(ground.given_up[import_id].values())
    for outcome in OUTCOMES:
        wanted = getattr(ledger, outcome) + (given_up if outcome == "rejected" else 0)
        found.expect(told[outcome] == wanted, f"{name} says {told[outcome]} {outcome}, the ledger {wanted}")
    if state.status == "finished" and not given_up:
        present = state.created + state.updated + state.unchanged
        for what, is_, must in (
            ("rows", state.rows, len(upload.rows)),
            ("people", present, len(upload.keys)),
            ("duplicates", state.duplicate, len(upload.duplicates)),
            ("rejected rows", state.rejected, len(upload.rejected)),
        ):
            found.expect(is_ == must, f"{name} has {is_} {what}, and must have {must}")
        own = len(upload.keys - _others(ground, upload))
        found.expect(state.created >= own, f"{name} created {state.created}; {own} people are in no other import")
    return len(found.wrong) == before


def _summed(ground: Ground, import_id: UUID) -> Counts:
    rows = [row.counts for row in ground.evidence.ledger if row.import_id == import_id]
    return Counts(**{outcome: sum(getattr(row, outcome) for row in rows) for outcome in OUTCOMES})


def _others(ground: Ground, upload: Upload) -> set[str]:
    others = [each.keys for each in ground.expectation.of(upload.workspace) if each.number != upload.number]
    return set().union(*others)


def _created(ground: Ground, found: Finding) -> None:
    """Whoever came first created a contact, nobody else."""
    for workspace, number in ground.numbers.items():
        created = sum(row.counts.created for row in ground.evidence.ledger if row.workspace == workspace)
        there = len(ground.model[workspace])
        found.expect(created == there, f"workspace {number}: {created} created, and {there} people")


def _told_once(ground: Ground, found: Finding) -> None:
    """The end may be told again by a tracker that was interrupted; it is the same end, and it is told everywhere."""
    kinds: dict[tuple[UUID, str], set[str]] = defaultdict(set)
    channels: dict[UUID, set[str]] = defaultdict(set)
    for addressed in ground.evidence.notices:
        notice, state = addressed.notice, addressed.notice.state
        channels[state.id].add(notice.channel)
        if notice.kind in TERMINAL:
            kinds[state.id, notice.channel].add(notice.kind)
            found.expect(notice.kind == state.status, f"{ground.name(state.id)} was told {notice.kind}: {state.status}")
            _complete(ground, found, state)
    for import_id, where in channels.items():
        if ground.status(import_id) not in TERMINAL:
            continue
        for channel in where:
            told, status = kinds[import_id, channel], ground.status(import_id)
            how = " and ".join(sorted(told)) or "nothing"
            found.expect(told == {status}, f"{ground.name(import_id)} ended as {status} and was told {how}")


def _seen_once(ground: Ground, found: Finding) -> None:
    """A page that heard an end was told that one."""
    for watched in ground.evidence.watched:
        for heard in watched.frames:
            frame = heard.frame
            if frame["type"] == "event" and frame["kind"] in TERMINAL:
                status = ground.status(UUID(frame["state"]["id"]))
                told = {frame["kind"], frame["state"]["status"]}
                name = ground.name(UUID(frame["state"]["id"]))
                found.expect(told == {status}, f"witness {watched.name} heard that {name} is {' and '.join(told)}")


def _complete(ground: Ground, found: Finding, state: State) -> None:
    """Finished means that all rows are in, not that they will be."""
    upload = ground.imports.get(state.id)
    if upload is not None and state.status == "finished" and not ground.given_up[state.id]:
        found.expect(
            state.rows == len(upload.rows),
            f"{ground.name(state.id)} was told finished with {state.rows} of {len(upload.rows)} rows",
        )
