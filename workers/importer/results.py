"""What is told about a segment that is in the database. Pure: stored contacts in, records of at most 512 KB out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from app.core.contacts import SCALARS, Contact, full_name, living
from app.core.events import (
    AddressOut,
    ContactOut,
    ContactsChanged,
    EmailOut,
    ImportProblems,
    PhoneOut,
    ProblemOut,
    SegmentHeader,
    SourceOut,
)
from app.core.positions import order_second
from workers.importer.store import Stored

PART_BYTES = 512 * 1024
Sources = Mapping[int, SourceOut]
_encode = msgspec.json.Encoder().encode


def seconds(contacts: Iterable[Stored]) -> set[int]:
    """The order seconds of all imports that something in these contacts comes from."""
    found: set[int] = set()
    for stored in contacts:
        contact = stored.contact
        found.update(contact.sources)
        if len(contact.sources) > 1:
            found.update(order_second(stamp) for stamp in contact.stamps if stamp is not None)
            found.update(order_second(mark[0]) for mark in contact.sets.values())
    return found


def contact_out(stored: Stored, sources: Sources) -> ContactOut:
    """A contact as everybody else sees it. An import that `sources` does not know is left out."""
    contact = stored.contact
    values = {field: value for field, value in zip(SCALARS, contact.values, strict=True) if value}
    values["name"] = full_name(contact.values)
    emails, phones, addresses, urls, labels = _sets(contact, sources)
    return ContactOut(
        id=UUID(stored.id),
        version=stored.version,
        updated_at=stored.updated_at,
        deleted=contact.deletion is not None and not (any(contact.values) or emails or phones or addresses or urls),
        emails=tuple([EmailOut(value=text or key, label=label, from_=by) for key, text, label, by in emails]),
        phones=tuple([_phone(key, text, label, by) for key, text, label, by in phones]),
        addresses=tuple([_address(key, label, by) for key, _, label, by in addresses]),
        urls=tuple([EmailOut(value=key, label=label, from_=by) for key, _, label, by in urls]),
        labels=tuple(sorted([text or key for key, text, _, _ in labels])),
        custom={key[1:]: mark[1] for key, mark in contact.custom.items()},
        origins=_origins(contact, sources),
        sources=tuple([sources[second] for second in contact.sources if second in sources]),
        **values,
    )


def changed(segment: SegmentHeader, contacts: Sequence[Stored], sources: Sources, at: float) -> list[bytes]:
    """The records for `contacts.changed`; one even if nobody changed, for the projector counts segments."""
    told = [_encode(contact_out(stored, sources)) for stored in contacts]
    groups = list(_groups(told)) or [[]]
    return [
        _filled(
            ContactsChanged(
                workspace=segment.workspace,
                import_id=segment.import_id,
                index=segment.index,
                part=part,
                parts=len(groups),
                at=at,
                site=segment.site,
                contacts=(),
            ),
            group,
        )
        for part, group in enumerate(groups)
    ]


def problems(segment: SegmentHeader, found: Sequence[ProblemOut], at: float) -> list[bytes]:
    """The records for `import.problems`; none if nothing is wrong."""
    groups = list(_groups([_encode(problem) for problem in found]))
    return [
        _filled(
            ImportProblems(
                workspace=segment.workspace,
                import_id=segment.import_id,
                index=segment.index,
                part=part,
                parts=len(groups),
                at=at,
                site=segment.site,
                problems=(),
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


Element = tuple[str, str, str, str]
"""What an element is, how it was written, its label, the import that last added it."""


def _sets(
    contact: Contact, sources: Sources
) -> tuple[list[Element], list[Element], list[Element], list[Element], list[Element]]:
    """E-mails, phones, addresses, links and labels; the e-mail that identifies comes first, the rest as in the file."""
    shown = dict(living(contact))
    found: dict[str, list[tuple[tuple[bool, int, int, str], Element]]] = {kind: [] for kind in "epaul"}
    for key, (at, text, slot) in shown.items():
        kind = key[0]
        if kind in found:
            label = shown.get(kind.upper() + key[1:])
            source = sources.get(order_second(at))
            rank = ("e:" + key[1:] != contact.match_key, slot, at, key)
            found[kind].append((rank, (key[1:], text, label[1] if label else "", source.import_id if source else "")))
    emails, phones, addresses, urls, labels = ([each for _, each in sorted(many)] for many in found.values())
    return emails, phones, addresses, urls, labels


def _phone(key: str, text: str, label: str, by: str) -> PhoneOut:
    if key.startswith("?"):
        return PhoneOut(value="", raw=key[1:], label=label, from_=by)
    return PhoneOut(value=key, raw=text or key, label=label, from_=by)


def _address(key: str, label: str, by: str) -> AddressOut:
    street, city, region, postal_code, country = key.split("\x1f")
    return AddressOut(
        street=street, city=city, region=region, postal_code=postal_code, country=country, label=label, from_=by
    )


def _origins(contact: Contact, sources: Sources) -> dict[str, SourceOut]:
    return {
        field: sources[order_second(stamp)]
        for field, value, stamp in zip(SCALARS, contact.values, contact.stamps, strict=True)
        if value and stamp is not None and order_second(stamp) in sources
    }
