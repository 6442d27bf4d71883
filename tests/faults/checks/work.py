"""Segments and what was told of them: only what was committed, one result each, and offsets behind their effects."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

from app.core.events import Projected, SegmentDone
from tests.faults import views
from tests.faults.checks.ground import Finding, Ground
from tests.faults.evidence import Part, Segment


def only_what_is_committed(ground: Ground) -> Finding:
    """I3: every fact, change and problem is of a segment in the ledger, and no contact is told that never was."""
    found = Finding()
    for what, part in _told(ground):
        found.expect(part in ground.ledger, f"{what} segment {part[1]} of {ground.name(part[0])}: it is in no ledger")
    for part, told in ground.done.items():
        row = ground.ledger.get(part)
        for counts in told:
            found.expect(
                row is None or counts == row.counts,
                f"segment {part[1]} of {ground.name(part[0])} was told done with other counts than the ledger's",
            )
    ahead = _contacts_told(ground, found)
    for workspace, shown in ground.evidence.shown.items():
        is_ = ground.evidence.contacts.get(workspace, {})
        for id_, view in shown.items():
            if id_ in is_ and view.version > is_[id_].version:
                ahead += 1
                found.wrong.append(f"contact {id_} is shown in version {view.version}, and is {is_[id_].version}")
    found.figures = {"ahead": ahead}
    return found


def _told(ground: Ground) -> Iterator[tuple[str, Part]]:
    for happened in ground.evidence.facts:
        fact = happened.fact
        if isinstance(fact, SegmentDone):
            yield "done was told of", (fact.import_id, fact.index)
        elif isinstance(fact, Projected):
            yield from (("a projection was told of", (fact.import_id, index)) for index in fact.indexes)
    for changed in ground.evidence.changed:
        yield "contacts were told of", (changed.import_id, changed.index)
    for complaint in ground.evidence.problems:
        yield "problems were told of", (complaint.import_id, complaint.index)


def _contacts_told(ground: Ground, found: Finding) -> int:
    """A version of a contact is one content, and no version is above that of the database; how many are."""
    ahead = 0
    told: dict[tuple[UUID, int], bytes] = {}
    for changed in ground.evidence.changed:
        is_ = ground.evidence.contacts.get(changed.workspace, {})
        for id_, version, doc in changed.contacts:
            first = told.setdefault((id_, version), doc)
            if first != doc and views.differences(views.of_doc(first), views.of_doc(doc)):
                found.wrong.append(f"version {version} of contact {id_} was told with two contents")
            if id_ not in is_ or is_[id_].version < version:
                ahead += 1
                found.wrong.append(f"version {version} of contact {id_} was told and is not in the database")
    return ahead


def one_result(ground: Ground) -> Finding:
    """I4: one content, one checksum, one place in the order, one set of counts, however often it is handled."""
    found = Finding()
    first: dict[Part, Segment] = {}
    for segment in ground.evidence.segments:
        if segment.reference in ground.evidence.meant:
            continue
        part = (segment.import_id, segment.index)
        name = f"segment {segment.index} of {ground.name(segment.import_id)}"
        known = first.setdefault(part, segment)
        found.expect(segment.crc == segment.sum, f"{name} has other bytes than its header says")
        same = (known.crc, known.second, known.first_line) == (segment.crc, segment.second, segment.first_line)
        found.expect(same, f"{name} is in the log twice, and not the same")
        row = ground.ledger.get(part)
        found.expect(row is None or row.crc == segment.crc, f"{name} is in the ledger with other bytes")
    for part, told in ground.done.items():
        found.expect(len(set(told)) == 1, f"segment {part[1]} of {ground.name(part[0])} was done with several counts")
    _complaints(ground, found)
    again, needed = _again(ground), max(1, len(ground.done))
    in_hand = ground.limits.in_hand * len(ground.evidence.faults)
    limit = max(in_hand, (ground.limits.rework - 1) * needed)
    found.expect(again <= limit, f"{again} of {needed} segments were done again, at most {limit:.0f} are allowed")
    found.figures = {"segments": len(first), "rework": 1 + again / needed}
    return found


def _complaints(ground: Ground, found: Finding) -> None:
    """However often it is told, a segment has one list of problems."""
    problems: dict[tuple[Part, int], object] = {}
    for complaint in ground.evidence.problems:
        part = (complaint.import_id, complaint.index)
        first = problems.setdefault((part, complaint.part), complaint.troubles)
        found.expect(
            first == complaint.troubles, f"segment {part[1]} of {ground.name(part[0])} has two lists of problems"
        )


def _again(ground: Ground) -> int:
    """How many segments were done, or their contacts told, after they had been already."""
    done = sum(len(told) - 1 for told in ground.done.values())
    # Told again, a segment may be told in another number of records; each telling has a first one.
    tellings = Counter((changed.import_id, changed.index) for changed in ground.evidence.changed if not changed.part)
    return max(done, tellings.total() - len(tellings))


def offsets_behind_effects(ground: Ground) -> Finding:
    """I5: whatever lies below a committed offset was in the ledger, or given up, when that offset was seen."""
    found = Finding()
    places: dict[str, list[Segment]] = defaultdict(list)
    for segment in ground.evidence.segments:
        places[f"{segment.topic}/{segment.partition}"].append(segment)
    for segments in places.values():
        segments.sort(key=lambda segment: segment.offset, reverse=True)
    elsewhere = {letter.origin for letter in ground.evidence.letters}
    early = 0
    for sample in ground.evidence.samples:
        is_visible = _snapshot(sample.snapshot)
        for place, committed in sample.committed.items():
            waiting = places.get(place, [])
            while waiting and waiting[-1].offset < committed:
                segment = waiting.pop()
                row = ground.ledger.get((segment.import_id, segment.index))
                effect = row is not None and is_visible(row.xid)
                if not effect and segment.reference not in elsewhere and not ground.stopped(segment.import_id):
                    early += 1
                    found.wrong.append(f"{segment.reference} was passed at {sample.at:.3f} without any effect")
    found.figures = {"samples": len(ground.evidence.samples), "ahead": early}
    return found


def _snapshot(text: str) -> Callable[[int], bool]:
    """Whether a transaction had committed when a snapshot (`xmin:xmax:running`) was taken; at last it did."""
    least, most, running = text.split(":")
    still = {int(xid) for xid in running.split(",") if xid}
    return lambda xid: xid < int(least) or (xid < int(most) and xid not in still)
