"""Contacts as CSV with the headers of Google Contacts, which every address book reads, ours included.

UTF-8 with a byte order mark, CRLF. What does not fit into a column's last slot is joined with `:::`, as Google does.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from app.core import search
from app.core.events import ContactOut

BOM = "\ufeff".encode()
BETWEEN = " ::: "
SLOTS = 4
PLACES = 2

_SINGLE = (
    ("Name", "name"),
    ("Name Prefix", "prefix"),
    ("First Name", "given"),
    ("Middle Name", "middle"),
    ("Last Name", "family"),
    ("Name Suffix", "suffix"),
    ("Nickname", "nickname"),
    ("Organization Name", "company"),
    ("Organization Title", "title"),
    ("Organization Department", "department"),
    ("Birthday", "birthday"),
    ("Notes", "notes"),
)
_PLACE = (
    ("Label", "label"),
    ("Street", "street"),
    ("City", "city"),
    ("Region", "region"),
    ("Postal Code", "postal_code"),
    ("Country", "country"),
)
_SUSPECT = frozenset("=@\t\r+-")
_HARMLESS = frozenset("0123456789 ()./-")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: `'` stands before one that looks like it, unlike a number."""
    if cell[:1] in _SUSPECT and not (cell[0] in "+-" and _HARMLESS.issuperset(cell[1:])):
        return "'" + cell
    return cell


def table(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([[cell and harmless(cell) for cell in row] for row in rows])
    return text.getvalue().encode()


def header(custom: Sequence[str]) -> list[str]:
    """The header cells, those of custom values last."""
    cells = [name for name, _ in _SINGLE]
    cells.append("Labels")
    for kind, slots in (("E-mail", SLOTS), ("Phone", SLOTS), ("Website", SLOTS)):
        cells += [f"{kind} {slot} - {part}" for slot in range(1, slots + 1) for part in ("Label", "Value")]
    cells += [f"Address {slot} - {part}" for slot in range(1, PLACES + 1) for part, _ in _PLACE]
    return [*cells, *custom]


def row(contact: ContactOut, custom: Sequence[str]) -> list[str]:
    """A contact's cells, in the order of `header`."""
    cells = [getattr(contact, field) for _, field in _SINGLE]
    cells.append(BETWEEN.join(contact.labels))
    cells += _slots(contact.emails, SLOTS, (lambda one: one.label, lambda one: one.value))
    cells += _slots(contact.phones, SLOTS, (lambda one: one.label, lambda one: one.value or one.raw))
    cells += _slots(contact.urls, SLOTS, (lambda one: one.label, lambda one: one.value))
    cells += _slots(contact.addresses, PLACES, [_part(field) for _, field in _PLACE])
    if custom:
        named = {search.value(name): value for name, value in contact.custom.items()}
        cells += [named.get(name, "") for name in custom]
    return cells


Part = Callable[..., str]


def _part(field: str) -> Part:
    def part(value: object) -> str:
        found: str = getattr(value, field)
        return found

    return part


def _slots(values: Sequence[object], slots: int, parts: Sequence[Part]) -> list[str]:
    if len(values) <= slots:
        cells = [part(value) for value in values for part in parts]
        return cells + [""] * ((slots - len(values)) * len(parts))
    cells = [part(value) for value in values[: slots - 1] for part in parts]
    return cells + [_joined([part(value) for value in values[slots - 1 :]]) for part in parts]


def _joined(cells: Sequence[str]) -> str:
    return BETWEEN.join(cells) if any(cells) else ""
