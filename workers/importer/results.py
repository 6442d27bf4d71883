"""What is told about a segment that is in the database. Pure: stored contacts in, records of at most 512 KB out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from app.core.contacts import PARTS, SCALARS, Address, Contact, Mark, full_name, living
from app.core.events import NO_IMPORT, ContactsChanged, ImportProblems, ProblemOut, SegmentHeader, SourceOut
from app.core.positions import order_second
from workers.importer.store import Alike, Stored

_POSITION = itemgetter(0)
PART_BYTES = 512 * 1024
Sources = Mapping[int, SourceOut]
_encode = msgspec.json.Encoder().encode


def seconds(contacts: Iterable[Stored]) -> set[int]:
    """The order seconds of all imports that something in these contacts comes from."""
    found: set[int] = set()
    for stored in contacts:
        contact = stored.contact
        found.update(contact.sources)
        if _is_mixed(contact):
            found.update(map(order_second, {*contact.stamps, *map(_POSITION, contact.sets.values())} - {None}))
    return found


def beside(alike: Iterable[Alike]) -> set[int]:
    """The same of contacts that are as they were staged."""
    kinds = {(each.sources, order_second(each.stamp)) for each in alike}
    return {second for sources, origin in kinds for second in (*sources, origin)}


def contact_out(stored: Stored, sources: Sources) -> dict[str, Any]:
    """A contact as everybody else sees it, in the shape of `events.ContactOut`.

    A plain dict without what is empty, because structs would cost the importers more than reading the file. What an
    import that `sources` does not know has brought is there, but not where it is from.
    """
    contact = stored.contact
    id_, values, sets = stored.id, contact.values, living(contact.sets)
    texts = {field: value for field, value in zip(SCALARS, values, strict=True) if value}
    told: dict[str, Any] = {
        "id": f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}",
        "version": stored.version,
        "updated_at": stored.updated_at,
        **texts,
        **_elements(contact, sets, sources),
        "sources": [sources[second] for second in contact.sources if second in sources],
    }
    if _is_mixed(contact):  # of one source alone, `app.core.origins` says the rest
        told.update(_origins(contact, told["sources"], sources))
    if not values[0]:
        told["name"] = full_name(values)
    if contact.custom:
        told["custom"] = {key[1:]: mark[1] for key, mark in contact.custom.items()}
    if contact.deletion is not None and not texts and not sets:
        told["deleted"] = True
    return told


def origin(second: int, brought: Sequence[SourceOut], sources: Sources) -> dict[str, Any]:
    """Where all fields of a contact are from; nothing if that is all that `brought` anything anyway."""
    found = sources.get(second)
    if found is None:
        return {"origins": {}}
    return {} if [found] == brought else {"origin": found}


def told(contacts: Iterable[Stored], sources: Sources) -> list[bytes]:
    """Each contact as JSON."""
    return [_encode(contact_out(stored, sources)) for stored in contacts]


def changed(segment: SegmentHeader, site: str, told: Sequence[bytes], at: float) -> list[bytes]:
    """The records for `contacts.changed`; one even if nobody changed, for the projector counts segments."""
    return _records(partial(ContactsChanged, contacts=()), segment, site, list(_groups(told)) or [[]], at)


def again(workspace: UUID, site: str, told: Sequence[bytes], at: float, erased: tuple[UUID, ...] = ()) -> list[bytes]:
    """The records for `contacts.changed` of contacts that no import has brought just now; each stands alone."""
    frame = ContactsChanged(
        workspace=workspace,
        import_id=NO_IMPORT,
        index=0,
        part=0,
        parts=1,
        at=at,
        site=site,
        erased=erased,
        contacts=(),
    )
    return [_filled(frame, group) for group in _groups(told)]


def problems(segment: SegmentHeader, site: str, found: Sequence[ProblemOut], at: float) -> list[bytes]:
    """The records for `import.problems`; none if nothing is wrong."""
    told = [_encode(problem) for problem in found]
    return _records(partial(ImportProblems, problems=()), segment, site, list(_groups(told)), at)


def _records(
    event: Callable[..., ContactsChanged | ImportProblems],
    segment: SegmentHeader,
    site: str,
    groups: Sequence[Sequence[bytes]],
    at: float,
) -> list[bytes]:
    """One record for each group of encoded members; `event` makes the frame, with its list empty."""
    return [
        _filled(
            event(
                workspace=segment.workspace,
                import_id=segment.import_id,
                index=segment.index,
                part=part,
                parts=len(groups),
                at=at,
                site=site,
            ),
            group,
        )
        for part, group in enumerate(groups)
    ]


def _filled(frame: ContactsChanged | ImportProblems, encoded: Sequence[bytes]) -> bytes:
    """The event with its list, whose members are encoded already; the list is its last field."""
    head = _encode(frame)
    assert head.endswith(b"[]}")
    return head[:-2] + b",".join(encoded) + b"]}"


def _groups(encoded: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for each in encoded:
        if group and size + len(each) > PART_BYTES - 1024:
            yield group
            group, size = [], 0
        group.append(each)
        size += len(each) + 1
    if group:
        yield group


def _elements(contact: Contact, sets: Mapping[str, Mark], sources: Sources) -> dict[str, list[Any]]:
    """E-mails, phones, addresses, links and labels; the e-mail that identifies comes first, the rest as in the file."""
    identity = "e" + contact.match_key[2:]
    only = _only_source(contact, sources)
    found: dict[str, list[tuple[bool, int, int, str, Any]]] = {}
    for key, (at, text, slot) in sets.items():
        kind = _KINDS.get(key[0])
        if kind is None:
            continue
        name, capital, shape = kind
        element = shape(key[1:], text)
        if capital:
            label = sets.get(capital + key[1:])
            if label is not None:
                element["label"] = label[1]
            source = only or sources.get(order_second(at))
            if source is not None:
                element["from"] = source.import_id
        ranked = (key != identity, slot, at, key, element)
        if name in found:
            found[name].append(ranked)
        else:
            found[name] = [ranked]
    return {name: [each[4] for each in (sorted(many) if len(many) > 1 else many)] for name, many in found.items()}


def _phone(key: str, text: str) -> dict[str, str]:
    return {"value": "", "raw": key[1:]} if key[0] == "?" else {"value": key, "raw": text or key}


def _address(key: str, text: str) -> dict[str, str]:
    return {name: part for name, part in zip(ADDRESS_PARTS, key.split(PARTS), strict=True) if part}


ADDRESS_PARTS = Address._fields[:5]
_KINDS: dict[str, tuple[str, str, Callable[[str, str], Any]]] = {
    "e": ("emails", "E", lambda key, text: {"value": text or key}),
    "p": ("phones", "P", _phone),
    "a": ("addresses", "A", _address),
    "u": ("urls", "U", lambda key, text: {"value": key}),
    "l": ("labels", "", lambda key, text: text or key),
}
"""Letter of an element -> its field, the letter of its label, how it is shown."""


def _is_mixed(contact: Contact) -> bool:
    """Whether what is in it is from several imports; a source that it lost may be the origin of something still."""
    return len(contact.sources) > 1 or order_second(contact.born) != order_second(contact.last)


def _only_source(contact: Contact, sources: Sources) -> SourceOut | None:
    """Where all of a contact is from, as with nearly every one; asking for each part would cost as much as the rest."""
    second = order_second(contact.born)
    return sources.get(second) if order_second(contact.last) == second else None


def _origins(contact: Contact, brought: Sequence[SourceOut], sources: Sources) -> dict[str, Any]:
    fields = {
        field: order_second(stamp)
        for field, value, stamp in zip(SCALARS, contact.values, contact.stamps, strict=True)
        if value and stamp is not None
    }
    if len(set(fields.values())) == 1:
        return origin(next(iter(fields.values())), brought, sources)
    return {"origins": {field: sources[second] for field, second in fields.items() if second in sources}}
