"""Plans: read from a client, and completed from the head of a file (plan.md)."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from app.core.contacts import SCALARS, Person
from app.core.errors import Rejected
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import columns as naming
from app.core.reading import dialect as dialects
from app.core.reading import encodings, formats, segments, text
from app.core.reading import header as finding
from app.core.reading.cardfiles import CARD_FILES, beginning, whole_records
from app.core.reading.contentlines import revealed
from app.core.reading.doubts import Doubt, doubts
from app.core.reading.plan import Column, DateOrder, Dialect, Existing, Format, Plan, Repair, Values

MAX_PLAN_BYTES = 64 * 1024
MAX_COLUMNS = 500
PREVIEW_ROWS = 300
PREVIEW_CONTACTS = 20
PREVIEW_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a workspace wants where a plan says nothing."""

    phone_region: str | None = None
    date_order: Literal["auto", "dmy", "mdy", "ymd"] = "auto"
    existing: Existing = "fill"
    labels: tuple[str, ...] = ()


class Encoding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way to read the file: its encoding, how names in it read then, and whether they are mended on the way."""

    encoding: str
    sample: str
    repair: Repair | None = None


class Completion(NamedTuple):
    """A completed plan, and what a preview shows of it. `contacts` have the shape of the API without ids.

    The first of `encodings` is the plan's own, the others are offered, the most plausible first. `rows` of the head
    were read, which are `bytes` of the file.
    """

    plan: Plan
    columns: tuple[naming.Seen, ...]
    encodings: tuple[Encoding, ...]
    contacts: tuple[dict[str, Any], ...]
    problems: tuple[ProblemOut, ...]
    warnings: tuple[Doubt, ...]
    rows: int
    bytes: int

    def estimated_rows(self, size: int) -> int:
        """About how many rows a file of `size` bytes has."""
        return round(self.rows * size / self.bytes) if self.bytes else 0


def parse(raw: bytes | dict[str, Any]) -> Plan:
    """A client's plan, checked. Raises Rejected `plan_too_large`, or `plan_invalid` with a JSON `pointer`."""
    if isinstance(raw, bytes):
        if len(raw) > MAX_PLAN_BYTES:
            raise Rejected("plan_too_large", "A plan has at most 64 KB.")
        try:
            raw = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _invalid("", "it is not JSON") from error
    elif len(msgspec.json.encode(raw)) > MAX_PLAN_BYTES:
        raise Rejected("plan_too_large", "A plan has at most 64 KB.")
    if not isinstance(raw, dict):
        raise _invalid("", "it is not an object")
    _refuse_nulls(raw)
    try:
        plan = msgspec.convert(raw, Plan)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise _invalid(_pointer(path.rstrip("`")), message) from error
    _refuse_unknown(raw)
    _check(plan)
    return plan


