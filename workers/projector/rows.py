"""A contact of `contacts.changed` becomes a row of the read model. Pure; the hot path of the projector.

The contact's JSON is stored as it came; only what it is found, sorted and counted by is taken out of it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.core import search

BETWEEN = "\x1e"
"""Stands between the facets of a contact, each a letter and a value."""
SORT_LENGTH = 80


class _Value(msgspec.Struct, frozen=True):
    value: str = ""
    raw: str = ""


class _Place(msgspec.Struct, frozen=True):
    city: str = ""


class _Source(msgspec.Struct, frozen=True):
    at: int
    import_id: str = msgspec.field(name="import")


class Sketch(msgspec.Struct, frozen=True):
    """The members of `events.ContactOut` that the read model looks at."""

    id: str
    version: int
    deleted: bool = False
    name: str = ""
    given: str = ""
    middle: str = ""
    family: str = ""
    nickname: str = ""
    company: str = ""
    department: str = ""
    title: str = ""
    emails: tuple[_Value, ...] = ()
    phones: tuple[_Value, ...] = ()
    addresses: tuple[_Place, ...] = ()
    labels: tuple[str, ...] = ()
    custom: dict[str, msgspec.Raw] = {}
    sources: tuple[_Source, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    id: str
    version: int


class Part(msgspec.Struct, frozen=True, tag_field="type", tag="contacts.changed"):
    """`events.ContactsChanged` with its contacts still as JSON."""

    workspace: UUID
    import_id: UUID
    index: int
    part: int
    parts: int
    contacts: tuple[msgspec.Raw, ...]
    erased: tuple[UUID, ...] = ()


class Row(NamedTuple):
    """One contact, ready to be written: its line for COPY in text format, and that of its entry, if it has one."""

    id: str
    version: int
    facets: str
    contact: bytes
    entry: bytes


_part = msgspec.json.Decoder(Part)
_sketch = msgspec.json.Decoder(Sketch)
_version = msgspec.json.Decoder(_Version)


def part(raw: bytes) -> Part:
    """One record of `contacts.changed`. Raises msgspec.DecodeError."""
    return _part.decode(raw)


def versions(contacts: Iterable[msgspec.Raw]) -> list[tuple[str, int]]:
    """Id and version of each contact. Raises msgspec.DecodeError."""
    return [(it.id, it.version) for it in map(_version.decode, contacts)]


def rows(workspace: UUID, contacts: Iterable[msgspec.Raw]) -> Iterator[Row]:
    """The rows of some contacts of one workspace."""
    scope, owner = search.scope(workspace), str(workspace)
    for contact in contacts:
        yield _row(scope, owner, _sketch.decode(contact), bytes(contact))


def _row(scope: str, owner: str, it: Sketch, doc: bytes) -> Row:
    whose = f"{owner}\t{it.id}\t"
    if it.deleted:
        return Row(it.id, it.version, "", f"{whose}{it.version}\tt\t\t\n".encode(), b"")
    facets = dict.fromkeys(_facets(it))
    tokens = search.lexemes(scope, facets, dict.fromkeys(_words(it)))
    counted = BETWEEN.join([search.ALL, *[letter + value for letter, value in facets]])
    if it.custom:
        counted += "".join([BETWEEN + search.CUSTOM + name for name in {search.value(name) for name in it.custom}])
    # JSON has no bare control characters: only its backslashes mean something to COPY.
    contact = f"{whose}{it.version}\tf\t{_cell(counted)}\t".encode() + doc.replace(b"\\", b"\\\\") + b"\n"
    imported_at = max([source.at for source in it.sources], default=0)
    return Row(
        it.id, it.version, counted, contact, f"{whose}{imported_at}\t{_sort_name(it)}\t{_cell(tokens)}\n".encode()
    )


def _facets(it: Sketch) -> list[tuple[str, str]]:
    found = [("i", source.import_id) for source in it.sources]
    found += [("l", search.value(label)) for label in it.labels]
    found += [("d", search.value(email.value.rpartition("@")[2])) for email in it.emails]
    found.append(("c", search.value(it.company)))
    return [facet for facet in found if facet[1]]


def _words(it: Sketch) -> list[str]:
    texts = [it.name, it.given, it.middle, it.family, it.nickname, it.company, it.department, it.title]
    texts += [email.value for email in it.emails]
    texts += [place.city for place in it.addresses]
    texts += it.labels
    found = search.words(*texts)
    found += filter(None, [search.digits(number) for phone in it.phones for number in (phone.value, phone.raw)])
    return found


def _sort_name(it: Sketch) -> str:
    """What the list by name is sorted by: words only, so it needs no escaping."""
    known_as = it.name or it.family or it.given or it.nickname or it.company
    return " ".join(search.words(known_as or (it.emails[0].value if it.emails else "")))[:SORT_LENGTH]


def _cell(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return text
