"""What a campaign's files say, written as CSV and as vCard; the line of each record is counted as it is written."""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

HEADER = (
    "First Name",
    "Last Name",
    "E-mail Address",
    "Mobile Phone",
    "Company",
    "Job Title",
    "Home Street",
    "Home City",
    "Home Postal Code",
    "Categories",
    "Notes",
    "Favourite Colour",
)


class Person(NamedTuple):
    """Who somebody is. `email` may be empty; then `phone` and the name tell them apart."""

    given: str
    family: str
    email: str
    phone: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


class Entry(NamedTuple):
    """One record: what it says about a person, or, without one, why nothing can be made of it (`code`, `mark`)."""

    person: Person | None = None
    phone: str = ""
    company: str = ""
    title: str = ""
    street: str = ""
    city: str = ""
    postal_code: str = ""
    label: str = ""
    notes: str = ""
    colour: str = ""
    code: str = ""
    mark: str = ""


def table(entries: Sequence[Entry], delimiter: str) -> tuple[bytes, list[int]]:
    """A CSV file, and the line of each entry (the first is 1, and the header's)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(HEADER)
    lines = []
    line = 2
    for entry in entries:
        cells = _cells(entry)
        writer.writerow(cells)
        lines.append(line)
        line += 1 + sum(cell.count("\n") for cell in cells)
    return text.getvalue().encode(), lines


def _cells(entry: Entry) -> list[str]:
    person = entry.person
    if person is None:
        return _bad(entry.code, entry.mark)
    place = (entry.street, entry.city, entry.postal_code) if entry.street else ("", "", "")
    name = (person.given, person.family)
    return [
        *name,
        person.email,
        entry.phone,
        entry.company,
        entry.title,
        *place,
        entry.label,
        entry.notes,
        entry.colour,
    ]


def _bad(code: str, mark: str) -> list[str]:
    """A row of which nothing can be made, for the reason `code`."""
    match code:
        case "email_invalid":
            return ["Nobody", mark, f"not an address {mark}", *[""] * 9]
        case "no_identity":
            return [*[""] * 5, f"Role {mark}", "", "", "", "", f"A note {mark}", ""]
        case _:
            return ["Too", "Many", f"too.many.{mark}@cells.example", *[""] * 9, "one", "more"]


def cards(entries: Sequence[Entry]) -> tuple[bytes, list[int]]:
    """A vCard file, and the line of each entry's BEGIN."""
    written: list[str] = []
    lines = []
    for entry in entries:
        lines.append(len(written) + 1)
        written += _card(entry)
    return "".join(f"{line}\r\n" for line in written).encode(), lines


def _card(entry: Entry) -> list[str]:
    person = entry.person
    assert person is not None, "every card can be read"
    properties = [
        ("N", f"{_escaped(person.family)};{_escaped(person.given)};;;"),
        ("FN", _escaped(person.name)),
        ("EMAIL", _escaped(person.email)),
        ("TEL;TYPE=CELL", entry.phone),
        ("ORG", _escaped(entry.company)),
        ("TITLE", _escaped(entry.title)),
        ("ADR;TYPE=HOME", f";;{entry.street};{entry.city};;{entry.postal_code};" if entry.street else ""),
        ("CATEGORIES", entry.label),
        ("NOTE", _escaped(entry.notes)),
    ]
    return ["BEGIN:VCARD", "VERSION:3.0", *[f"{name}:{value}" for name, value in properties if value], "END:VCARD"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(",", "\\,").replace(";", "\\;")