def complete(
    head: bytes,
    *,
    whole: bool,
    given: Plan | None,
    defaults: Defaults,
    remembered: Callable[[str], tuple[Column, ...] | None],
) -> Completion:
    """Fills in what `given` does not say, from the head of the file (`whole`: it is all of it).

    `remembered` gives the columns that were confirmed for a signature. Raises Rejected: `empty`, `unsupported_type`,
    `encoding_unknown`, `plan_invalid`, `plan_mismatch`, `too_many_columns`, `nothing_recognised`.
    """
    given = given or Plan()
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise Rejected("empty", "The file is empty.")
    kind = _format_of(head, given)
    told = head if kind == "csv" else revealed(head)
    ways = _ways(told, given, whole=whole)
    encoding, repair = ways[0].encoding, ways[0].repair
    body = text.decoded(head, encoding, repair, whole=whole)
    _refuse_no_text(body)
    if kind != "csv":
        return _of_cards(kind, told, body, ways, whole=whole, given=given, defaults=defaults)
    dialect = given.dialect or dialects.detect(body)
    rows = dialects.first_rows(body, dialect, whole=whole, count=PREVIEW_ROWS).rows
    if not rows:
        raise Rejected("nothing_recognised", f"No row ends within the first {len(head) // 1024:,} KB of this file.")
    preamble, header, _ = finding.find(rows, preamble=given.preamble, header=given.header)
    headers = finding.joined(rows[preamble : preamble + header]) if header else None
    body_rows = rows[preamble + header :]
    width = len(headers) if headers is not None else max(map(len, body_rows), default=0)
    if width > MAX_COLUMNS:
        raise Rejected("too_many_columns", f"The file has {width:,} columns; {MAX_COLUMNS} can be read.")
    signature = signature_of(headers) if headers is not None else None
    _refuse_mismatch(given, headers, signature, width)
    detected, seen = naming.recognise(headers, body_rows)
    known = given.columns
    if known is None and signature is not None and headers is not None:
        known = remembered(signature) or _remembered_of_mended(headers, remembered)
    columns, seen = _settled(known, detected, seen, given=given.columns is not None)
    if not any(column.field in naming.USABLE for column in columns):
        raise Rejected(
            "nothing_recognised", "No column of this file is a name, an e-mail address, a phone or a company."
        )
    wanted = given.values or Values()
    region = wanted.phone_region or defaults.phone_region
    plan = Plan(
        format="csv",
        encoding=encoding,
        repair=repair,
        dialect=dialect,
        preamble=preamble,
        header=header,
        signature=signature,
        columns=columns,
        values=Values(
            phone_region=region,
            date_order=wanted.date_order or _date_order(defaults, columns, body_rows, region),
        ),
        existing=given.existing or defaults.existing,
        labels=given.labels if given.labels is not None else defaults.labels,
    )
    sample = dialects.beginning(body, dialect, whole=whole, count=PREVIEW_ROWS)
    reading = segments.read(sample, _as_segment(plan, sample))
    return Completion(
        plan=plan,
        columns=tuple(seen),
        encodings=_offered(head, ways),
        contacts=tuple(contact_shown(person) for person in reading.people[:PREVIEW_CONTACTS]),
        problems=tuple(reading.problems[:PREVIEW_PROBLEMS]),
        warnings=tuple(islice(doubts(reading.people, plan), PREVIEW_PROBLEMS)),
        rows=reading.rows,
        bytes=text.size_in_file(sample, encoding, repair),
    )


def _of_cards(
    kind: Format,
    head: bytes,
    body: bytes,
    ways: Sequence[encodings.Way],
    *,
    whole: bool,
    given: Plan,
    defaults: Defaults,
) -> Completion:
    """The same for a format without columns."""
    wanted = given.values or Values()
    region = wanted.phone_region or defaults.phone_region
    plan = Plan(
        format=kind,
        encoding=ways[0].encoding,
        repair=ways[0].repair,
        values=Values(phone_region=region, date_order=wanted.date_order or _date_order(defaults, (), (), region)),
        existing=given.existing or defaults.existing,
        labels=given.labels if given.labels is not None else defaults.labels,
    )
    sample = beginning(body, kind, whole=whole, most=PREVIEW_ROWS)
    reading = segments.read(sample, _as_segment(plan, sample))
    if not reading.people and all(problem.code in _NOBODY_THERE for problem in reading.problems):
        what = "entry" if kind == "ldif" else "card"
        raise Rejected("nothing_recognised", f"No {what} of this file has a name, an e-mail address or a phone number.")
    looked_at = whole_records(body, kind, final=whole, most=max(reading.rows, 1)) or len(body)
    return Completion(
        plan=plan,
        columns=(),
        encodings=_offered(head, ways),
        contacts=tuple(contact_shown(person) for person in reading.people[:PREVIEW_CONTACTS]),
        problems=tuple(reading.problems[:PREVIEW_PROBLEMS]),
        warnings=tuple(islice(doubts(reading.people, plan), PREVIEW_PROBLEMS)),
        rows=reading.rows,
        bytes=text.size_in_file(body[:looked_at], plan.encoding, plan.repair),
    )


_NOBODY_THERE = frozenset({"no_identity", "entry_no_person", "group_scattered", "entry_deleted", "entry_changed"})


def _offered(head: bytes, ways: Sequence[encodings.Way]) -> tuple[Encoding, ...]:
    return tuple(
        Encoding(encoding=way.encoding, sample=encodings.samples(head, way), repair=way.repair) for way in ways
    )


