"""Contacts as vCard 3.0 (RFC 2426), the version that every address book reads."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from app.core.events import AddressOut, ContactOut
from app.core.reading.values import country_name

LINE_BYTES = 75
_TYPE = re.compile(r"[A-Za-z0-9-]+")
_TYPES = {"mobile": "CELL", "home fax": "HOME,FAX", "work fax": "WORK,FAX"}
_YEARLESS = "1604"
"""The year that stands for none, as Apple and Google write and read it."""


def cards(contacts: Iterable[ContactOut]) -> bytes:
    """Contacts as vCards, one after the other."""
    return b"".join([folded(line) for contact in contacts for line in _lines(contact)])


def text(value: str) -> str:
    """A value, escaped."""
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


def folded(line: str) -> bytes:
    """A line of at most LINE_BYTES bytes and its continuations; no character is cut in two."""
    whole = line.encode()
    if len(whole) <= LINE_BYTES:
        return whole + b"\r\n"
    pieces = []
    start, room = 0, LINE_BYTES
    while start < len(whole):
        end = min(start + room, len(whole))
        while end < len(whole) and whole[end] & 0b1100_0000 == 0b1000_0000:
            end -= 1
        pieces.append(whole[start:end])
        start, room = end, LINE_BYTES - 1
    return b"\r\n ".join(pieces) + b"\r\n"


def _lines(it: ContactOut) -> Iterator[str]:
    yield "BEGIN:VCARD"
    yield "VERSION:3.0"
    yield f"UID:urn:uuid:{it.id}"
    yield f"REV:{datetime.fromtimestamp(it.updated_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    known_as = it.name or it.company or (it.emails[0].value if it.emails else "") or _first_phone(it)
    yield f"FN:{text(known_as)}"
    yield "N:" + ";".join(map(text, (it.family, it.given, it.middle, it.prefix, it.suffix)))
    if it.nickname:
        yield f"NICKNAME:{text(it.nickname)}"
    if it.company or it.department:
        yield f"ORG:{text(it.company)}" + (f";{text(it.department)}" if it.department else "")
    if it.title:
        yield f"TITLE:{text(it.title)}"
    if it.birthday:
        yield _birthday(it.birthday)
    yield from _labelled(it)
    if it.labels:
        yield "CATEGORIES:" + ",".join(map(text, it.labels))
    if it.notes:
        yield f"NOTE:{text(it.notes)}"
    for name, value in it.custom.items():
        yield f'X-ADDRESSBUS-CUSTOM;NAME="{_parameter(name)}":{text(value)}'
    yield "END:VCARD"


def _labelled(it: ContactOut) -> Iterator[str]:
    """Everything that has a label. A label that can be no TYPE is written as Apple does, by grouping two lines."""
    lines = [("EMAIL", "INTERNET", email.label, text(email.value)) for email in it.emails]
    lines += [("TEL", "", phone.label, text(phone.value or phone.raw)) for phone in it.phones]
    lines += [
        (
            *("ADR", "", place.label),
            ";".join(("", "", *map(text, _parts(place)))),
        )
        for place in it.addresses
    ]
    lines += [("URL", "", url.label, text(url.value)) for url in it.urls]
    for number, (name, kind, label, value) in enumerate(lines, 1):
        # Readers fold the case of types, so that only small letters come back as they were.
        named = _TYPES.get(label) or (label.upper() if _TYPE.fullmatch(label) and label.islower() else "")
        types = ",".join(filter(None, (kind, named)))
        line = f"{name};TYPE={types}:{value}" if types else f"{name}:{value}"
        if label and not named:
            yield f"item{number}.{line}"
            yield f"item{number}.X-ABLabel:{text(label)}"
        else:
            yield line


def _birthday(birthday: str) -> str:
    if birthday.startswith("--"):
        return f"BDAY;X-APPLE-OMIT-YEAR={_YEARLESS}:{_YEARLESS}-{birthday[2:]}"
    return f"BDAY:{birthday}"


def _first_phone(it: ContactOut) -> str:
    return (it.phones[0].value or it.phones[0].raw) if it.phones else ""


def _parameter(name: str) -> str:
    """A quoted parameter's value; what may not stand in it is written as in RFC 6868."""
    return re.sub(r"[\r\n]+", "^n", name.replace("^", "^^").replace('"', "^'"))


def _parts(place: AddressOut) -> tuple[str, ...]:
    return place.street, place.city, place.region, place.postal_code, country_name(place.country)
