"""What people see: it only goes forward, and in the end it is what the database has."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from app.core.channels import workspace_channel
from app.core.events import SegmentFailed
from app.core.imports import TERMINAL, State
from tests.faults import views
from tests.faults.checks.ground import OUTCOMES, Finding, Ground, share
from tests.faults.evidence import Part, Stored, Trouble, Watched

COUNTERS = ("bytes_received", "bytes_done", "parts_done", "rows", *OUTCOMES)
_ORDER = {"requested": 0, "running": 1, "finished": 2, "failed": 2, "cancelled": 2}
SNAPSHOT_ENDED = 20
"""So many ended imports are in a snapshot of a workspace's channel; older ones are history."""


class Seen(NamedTuple):
    """A state that a page would have shown, newer than the one before."""

    at: float
    state: State


def only_forward(ground: Ground) -> Finding:
    """I6: frames come in order, states and counters only grow; of each field the stamp is the strongest statement's."""
    found = Finding()
    back = 0
    said = _said(ground, found)
    replaced = {e.fact.import_id for e in ground.evidence.facts if isinstance(e.fact, SegmentFailed)}
    for watched in ground.evidence.watched:
        back += _in_order(watched, found)
        for import_id, seen in accepted(watched).items():
            name = f"witness {watched.name}: {ground.name(import_id)}"
            for before, after in pairwise(seen):
                fallen = [] if import_id in replaced else _fallen(before.state, after.state)
                back += bool(fallen)
                found.expect(not fallen, f"{name} went back in {', '.join(fallen)}")
            for each in seen:
                known = said.get((import_id, each.state.version))
                end = ground.ends.get(import_id)
                if known is None and end is not None and each.state.version > end.version:
                    found.wrong.append(f"{name} was seen in version {each.state.version}, which never was")
                found.expect(known in {None, _essence(each.state)}, f"{name} was not told as it was seen")
    for workspace, id_, must, is_ in ground.contacts():
        if must is not None and is_ is not None and (late := _late(must, is_)):
            who = f"contact {id_} of workspace {ground.numbers[workspace]}"
            found.wrong.append(f"{who}: others than the right ones wrote {', '.join(late)}")
    found.figures = {"back": back}
    return found


def _said(ground: Ground, found: Finding) -> dict[tuple[UUID, int], bytes]:
    """(import, version) -> the state as the tracker told it, each time alike."""
    said: dict[tuple[UUID, int], bytes] = {}
    for addressed in ground.evidence.notices:
        state = addressed.notice.state
        first = said.setdefault((state.id, state.version), _essence(state))
        alike = first == _essence(state)
        found.expect(alike, f"version {state.version} of {ground.name(state.id)} was told in two ways")
    return said


def _essence(state: State) -> bytes:
    return msgspec.json.encode(state)


def _in_order(watched: Watched, found: Finding) -> int:
    """Offsets follow each other on every connection; how many do not."""
    place: tuple[int, str, int] = (0, "", 0)
    wrong = 0
    for heard in watched.frames:
        frame = heard.frame
        if frame["type"] == "subscribed":
            place = (heard.socket, frame["epoch"], frame["offset"])
        elif frame["type"] == "event":
            before = place[2] if place[:2] == (heard.socket, frame["epoch"]) else 0
            follows = place[0] == heard.socket and frame["previous"] == before < frame["offset"]
            wrong += not follows
            found.expect(follows, f"witness {watched.name}: event {frame['offset']} came after {place[2]}")
            place = (heard.socket, frame["epoch"], frame["offset"])
    return wrong


def accepted(watched: Watched) -> dict[UUID, list[Seen]]:
    """Import -> the states that a page shows, one after the other."""
    found: dict[UUID, list[Seen]] = defaultdict(list)
    for heard in watched.frames:
        for told in states_of(heard.frame):
            state = msgspec.convert(told, State, strict=False)
            seen = found[state.id]
            if not seen or state.version > seen[-1].state.version:
                seen.append(Seen(heard.at, state))
    return found