def signature_of(headers: Sequence[str]) -> str:
    """The same for all files with these header cells."""
    return hashlib.sha256(msgspec.json.encode([_folded(cell) for cell in headers])).hexdigest()[:32]


def _folded(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip()).casefold()


# --- what a client's plan may say

_NULLABLE = frozenset({"encoding", "repair", "dialect", "sheet", "signature"})
_PARTS: dict[str, frozenset[str]] = {
    "emails": frozenset({"value", "label"}),
    "phones": frozenset({"value", "label"}),
    "urls": frozenset({"value", "label"}),
    "addresses": frozenset({"label", "whole", "street", "city", "region", "postal_code", "country"}),
    "name": frozenset({"full", "last_first"}),
    "birthday": frozenset({"whole", "year", "month", "day"}),
}
_SLOTTED = frozenset({"emails", "phones", "urls", "addresses"})
_NEEDS_PART = frozenset({"addresses", "name", "birthday"})


def _invalid(pointer: str, what: str) -> Rejected:
    return Rejected("plan_invalid", f"The plan cannot be used: {what}.", pointer=pointer)


def _pointer(path: str) -> str:
    """`.columns[3].field` as `/columns/3/field`."""
    return re.sub(r"\.|\[", "/", path.replace("]", "").replace("[...]", ""))


def _refuse_unknown(raw: dict[str, Any]) -> None:
    """What a client says and we would not hear is refused; events come from releases that may know more."""
    columns = ((f"/columns/{index}", Column, column) for index, column in enumerate(raw.get("columns") or ()))
    objects: tuple[tuple[str, type[msgspec.Struct], Any], ...] = (
        ("", Plan, raw),
        ("/dialect", Dialect, raw.get("dialect")),
        ("/values", Values, raw.get("values")),
        *columns,
    )
    for pointer, kind, members in objects:
        if strange := [name for name in members or () if name not in kind.__struct_fields__]:
            raise _invalid(pointer, f"Object contains unknown field `{strange[0]}`")


def _refuse_nulls(raw: dict[str, Any]) -> None:
    """Null means nothing except where the schema allows it; our types cannot tell it from a missing member."""
    for name, value in raw.items():
        if value is None and name not in _NULLABLE:
            raise _invalid(f"/{name}", "this is null")
    columns = raw.get("columns")
    for index, column in enumerate(columns if isinstance(columns, list) else ()):
        for name, value in column.items() if isinstance(column, dict) else ():
            if value is None:
                raise _invalid(f"/columns/{index}/{name}", "this is null")
    inner = raw.get("values")
    if isinstance(inner, dict) and inner.get("date_order", "") is None:
        raise _invalid("/values/date_order", "this is null")


def _check(plan: Plan) -> None:
    _within(plan.encoding, 0, 32, "/encoding")
    _within(plan.sheet, 0, 128, "/sheet")
    for name, number, most in (("preamble", plan.preamble, 50), ("header", plan.header, 3)):
        if number is not None and not 0 <= number <= most:
            raise _invalid(f"/{name}", f"it is from 0 to {most}")
    if plan.signature is not None and not re.fullmatch(r"[0-9a-f]{32}", plan.signature):
        raise _invalid("/signature", "it is 32 hexadecimal digits")
    if plan.values and plan.values.phone_region is not None and not re.fullmatch(r"[A-Z]{2}", plan.values.phone_region):
        raise _invalid("/values/phone_region", "it is two capital letters, such as DE")
    labels = plan.labels or ()
    if len(labels) > 20 or len(set(labels)) != len(labels):
        raise _invalid("/labels", "at most 20 labels, each once")
    for index, label in enumerate(labels):
        _within(label, 1, 64, f"/labels/{index}")
    if len(plan.columns or ()) > MAX_COLUMNS:
        raise _invalid("/columns", f"at most {MAX_COLUMNS} columns")
    taken: set[int] = set()
    for index, column in enumerate(plan.columns or ()):
        _check_column(column, f"/columns/{index}")
        if column.index in taken:
            raise _invalid(f"/columns/{index}/index", "this column is there already")
        taken.add(column.index)


