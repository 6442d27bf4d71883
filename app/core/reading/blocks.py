"""One segment by columns: the plain rows of a file, which are nearly all of them, at C speed.

A column is looked at as a whole, and what is done for its cells is one comprehension. Every row that has something to
think about goes to the row-by-row reader (`rows.py`), which would read a block's rows as the same people
(`Block.people`). What is plain is said where each kind of column is taken.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import segments, tables, values
from app.core.reading.cardfiles import CARD_FILES
from app.core.reading.plan import Plan
from app.core.reading.rows import (
    ADDRESS_PARTS,
    TEXTS,
    Rows,
    Slot,
    emptied,
    rows_of,
    shown_country,
    shown_texts,
    with_labels,
)
from app.core.reading.tables import Table

_EMAIL = r"[a-z0-9_+\-]++(?:\.[a-z0-9_+\-]++)*+@(?:[a-z0-9][a-z0-9\-]*+\.)++[a-z0-9][a-z0-9\-]*+"
_PHONE = r"\+[1-9][0-9]{6,14}+"
_EMAILS = re.compile(rf"(?:(?:{_EMAIL})?\n)*+")
_PHONES = re.compile(rf"(?:(?:{_PHONE})?\n)*+")
_START = itemgetter(slice(6))
_HYPHEN_LAST = ("-.", "-\n")
_SHORT_EMAIL = 64
"""Characters: no part of so short an address is too long."""
_ODD = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u200b\ufeff]')
_BLANKS = (" \n", "\n ", "\t")
_COUNTRY = ADDRESS_PARTS.index("country")
_NOT = bytes((1, 0)) + bytes(254)

Cells = list[str]


class Part(NamedTuple):
    """One slot of e-mails, phones or links: a value, how it was written and its label per row; "" where there is
    none."""

    values: Cells
    raw: Cells
    labels: Cells


class Place(NamedTuple):
    """One slot of addresses: the cells of each part along ADDRESS_PARTS, None for one that nobody has."""

    parts: tuple[Cells | None, ...]
    labels: Cells


class Block(NamedTuple):
    """Plain rows, by columns; every list has one member per row.

    `scalars` runs along SCALARS, None for a field that nobody has. Every row has an e-mail in the first slot, which
    says who it is about. No text has anything that JSON or COPY would have to escape.
    """

    rows: list[int]
    lines: list[int]
    scalars: tuple[Cells | None, ...]
    emails: tuple[Part, ...]
    phones: tuple[Part, ...]
    addresses: tuple[Place, ...]
    urls: tuple[Part, ...]
    labels: list[tuple[str, ...]]
    custom: tuple[tuple[str, Cells], ...]

    def keys(self) -> Cells:
        """The match key of each row."""
        return ["e:" + email for email in self.emails[0].values]

    def only(self, chosen: Sequence[int]) -> "Block":
        """The rows for which `chosen` says yes."""

        def some(cells: Cells) -> Cells:
            return list(compress(cells, chosen))

        def parts(slots: tuple[Part, ...]) -> tuple[Part, ...]:
            return tuple(Part(*map(some, slot)) for slot in slots)

        return Block(
            rows=list(compress(self.rows, chosen)),
            lines=list(compress(self.lines, chosen)),
            scalars=tuple(cells and some(cells) for cells in self.scalars),
            emails=parts(self.emails),
            phones=parts(self.phones),
            addresses=tuple(
                Place(tuple(cells and some(cells) for cells in place.parts), some(place.labels))
                for place in self.addresses
            ),
            urls=parts(self.urls),
            labels=list(compress(self.labels, chosen)),
            custom=tuple((key, some(cells)) for key, cells in self.custom),
        )

    def people(self) -> list[Person]:
        """The same rows one by one."""
        return [self._person(at) for at in range(len(self.rows))]

    def _person(self, at: int) -> Person:
        def there(slots: tuple[Part, ...]) -> Iterator[tuple[str, str, str]]:
            return ((slot.values[at], slot.raw[at], slot.labels[at]) for slot in slots if slot.values[at])

        places = (
            Address._make([*(cells[at] if cells else "" for cells in place.parts), place.labels[at]])
            for place in self.addresses
        )
        return Person(
            row=self.rows[at],
            line=self.lines[at],
            match_key="e:" + self.emails[0].values[at],
            scalars=tuple(cells[at] if cells else "" for cells in self.scalars),
            emails=tuple(Email(value, label) for value, _, label in there(self.emails)),
            phones=tuple(Phone(*phone) for phone in there(self.phones)),
            addresses=tuple(place for place in places if any(place[:-1])),
            urls=tuple(Url(value, label) for value, _, label in there(self.urls)),
            labels=self.labels[at],
            custom=tuple((key, cells[at]) for key, cells in self.custom if cells[at]),
        )


def read(data: bytes, header: SegmentHeader) -> tuple[Block | None, segments.Reading]:
    """What `segments.read` gives, but the plain rows as a block. `Reading.rows` counts all rows."""
    if header.opens or not _is_for_columns(header.plan):
        return None, segments.read(data, header)
    by = rows_of(header.plan)
    problems: list[ProblemOut] = []
    table = tables.split(data, header)
    if table is None:
        (rows, problems), plain = segments.usable_rows(data, header)
        table = tables.of_rows(rows, plain=plain)
    sieve = _Sieve(by, table)
    block = sieve.result()
    people, more = by.read(table.rows(sieve.odd), plain=table.plain)
    count = len(table.numbers) + len(problems)
    problems = sorted([*problems, *more], key=lambda told: told.row)
    return block, segments.named(segments.Reading(people, problems, count), header)


@lru_cache(maxsize=64)
def _is_for_columns(plan: Plan) -> bool:
    """Whether a plan has columns, and itself brings nothing into a block that is not plain."""
    if plan.dialect is None or plan.columns is None or plan.format in CARD_FILES:
        return False
    own = [column.key for column in plan.columns if column.key is not None]
    texts = [*own, *(plan.labels or ()), *(column.label or "" for column in plan.columns)]
    return len(set(own)) == len(own) and all(map(_is_plain, texts))


class _Sieve:
    """Rows of one width on their way into a block. `odd` marks those that are not plain."""

    def __init__(self, by: Rows, table: Table) -> None:
        self._by = by
        self._table = table
        self._count = len(table.numbers)
        self.odd = bytearray(self._count)

    def result(self) -> Block | None:
        """The plain rows; None if there are none."""
        emails = self._slots(self._by.emails, self._emails) if self._count else ()
        if emails and "" in emails[0].values:
            self._mark([not email for email in emails[0].values])
        if not emails or self.odd.count(1) > len(self.odd) // 2:  # not worth looking further
            self.odd = bytearray(b"\1" * self._count)
            return None
        every = Block(
            rows=list(self._table.numbers),
            lines=list(self._table.lines),
            scalars=self._scalars(),
            emails=emails,
            phones=self._slots(self._by.phones, self._phones),
            addresses=tuple(self._places()),
            urls=self._slots(self._by.urls, self._urls),
            labels=self._labels(),
            custom=self._custom(),
        )
        odd = self.odd.count(1)
        if not odd:
            return every
        return None if odd == len(self.odd) else every.only(self.odd.translate(_NOT))

    def _mark(self, odd: Iterable[object]) -> None:
        for at, wrong in enumerate(odd):
            if wrong:
                self.odd[at] = 1

    def _column(self, indexes: Sequence[int]) -> Cells | None:
        """The cells of these columns as one, None if all are empty.

        Plain: at most one cell of a row is filled, with a text in NFC that has no quotation mark, backslash or control
        character, so that neither JSON nor COPY escapes anything in it.
        """
        raw = self._table.columns
        filled = [self._cells(raw[index]) for index in indexes if any(raw[index])]
        if not filled:
            return None
        if len(filled) == 1:
            return filled[0]
        several = list(zip(*filled, strict=True))
        self._mark([sum(map(bool, cells)) > 1 for cells in several])
        return ["".join(cells) for cells in several]

    def _cells(self, raw: Sequence[str]) -> Cells:
        joined = "\n".join(("", *raw, ""))
        if not joined.isascii() or any(blank in joined for blank in _BLANKS):
            raw = list(map(str.strip, raw))
            joined = "\n".join(("", *raw, ""))
        suspect = '"' in joined or "\\" in joined or "\t" in joined
        if suspect or not (
            self._table.plain or _is_plain(joined.replace("\n", ""), joined.count("\n") <= len(raw) + 1)
        ):
            self._mark([not _is_plain(cell) for cell in raw])
        return emptied(list(raw))

    def _each(self, cells: Cells, find: Callable[[str], str | None]) -> Cells:
        """What `find` makes of every cell, asked once for equal ones. Plain: not None."""
        found = {cell: find(cell) for cell in set(cells)}
        if None in found.values():
            self._mark([found[cell] is None for cell in cells])
        return [found[cell] or "" for cell in cells]

    # --- single values

    def _scalars(self) -> tuple[Cells | None, ...]:
        by = self._by
        found = {name: shown_texts(name, self._column(by.texts[name])) for name in TEXTS}
        found["name"] = self._column(by.names)
        found["birthday"] = self._birthdays()
        for indexes in (by.last_first, by.birthday["year"], by.birthday["month"], by.birthday["day"]):
            self._mark(self._column(indexes) or ())
        return tuple(found[name] for name in SCALARS)

    def _birthdays(self) -> Cells | None:
        """Plain: a day that is one in the order of the plan."""
        cells = self._column(self._by.birthday["whole"])
        order = self._by.order
        return cells and self._each(
            cells, lambda cell: "" if not cell or values.is_no_date(cell) else values.date(cell, order)
        )

    # --- lists

    def _slots(self, slots: Sequence[Slot], take: Callable[[Cells], tuple[Cells, Cells]]) -> tuple[Part, ...]:
        """Plain: no value of a row is there twice, none is preferred by its label, no cell has several values."""
        parts: list[Part] = []
        for slot in slots:
            cells = self._column(slot.parts.get("value", ()))
            if cells is None:
                continue
            if slot.split is not None:
                self._mark([slot.split in cell for cell in cells])
            found, raw = take(cells)
            for other in parts:
                self._mark([bool(one) and one == another for one, another in zip(found, other.values, strict=True)])
            parts.append(Part(found, raw, self._kinds(slot)))
        return tuple(parts)

    def _kinds(self, slot: Slot) -> Cells:
        texts = self._column(slot.parts.get("label", ()))
        if texts is None:
            return [slot.label] * self._count

        def kind(text: str) -> str | None:
            label, primary = values.kind(text) if text else (slot.label, False)
            return None if primary else label

        return self._each(texts, kind)

    def _emails(self, cells: Cells) -> tuple[Cells, Cells]:
        """Plain: short, of letters, digits and `_+-.`, with a domain in ASCII."""
        joined = "\n".join(cells)
        lowered = joined.lower()
        found = cells if lowered == joined else lowered.split("\n")
        if len(found) != len(cells):  # some cell has line ends, and is marked already
            found = [cell.lower() for cell in cells]
        for at in _unlike(_EMAILS, found):
            self.odd[at] = 1
        if max(map(len, found)) > _SHORT_EMAIL:
            self._mark([len(cell) > _SHORT_EMAIL for cell in found])
        if any(last in f"{lowered}\n" for last in _HYPHEN_LAST):
            self._mark([any(last in f"{cell}\n".partition("@")[2] for last in _HYPHEN_LAST) for cell in found])
        return found, found

    def _phones(self, cells: Cells) -> tuple[Cells, Cells]:
        """Plain: in E.164 already, or a single number that the region makes clear."""
        if next(_unlike(_PHONES, cells), None) is None:
            forms = set(zip(map(_START, cells), map(len, cells), strict=True)) - {("", 0)}
            if all(values.keeps_its_form(*form) for form in forms):
                return cells, cells
        region = self._by.region
        return self._each(cells, lambda cell: (values.phone(cell, region) or None) if cell else ""), cells

    def _urls(self, cells: Cells) -> tuple[Cells, Cells]:
        """Plain: a link."""
        found = self._each(
            cells, lambda cell: "" if not cell else None if values.is_placeholder(cell) else values.url(cell)
        )
        return found, found

    def _places(self) -> Iterator[Place]:
        """Plain: in columns of their own, one value in each, and no address twice."""
        seen: list[list[tuple[str, ...]]] = []
        for slot in self._by.addresses:
            self._mark(self._column(slot.parts.get("whole", ())) or ())
            parts = [self._column(slot.parts.get(part, ())) for part in ADDRESS_PARTS]
            if not any(parts):
                continue
            for cells in parts:
                if cells is not None and slot.split is not None:
                    self._mark([slot.split in cell for cell in cells])
            countries = parts[_COUNTRY]
            if countries is not None:
                parts[_COUNTRY] = self._each(countries, shown_country)
            whole = list(zip(*(cells or [""] * self._count for cells in parts), strict=True))
            for other in seen:
                self._mark([any(one) and one == another for one, another in zip(whole, other, strict=True)])
            seen.append(whole)
            yield Place(tuple(parts), self._kinds(slot))

    def _labels(self) -> list[tuple[str, ...]]:
        found = [self._by.plan_labels] * self._count
        for index, split in self._by.labels:
            cells = self._column((index,))
            if cells is not None:
                pairs = list(zip(cells, found, strict=True))
                joined = {pair: with_labels(*pair, split) for pair in set(pairs)}
                found = [joined[pair] for pair in pairs]
        return found

    def _custom(self) -> tuple[tuple[str, Cells], ...]:
        found = []
        for index, key in self._by.custom:
            cells = self._column((index,))
            if cells is not None:
                found.append((key, self._each(cells, lambda cell: "" if values.is_placeholder(cell) else cell)))
        return tuple(found)


def _unlike(pattern: re.Pattern[str], cells: Cells) -> Iterator[int]:
    """Which cells are not what `pattern` says of any number of lines; the more are, the less is asked."""
    joined = "\n".join(cells) + "\n"
    if joined.count("\n") != len(cells):  # a cell with line ends in it is not plain anyway
        joined = "\n".join([cell.replace("\n", " ") for cell in cells]) + "\n"
    at = line = 0
    while True:
        found = pattern.match(joined, at)
        assert found is not None, "no line at all is fine with the pattern"
        if found.end() == len(joined):
            return
        line += joined.count("\n", at, found.end())
        yield line
        at = joined.index("\n", found.end()) + 1
        line += 1


def _is_plain(text: str, one_line: bool = True) -> bool:
    return one_line and not _ODD.search(text) and (text.isascii() or unicodedata.is_normalized("NFC", text))