def states_of(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The states in a frame, in the order in which a page takes them."""
    if frame["type"] == "event":
        yield frame["state"]
    elif frame["type"] == "subscribed":
        yield from (event["state"] for event in frame["events"])
        yield from frame["states"]


def _fallen(before: State, after: State) -> list[str]:
    fallen = [name for name in COUNTERS if getattr(after, name) < getattr(before, name)]
    if _ORDER[after.status] < _ORDER[before.status] or (before.status in TERMINAL and after.status != before.status):
        fallen.append("status")
    if before.visible and not after.visible:
        fallen.append("visible")
    return fallen


def _late(must: Stored, is_: Stored) -> list[str]:
    """Fields and elements whose stamp is not that of the statement that must have won."""
    late = [name for name in must.fields.keys() & is_.fields.keys() if must.fields[name][0] != is_.fields[name][0]]
    late += [name for name in must.sets.keys() & is_.sets.keys() if must.sets[name][::2] != is_.sets[name][::2]]
    late += [name for name in must.custom.keys() & is_.custom.keys() if must.custom[name][0] != is_.custom[name][0]]
    late += [name for name in ("born", "last") if getattr(must, name) != getattr(is_, name)]
    return sorted(late)


def all_agree(ground: Ground) -> Finding:
    """I7: nothing waits; read model, last word in the log and every page show what the database has, in time."""
    found = Finding()
    for group, waiting in ground.evidence.lag.items():
        found.expect(waiting == 0, f"{group}: {waiting} records are not done")
    for job in ground.evidence.jobs:
        told = job.told and job.phase != "open"
        found.expect(
            told or ground.stopped(job.import_id), f"the upload of {ground.name(job.import_id)} is {job.phase}, untold"
        )
    differing = _read_model(ground, found)
    _log(ground, found)
    _kept(ground, found)
    delays = _witnesses(ground, found)
    longest, limit = max(delays, default=0.0), ground.limits.view
    found.expect(longest <= limit, f"a page was {longest:.1f} s behind the database, at most {limit:.1f} s is allowed")
    found.figures = {"differ": differing, "view delay": longest, "view delay p95": share(delays, 0.95)}
    return found


def _read_model(ground: Ground, found: Finding) -> int:
    differing = 0
    for workspace in ground.evidence.workspaces.values():
        is_, shown = ground.evidence.contacts.get(workspace, {}), ground.evidence.shown.get(workspace, {})
        for id_ in is_.keys() | shown.keys():
            row, stored = shown.get(id_), is_.get(id_)
            wrong: list[str] = []
            if row is None or stored is None:
                wrong = ["is not shown" if row is None else "is shown, and is not there"]
            else:
                differ = views.differences(ground.views[workspace][id_], views.of_doc(row.doc))
                wrong += [f"is shown with another {name}" for name in differ]
                if row.version != stored.version:
                    wrong.append(f"is shown in version {row.version}, and is {stored.version}")
                if row.listed == row.deleted:
                    wrong.append("cannot be found" if not row.listed else "is found, and deleted")
            differing += bool(wrong)
            found.wrong += [f"contact {id_} of workspace {ground.numbers[workspace]} {what}" for what in wrong]
    return differing


def _log(ground: Ground, found: Finding) -> None:
    """Whoever follows `contacts.changed` has all contacts, and of each segment all parts of one telling."""
    newest: dict[UUID, tuple[int, bytes]] = {}
    tellings: dict[Part, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for changed in ground.evidence.changed:
        tellings[changed.import_id, changed.index][changed.parts].add(changed.part)
        for id_, version, doc in changed.contacts:
            if id_ not in newest or newest[id_][0] < version:
                newest[id_] = (version, doc)
    for part in ground.ledger:
        found.expect(
            any(len(parts) == of for of, parts in tellings[part].items()),
            f"the contacts of segment {part[1]} of {ground.name(part[0])} were not all told",
        )
    for workspace, contacts in ground.evidence.contacts.items():
        for id_, stored in contacts.items():
            version, doc = newest.get(id_, (0, b""))
            if version < stored.version:
                found.wrong.append(f"version {stored.version} of contact {id_} was never told")
            elif version == stored.version:
                differ = views.differences(ground.views[workspace][id_], views.of_doc(doc))
                found.expect(not differ, f"contact {id_} was told with another {', '.join(differ)}")


def _kept(ground: Ground, found: Finding) -> None:
    """The read model's imports and problems."""
    for import_id, state in ground.ends.items():
        kept = ground.evidence.kept.get(import_id)
        same = kept is not None and _essence(kept) == _essence(state)
        found.expect(same, f"{ground.name(import_id)} is not listed as it ended")
    told: set[Trouble] = {trouble for complaint in ground.evidence.problems for trouble in complaint.troubles}
    listed = set(ground.evidence.listed_problems)
    for trouble in told ^ listed:
        where = "told, but not listed" if trouble in told else "listed, but never told"
        found.wrong.append(f"line {trouble.line} of {ground.name(trouble.import_id)} is {where}")


def _witnesses(ground: Ground, found: Finding) -> list[float]:
    """How far each page was behind the database at its end, in seconds; measured from when nothing was broken."""
    rest = max([ground.evidence.healed, *(row.at for row in ground.evidence.ledger)], default=0.0)
    delays = []
    for watched in ground.evidence.watched:
        found.expect(not watched.refused, f"witness {watched.name} was refused: {watched.refused}")
        seen = accepted(watched)
        for state in _due(ground, watched):
            last = seen[state.id][-1] if seen.get(state.id) else None
            if last is None or _essence(last.state) != _essence(state):
                version = last.state.version if last else "none"
                name = ground.name(state.id)
                found.wrong.append(f"witness {watched.name} shows version {version} of {name}, it is {state.version}")
            else:
                delays.append(max(0.0, last.at - rest))
    return delays


def _due(ground: Ground, watched: Watched) -> Sequence[State]:
    """The imports whose end a witness must show."""
    if watched.channel != workspace_channel(watched.workspace):
        return [state for state in ground.ends.values() if state.channel == watched.channel]
    ours = [state for state in ground.ends.values() if state.workspace == watched.workspace]
    return sorted(ours, key=lambda state: state.finished_at or 1e12)[-SNAPSHOT_ENDED:]