def _check_column(column: Column, at: str) -> None:
    if not 0 <= column.index < MAX_COLUMNS:
        raise _invalid(f"{at}/index", f"it is from 0 to {MAX_COLUMNS - 1}")
    _within(column.header, 0, naming.HEADER_CHARACTERS, f"{at}/header")
    _within(column.label, 0, 64, f"{at}/label")
    _within(column.split, 1, 5, f"{at}/split")
    _within(column.key, 1, naming.KEY_CHARACTERS, f"{at}/key")
    if (column.field == "custom") != (column.key is not None):
        raise _invalid(f"{at}/key", "a custom field has a key, and nothing else has")
    if (column.field in _SLOTTED) != (column.slot is not None):
        raise _invalid(f"{at}/slot", f"{', '.join(sorted(_SLOTTED))} have a slot, and nothing else has")
    if column.slot is not None and not 1 <= column.slot <= 99:
        raise _invalid(f"{at}/slot", "it is from 1 to 99")
    parts = _PARTS.get(column.field, frozenset())
    if column.part is None:
        if column.field in _NEEDS_PART:
            raise _invalid(f"{at}/part", f"it is one of {', '.join(sorted(parts))}")
    elif column.part not in parts:
        raise _invalid(f"{at}/part", f"{column.field} has no such part")


def _within(value: str | None, least: int, most: int, pointer: str) -> None:
    if value is not None and not least <= len(value) <= most:
        raise _invalid(pointer, f"it has {least} to {most} characters")
    if value is not None and "\0" in value:
        raise _invalid(pointer, "it has a character that no text can have")


# --- what cannot be read

_KINDS: dict[Format, str] = {
    "csv": "a table (CSV)",
    "vcard": "a vCard file",
    "ldif": "an LDIF file",
    "xlsx": "an Excel workbook",
    "xls": "an old Excel workbook",
    "ods": "an OpenDocument spreadsheet",
    "zip": "a ZIP archive",
}


def _format_of(head: bytes, given: Plan) -> Format:
    """What kind of text this is. Raises Rejected for all that is none, and for what the plan was not made for."""
    found = formats.sniff(head)
    if found not in ("csv", *CARD_FILES):
        raise Rejected("unsupported_type", f"This is {_KINDS[found]}; as a text it cannot be read. Save it as CSV.")
    if given.format in {None, found}:
        return found
    if found == "csv" and given.format in CARD_FILES:
        return given.format  # behind much else that is no card
    raise _mismatch(f"This is {_KINDS[found]}; the plan is for {_KINDS[given.format]}.")


def _refuse_no_text(body: bytes) -> None:
    """Raises Rejected if the head, as UTF-8, is empty or is no text at all."""
    if not body.strip():
        raise Rejected("empty", "The file is empty.")
    start = body[:8192]
    if len(start) - len(start.translate(None, _NO_TEXT)) > len(start) // 20:
        raise Rejected("unsupported_type", "This is no text file. Export the contacts as CSV and import that file.")


_NO_TEXT = bytes({*range(0x20), 0x7F} - {*b"\t\n\v\f\r\x1a\x1b\x1f"})
"""Bytes that no list of people has. NUL is among them: a few of them in a cell are told as problems of their rows."""


def _refuse_mismatch(given: Plan, headers: Sequence[str] | None, signature: str | None, width: int) -> None:
    if given.signature is None and given.columns is None:
        return
    if given.signature is not None and given.signature == signature:
        return
    for column in given.columns or ():
        there = headers[column.index] if headers is not None and column.index < len(headers) else None
        if column.index >= width and (column.field != "none" or given.signature is not None):
            wanted = column.header or f"column {column.index + 1}"
            raise _mismatch(f"The file has {width} columns; the plan expects “{wanted}” as column {column.index + 1}.")
        if there is not None and column.header is not None:
            found = naming.header_of(there, column.index)
            if _folded(found) != _folded(column.header):
                what = f"Column {column.index + 1} is called “{found}”; the plan expects “{column.header}”."
                raise _mismatch(what, header=found)
    if given.signature is not None:
        first = naming.header_of(headers[0], 0) if headers else ""
        raise _mismatch("The header of the file is not the one that the plan was made for.", header=first)


