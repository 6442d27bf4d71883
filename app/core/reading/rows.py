"""Cells -> people, by a completed plan. One list per column and one pass per field: so plain Python is at its fastest.

What becomes of a cell that is not what its column says:
- one that only says that it is empty (`n/a`, `-`, `Keine Angabe`): is empty;
- an e-mail address that is none, in a row without any other: the row is a problem, `email_invalid`;
- a phone number that a spreadsheet has shortened (`4.41E+11`), in a row without an e-mail address or another number:
  the row is a problem, `phone_shortened`;
- any other address that is none, a birthday that is no day, a link that is none: kept as a custom value under the
  column's header; any other doubtful phone number: kept as it was written, without an E.164 form.
What was kept in spite of a doubt is told by `doubts.py`.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url, match_key
from app.core.events import ProblemOut
from app.core.reading import values
from app.core.reading.plan import Column, DateOrder, Plan
from app.core.reading.problems import problem

TEXTS = tuple(name for name in SCALARS if name not in {"name", "birthday"})
_WORDY = frozenset({"company", "department", "title", "notes"})
"""Fields that are no names: `none` and `unknown` say nothing in them."""
ADDRESS_PARTS = ("street", "city", "region", "postal_code", "country")


# A named tuple is made without a frame of Python; a million rows have some millions of them.
_new = tuple.__new__
_person = partial(_new, Person)


class Row(NamedTuple):
    """Cells of one record with its number in the segment and its line in the file."""

    number: int
    line: int
    cells: Sequence[str]


class Slot(NamedTuple):
    """Columns that describe one value: per part those which are joined, the fixed label, how cells are split."""

    parts: dict[str, tuple[int, ...]]
    label: str
    split: str | None


class Rows:
    """Reads rows by one plan."""

    def __init__(self, plan: Plan) -> None:
        assert plan.columns is not None
        self.width = max((column.index for column in plan.columns), default=-1) + 1
        self.columns = sorted(plan.columns, key=lambda column: column.index)
        self.headers = {column.index: column.header or f"Column {column.index + 1}" for column in plan.columns}
        self.region = plan.values.phone_region if plan.values else None
        self.order: DateOrder = (plan.values and plan.values.date_order) or "dmy"
        self.plan_labels = tuple(plan.labels or ())
        self.texts = {name: self._indexes(name) for name in TEXTS}
        self.names = self._indexes("name", "full")
        self.last_first = self._indexes("name", "last_first")
        self.birthday = {part: self._indexes("birthday", part) for part in ("whole", "year", "month", "day")}
        self.emails, self.phones = self._slots("emails"), self._slots("phones")
        self.urls, self.addresses = self._slots("urls"), self._slots("addresses")
        self.labels = [(column.index, column.split) for column in self.columns if column.field == "labels"]
        self.custom = [(column.index, column.key or "") for column in self.columns if column.field == "custom"]

    def _indexes(self, field: str, part: str | None = None) -> tuple[int, ...]:
        return tuple(
            column.index for column in self.columns if column.field == field and (part is None or column.part == part)
        )

    def _slots(self, field: str) -> list[Slot]:
        numbers = sorted({column.slot or 1 for column in self.columns if column.field == field})
        return [
            _slot([column for column in self.columns if column.field == field and (column.slot or 1) == number])
            for number in numbers
        ]

    def read(self, rows: Sequence[Row], *, plain: bool) -> tuple[list[Person], list[ProblemOut]]:
        """Each row, exactly `width` cells wide, as a person or as a problem, in order.

        `plain` promises that all cells are in NFC and have no control characters, so that only blanks are stripped.
        """
        if not rows:
            return [], []
        return _Batch(self, rows, plain=plain).result()


@lru_cache(maxsize=64)
def rows_of(plan: Plan) -> Rows:
    """The reader of rows for a plan; each is built once."""
    return Rows(plan)


def _slot(columns: list[Column]) -> Slot:
    parts: dict[str, tuple[int, ...]] = {}
    for column in columns:
        part = column.part or "value"
        parts[part] = (*parts.get(part, ()), column.index)
    label = next((column.label for column in columns if column.label), "")
    return Slot(parts, label, next((column.split for column in columns if column.split), None))


class _Batch:
    """Some rows on their way to people."""

    def __init__(self, by: Rows, rows: Sequence[Row], *, plain: bool) -> None:
        self._by = by
        self._rows = rows
        self._cells: list[list[str] | None] = [
            emptied(list(map(str.strip, cells)) if plain else values.clean_all(cells)) if any(cells) else None
            for cells in zip(*(row.cells for row in rows), strict=True)
        ]
        self._nothing = [""] * len(rows)
        self._kept: dict[int, list[tuple[int, str]]] = {}
        self._bad_emails: dict[int, tuple[int, str]] = {}
        self._shortened: dict[int, int] = {}
        self._senders: dict[int, str] = {}

    def result(self) -> tuple[list[Person], list[ProblemOut]]:
        emails, phones = self._all_emails(), self._all_phones()
        addresses, urls = self._all_addresses(), self._all_urls()
        scalars = self._all_scalars()
        labels, custom = self._all_labels(), self._all_custom()
        keys = list(map(match_key, scalars, emails, phones, addresses, urls, custom))
        numbers, lines = [row.number for row in self._rows], [row.line for row in self._rows]
        members = zip(numbers, lines, keys, scalars, emails, phones, addresses, urls, labels, custom, strict=True)
        people = list(map(_person, members))
        self._shortened = {at: column for at, column in self._shortened.items() if not reachable(people[at])}
        if not self._bad_emails and not self._shortened and None not in keys:
            return people, []
        problems = []
        for at, row in enumerate(self._rows):
            if at in self._bad_emails:
                column, cell = self._bad_emails[at]
                meant = values.email_suggestion(cell)
                problems.append(
                    problem("email_invalid", row.number, row.line, row.cells, column=column, suggestion=meant)
                )
            elif at in self._shortened:
                column = self._shortened[at]
                problems.append(problem("phone_shortened", row.number, row.line, row.cells, column=column))
            elif keys[at] is None:
                problems.append(problem("no_identity", row.number, row.line, row.cells))
        bad = {*self._bad_emails, *self._shortened}
        good = [person for at, person in enumerate(people) if person.match_key is not None and at not in bad]
        return good, problems

    def _column(self, indexes: tuple[int, ...]) -> list[str] | None:
        """The cells of these columns, joined with newlines; None if all are empty."""
        filled = [cells for cells in (self._cells[index] for index in indexes) if cells is not None]
        if len(filled) <= 1:
            return filled[0] if filled else None
        return ["\n".join(filter(None, cells)) for cells in zip(*filled, strict=True)]

    def _keep(self, at: int, column: int, cell: str) -> None:
        self._kept.setdefault(at, []).append((column, cell))

    # --- single values

    def _all_scalars(self) -> list[tuple[str, ...]]:
        columns = {name: shown_texts(name, self._column(self._by.texts[name])) for name in TEXTS}
        columns["name"] = self._column(self._by.names)
        columns["birthday"] = self._birthdays()
        turned = self._column(self._by.last_first)
        if turned is not None:
            self._turn(turned, columns)
        if self._senders:
            self._name_senders(columns)
        return list(zip(*(columns[name] or self._nothing for name in SCALARS), strict=True))

    def _turn(self, turned: list[str], columns: dict[str, list[str] | None]) -> None:
        """`Lee, Ann` is Ann Lee, given Ann, family Lee, unless other columns say so."""
        for name in ("name", "given", "family"):
            columns[name] = list(columns[name] or self._nothing)
        names, given, family = columns["name"], columns["given"], columns["family"]
        assert names is not None
        assert given is not None
        assert family is not None
        for at, cell in enumerate(turned):
            parts = values.last_first(cell)
            names[at] = names[at] or (" ".join(parts) if parts else cell)
            if parts:
                given[at] = given[at] or parts[0]
                family[at] = family[at] or parts[1]

    def _name_senders(self, columns: dict[str, list[str] | None]) -> None:
        """Who has no name but stands as `Ann Lee <ann@example.com>` in the file, is Ann Lee."""
        given = [columns[name] or self._nothing for name in ("name", "given", "middle", "family", "nickname")]
        names = columns["name"] = list(given[0])
        for at, cell in self._senders.items():
            if not any(cells[at] for cells in given):
                names[at] = values.display_name(cell)

    def _birthdays(self) -> list[str] | None:
        indexes = self._by.birthday
        whole = self._column(indexes["whole"])
        if whole is None:
            return self._birthdays_of_parts()
        found = list(self._nothing)
        for at, cell in enumerate(whole):
            if cell and not values.is_no_date(cell):
                found[at] = values.date(cell, self._by.order) or values.serial(cell, self._by.order) or ""
                if not found[at]:
                    self._keep(at, indexes["whole"][0], cell)
        return found

    def _birthdays_of_parts(self) -> list[str] | None:
        indexes = self._by.birthday
        months, days = self._column(indexes["month"]), self._column(indexes["day"])
        years = self._column(indexes["year"]) or self._nothing
        if months is None or days is None:
            for part in ("year", "month", "day"):
                for index in indexes[part]:
                    for at, cell in enumerate(self._cells[index] or ()):
                        if cell.strip("0"):
                            self._keep(at, index, cell)
            return None
        found = list(self._nothing)
        for at, parts in enumerate(zip(years, months, days, strict=True)):
            if any(part.strip("0") for part in parts):
                found[at] = _day(*parts)
                if not found[at]:
                    for name, cell in zip(("year", "month", "day"), parts, strict=True):
                        if cell:
                            self._keep(at, indexes[name][0], cell)
        return found

    # --- lists

    def _values(self, slot: Slot) -> Iterator[tuple[int, str, str, bool]]:
        """The values of one slot: row, cell, label and whether it is the primary one."""
        cells = self._column(slot.parts.get("value", ()))
        if cells is None:
            return
        labels = self._column(slot.parts.get("label", ()))
        split = slot.split
        if labels is None and (split is None or not any(split in cell for cell in cells)):
            for at, cell in enumerate(cells):
                if cell:
                    yield at, cell, slot.label, False
            return
        for at, cell in enumerate(cells):
            if not cell:
                continue
            given = labels[at] if labels else ""
            for number, (part, text) in enumerate(_pairs(cell, given, split)):
                label, primary = values.kind(text) if text else (slot.label, False)
                # Of a list that is primary as a whole the first one is.
                yield at, part, label, primary and number == 0

    def _all_emails(self) -> list[tuple[Email, ...]]:
        found: list[tuple[Email, ...]] = [()] * len(self._rows)
        bad: dict[int, list[tuple[int, str]]] = {}
        one = values.email
        for slot in self._by.emails:
            for at, cell, label, primary in self._values(slot):
                value = one(cell)
                if value is not None and len(value) < len(cell):
                    self._senders.setdefault(at, cell)
                if value is not None and not found[at]:
                    found[at] = (_new(Email, (value, label)),)
                    continue
                several = (value,) if value is not None else values.emails(cell)
                if several is None:
                    if not values.is_placeholder(cell):
                        bad.setdefault(at, []).append((self._source(slot, at), cell))
                    continue
                known = {email.value for email in found[at]}
                new = tuple(Email(value, label) for value in several if value not in known)
                found[at] = new + found[at] if primary else found[at] + new
        for at, cells in bad.items():
            wrong = [] if found[at] else [(column, cell) for column, cell in cells if not _is_directory_path(cell)]
            if wrong:
                self._bad_emails[at] = wrong[0]
            else:
                for column, cell in cells:
                    self._keep(at, column, cell)
        return found

    def _source(self, slot: Slot, at: int) -> int:
        indexes = slot.parts["value"]
        return next((index for index in indexes if (self._cells[index] or self._nothing)[at]), indexes[0])

    def _all_phones(self) -> list[tuple[Phone, ...]]:
        found: list[tuple[Phone, ...]] = [()] * len(self._rows)
        one, region = values.phone, self._by.region
        for slot in self._by.phones:
            for at, cell, label, primary in self._values(slot):
                value = one(cell, region)
                if value and not found[at]:
                    found[at] = (_new(Phone, (value, cell, label)),)
                    continue
                if values.is_placeholder(cell):
                    continue
                if not value and values.is_shortened(cell):
                    self._shortened.setdefault(at, self._source(slot, at))
                known = {phone.value or phone.raw for phone in found[at]}
                several = ((value, cell),) if value else values.phones(cell, region)
                new = tuple(Phone(value, raw, label) for value, raw in several if (value or raw) not in known)
                found[at] = new + found[at] if primary else found[at] + new
        return found

    def _all_urls(self) -> list[tuple[Url, ...]]:
        found: list[tuple[Url, ...]] = [()] * len(self._rows)
        for slot in self._by.urls:
            for at, cell, label, primary in self._values(slot):
                if values.is_placeholder(cell):
                    continue
                value = values.url(cell)
                if value is None:
                    self._keep(at, slot.parts["value"][0], cell)
                    continue
                if all(url.value != value for url in found[at]):
                    new = (Url(value, label),)
                    found[at] = new + found[at] if primary else found[at] + new
        return found

    def _all_addresses(self) -> list[tuple[Address, ...]]:
        found: list[tuple[Address, ...]] = [()] * len(self._rows)
        for slot in self._by.addresses:
            parts = [self._column(slot.parts.get(part, ())) for part in (*ADDRESS_PARTS, "whole", "label")]
            if not any(parts[:-1]):
                continue
            split = slot.split
            for at, cells in enumerate(zip(*(part or self._nothing for part in parts), strict=True)):
                if not any(cells[:-1]):
                    continue
                if split is not None and any(split in cell for cell in cells[:-1]):
                    for some in _cut_alike(cells, split):
                        found[at] += _address(some, slot.label)
                else:
                    found[at] += _address(cells, slot.label)
        return found

    def _all_labels(self) -> list[tuple[str, ...]]:
        found = [self._by.plan_labels] * len(self._rows)
        for index, split in self._by.labels:
            for at, cell in enumerate(self._cells[index] or ()):
                if cell:
                    found[at] = with_labels(cell, found[at], split)
        return found

    def _all_custom(self) -> list[tuple[tuple[str, str], ...]]:
        found: list[tuple[tuple[str, str], ...]] = [()] * len(self._rows)
        for index, key in self._by.custom:
            for at, cell in enumerate(self._cells[index] or ()):
                if cell and not values.is_placeholder(cell):
                    found[at] += ((key, cell),)
        for at, kept in self._kept.items():
            merged = dict(found[at])
            for column, cell in kept:
                key = self._by.headers[column][:100]
                merged[key] = f"{merged[key]}\n{cell}" if key in merged else cell
            found[at] = tuple(merged.items())
        return found


def _pairs(cell: str, label: str, split: str | None) -> Iterator[tuple[str, str]]:
    """The values of a cell, each with its label; the label's cell is cut alike."""
    if split is None or split not in cell:
        yield cell, label
        return
    labels = [part.strip() for part in label.split(split)]
    for at, part in enumerate(cell.split(split)):
        part = part.strip()
        if part:
            yield part, labels[min(at, len(labels) - 1)]


