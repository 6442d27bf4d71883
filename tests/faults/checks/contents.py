"""Contacts: everybody who must be there is, once, as expected, and nobody is who belongs to somebody else."""

import re
from collections.abc import Iterator, Mapping
from uuid import UUID

from tests.faults.checks.ground import Finding, Ground
from tests.faults.checks.sight import states_of
from tests.faults.evidence import Mark, Stored


def contacts_are_right(ground: Ground) -> Finding:
    """I2: the same contacts with the same values, sources and number of writes."""
    found = Finding()
    loss = dup = changed = total = 0
    for workspace, id_, must, is_ in ground.contacts():
        total += must is not None
        who = f"contact {id_} of workspace {ground.numbers[workspace]}"
        if is_ is None:
            loss += 1
            found.wrong.append(f"{who} is missing")
        elif must is None:
            dup += 1
            found.wrong.append(f"{who} should not be there")
        else:
            if is_.version > must.version:
                dup += 1
                found.wrong.append(f"{who} was written {is_.version} times, in {must.version} segments")
            elif is_.version < must.version:
                loss += 1
                found.wrong.append(f"{who} was written {is_.version} times; {must.version} segments have it")
            wrong = list(_differences(must, is_))
            changed += bool(wrong)
            found.wrong += [f"{who}: {what}" for what in wrong]
    for import_id, second in ground.seconds.items():
        upload = ground.imports.get(import_id)
        if upload is not None and ground.merged[import_id]:
            known = ground.brought[ground.evidence.workspaces[upload.workspace]].get(second)
            found.expect(known == import_id, f"the order second of {ground.name(import_id)} is known as {known}'s")
    found.figures = {"contacts": total, "loss": loss, "dup": dup, "changed": changed}
    return found


def _differences(must: Stored, is_: Stored) -> Iterator[str]:
    """What people would see; who wrote it when is held against the model by I6."""
    if is_.key != must.key:
        yield f"its key is {is_.key}, not {must.key}"
    if is_.deleted:
        yield "it is deleted"
    if is_.sources != must.sources:
        yield f"its sources are {is_.sources}, not {must.sources}"
    for what, has, wanted in (
        ("fields", {name: each[1] for name, each in is_.fields.items()}, {n: v[1] for n, v in must.fields.items()}),
        ("elements", _texts(is_.sets), _texts(must.sets)),
        ("own fields", _texts(is_.custom), _texts(must.custom)),
    ):
        different = sorted(name for name in has.keys() | wanted.keys() if has.get(name) != wanted.get(name))
        if different:
            yield f"{what} differ in {', '.join(map(repr, different))}"


def _texts(marks: Mapping[str, Mark]) -> dict[str, str]:
    return {name: mark[1] for name, mark in marks.items()}


def nothing_strays(ground: Ground) -> Finding:
    """I11: neither contact nor record nor frame has anything of another workspace."""
    found = Finding()
    strays = 0
    for workspace, where, text in _texts_of(ground):
        foreign = _foreign(ground, workspace, text)
        if foreign:
            strays += 1
            found.wrong.append(f"{where} of workspace {ground.numbers[workspace]} has somebody of workspace {foreign}")
    for workspace, import_id, where in _owned(ground):
        upload = ground.imports.get(import_id)
        if upload is not None and ground.evidence.workspaces[upload.workspace] != workspace:
            strays += 1
            found.wrong.append(f"{where} of {ground.name(import_id)} is under workspace {ground.numbers[workspace]}")
    for watched in ground.evidence.watched:
        for heard in watched.frames:
            for state in states_of(heard.frame):
                upload = ground.imports.get(UUID(state["id"]))
                home = ground.evidence.workspaces[upload.workspace] if upload else None
                if UUID(state["workspace"]) != watched.workspace or home not in {None, watched.workspace}:
                    strays += 1
                    found.wrong.append(f"witness {watched.name} heard of {ground.name(UUID(state['id']))}")
    found.figures = {"strays": strays}
    return found


def _texts_of(ground: Ground) -> Iterator[tuple[UUID, str, bytes]]:
    for workspace, contacts in ground.evidence.contacts.items():
        for id_, stored in contacts.items():
            said = [stored.key, *(value for _, value in stored.fields.values()), *stored.sets]
            yield workspace, f"contact {id_}", "\n".join(said).encode()
    for workspace, shown in ground.evidence.shown.items():
        for id_, row in shown.items():
            yield workspace, f"shown contact {id_}", row.doc
    for changed in ground.evidence.changed:
        for id_, _, doc in changed.contacts:
            yield changed.workspace, f"told contact {id_}", doc


def _owned(ground: Ground) -> Iterator[tuple[UUID, UUID, str]]:
    evidence = ground.evidence
    yield from ((row.workspace, row.import_id, "a ledger row") for row in evidence.ledger)
    yield from ((job.workspace, job.import_id, "the job") for job in evidence.jobs)
    yield from ((segment.workspace, segment.import_id, "a segment") for segment in evidence.segments)
    yield from ((each.fact.workspace, each.fact.import_id, "a fact") for each in evidence.facts)
    yield from ((each.record.state.workspace, each.record.state.id, "a state") for each in evidence.states)
    yield from ((each.notice.workspace, each.notice.state.id, "a notice") for each in evidence.notices)
    yield from ((changed.workspace, changed.import_id, "a change") for changed in evidence.changed)
    yield from ((complaint.workspace, complaint.import_id, "a problem") for complaint in evidence.problems)


def _foreign(ground: Ground, workspace: UUID, text: bytes) -> str:
    """The number of another workspace whose canary is in a text, "" if there is none."""
    own = str(ground.numbers[workspace])
    for number in re.findall(rb"(?i)\bw(\d+)s%dz\b" % ground.expectation.seed, text):
        if number.decode() != own:
            return str(number.decode())
    return ""