def _mismatch(detail: str, **extra: object) -> Rejected:
    return Rejected("plan_mismatch", detail, **extra)


# --- what is filled in


def _ways(head: bytes, given: Plan, *, whole: bool) -> list[encodings.Way]:
    """The ways to read the file: first the one that the plan says or that is the likeliest, then the other ones."""
    found = encodings.detect(head, whole=whole)
    if given.encoding is None:
        first = found[0]._replace(repair=given.repair)
    else:
        first = encodings.Way(text.encoding(given.encoding, head), 1.0, given.repair)
    return [first, *(way for way in found if (way.encoding, way.repair) != (first.encoding, first.repair))]


def _remembered_of_mended(
    headers: Sequence[str], remembered: Callable[[str], tuple[Column, ...] | None]
) -> tuple[Column, ...] | None:
    """Rejected rows come back with our columns behind the file's own: the mapping is that of the file."""
    own = [header for header in headers if not naming.OURS.fullmatch(header.strip())]
    if len(own) == len(headers) or headers[: len(own)] != own:
        return None
    return remembered(signature_of(own))


def _settled(
    known: Sequence[Column] | None, detected: Sequence[Column], seen: Sequence[naming.Seen], *, given: bool
) -> tuple[tuple[Column, ...], list[naming.Seen]]:
    """All columns of the file: as they were confirmed, where they were, else as detected."""
    if known is None:
        return tuple(detected), list(seen)
    reason = "as the plan says" if given else "as confirmed for files with this header"
    by_index = {column.index: column for column in known}
    columns = []
    told = []
    for column, shown in zip(detected, seen, strict=True):
        settled = by_index.get(column.index, Column(index=column.index, field="none"))
        columns.append(msgspec.structs.replace(settled, header=column.header))
        others = (
            naming.Other(field=shown.field, part=column.part, label=column.label, confidence=shown.confidence),
            *shown.others,
        )
        told.append(
            msgspec.structs.replace(
                shown,
                field=settled.field,
                confidence=1.0,
                reason=reason,
                others=tuple(other for other in others if other.field != settled.field)[:3],
            )
        )
    return tuple(columns), told


_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU", "VI", "AS", "MP", "FM", "PW", "MH"})


def _date_order(
    defaults: Defaults, columns: Sequence[Column], rows: Sequence[Sequence[str]], region: str | None
) -> DateOrder:
    """The order that the birthdays of the sample allow; in doubt, with slashes, the American one outside of Europe."""
    if defaults.date_order != "auto":
        return defaults.date_order
    indexes = [column.index for column in columns if column.field == "birthday" and column.part == "whole"]
    cells = [row[index].strip() for row in rows for index in indexes if index < len(row)]
    numbers = [found for found in (re.match(r"(\d{1,2})([./-])(\d{1,2})[./-]\d{2,4}", cell) for cell in cells) if found]
    if any(int(found[1]) > 12 >= int(found[3]) for found in numbers):
        return "dmy"
    if any(int(found[3]) > 12 >= int(found[1]) for found in numbers):
        return "mdy"
    slashes = any(found[2] == "/" for found in numbers)
    return "mdy" if region in _MONTH_FIRST or (region is None and slashes) else "dmy"


# --- what a preview shows

_NOBODY = UUID(int=0)


def _as_segment(plan: Plan, sample: bytes) -> SegmentHeader:
    return SegmentHeader(
        workspace=_NOBODY,
        import_id=_NOBODY,
        index=0,
        order_second=0,
        start=0,
        end=len(sample),
        first_line=1,
        crc32c=0,
        plan=plan,
    )


def contact_shown(person: Person) -> dict[str, Any]:
    """A person in the shape of a contact of the API; empty fields are left out."""
    contact: dict[str, Any] = dict(zip(SCALARS, person.scalars, strict=True))
    for name in ("emails", "phones", "addresses", "urls"):
        contact[name] = [
            {key: value for key, value in element._asdict().items() if value} for element in getattr(person, name)
        ]
    contact["labels"] = list(person.labels)
    contact["custom"] = dict(person.custom)
    return {name: value for name, value in contact.items() if value}