def _cut_alike(cells: Sequence[str], split: str) -> Iterator[tuple[str, ...]]:
    cut = [[part.strip() for part in cell.split(split)] for cell in cells]
    for at in range(max(map(len, cut))):
        # A label that stands there once is the label of all.
        yield tuple(
            parts[at] if at < len(parts) else (parts[-1] if number == len(cut) - 1 else "")
            for number, parts in enumerate(cut)
        )


def with_labels(cell: str, labels: tuple[str, ...], split: str | None) -> tuple[str, ...]:
    """The labels of a cell, and those that the row has from elsewhere behind them."""
    own = map(values.label, map(str.strip, cell.split(split) if split else (cell,)))
    return tuple(dict.fromkeys((*filter(None, own), *labels)))


def emptied(cells: list[str], placeholders: frozenset[str] = values.NOTHING) -> list[str]:
    """The cells, without those that only say that they are empty."""
    if placeholders.isdisjoint(cells):
        return cells
    return ["" if cell in placeholders else cell for cell in cells]


def shown_texts(name: str, cells: list[str] | None) -> list[str] | None:
    """The texts of a field as they are kept."""
    return emptied(cells, values.PLACEHOLDERS) if cells is not None and name in _WORDY else cells


def reachable(person: Person) -> bool:
    """Whether somebody can be written to or called."""
    return bool(person.emails) or any(phone.value for phone in person.phones)


def shown_country(cell: str) -> str:
    """A country as it is kept."""
    return values.country(cell) if cell else ""


def _address(cells: Sequence[str], fixed: str) -> tuple[Address, ...]:
    street, city, region, postal_code, country, whole, label = cells
    if not (street or city or region or postal_code or country):
        street = whole
    if not (street or city or region or postal_code or country):
        return ()
    label = values.kind(label)[0] if label else fixed
    country = shown_country(country)
    return (_new(Address, (street, city, region, postal_code, country, label)),)


def _day(year: str, month: str, day: str) -> str:
    number = values.month_number(month)
    if number is None or not (day.isascii() and day.isdigit() and len(day) <= 2):
        return ""
    if year and not (year.isascii() and year.isdigit() and len(year) == 4):
        return ""
    return values.day_of(int(year) if year else None, number, int(day)) or ""


def _is_directory_path(cell: str) -> bool:
    # Outlook writes Exchange's own name of a person where it has no address.
    return cell[:3].casefold() == "/o="
