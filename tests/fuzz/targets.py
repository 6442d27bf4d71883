"""What must hold for any bytes, as functions that a fuzzer or hypothesis calls: `TARGETS`.

`make fuzz` lets atheris look for bytes that break one of them, as long as you like; the unit tests try some each time.
"""

from collections.abc import Callable
from itertools import cycle, pairwise

from app.core.contacts import SCALARS, Person
from app.core.errors import Rejected
from app.core.reading import plans, segments, values
from app.core.reading.cutting import Cut, Cutter
from app.core.reading.plan import Column, Dialect, Plan, Values
from app.core.reading.problems import WORDS
from tests.reading import HEAD, header_of


def file(data: bytes) -> None:
    """A whole file is refused with a code, or every record of it is one person or one problem, in order."""
    head = data[:HEAD]
    try:
        plan = plans.complete(
            head,
            whole=len(head) == len(data),
            given=None,
            defaults=plans.Defaults(phone_region="DE"),
            remembered=lambda signature: None,
        ).plan
    except Rejected:
        return
    _all_are_told(plan, data)


COLUMNS = (
    Column(index=0, header="Name", field="name", part="full"),
    Column(index=1, header="E-mail", field="emails", slot=1, part="value", split=":::"),
    Column(index=2, header="Phone", field="phones", slot=1, part="value"),
    Column(index=3, header="Birthday", field="birthday", part="whole"),
    Column(index=4, header="Country", field="addresses", slot=1, part="country"),
    Column(index=5, header="Link", field="urls", slot=1, part="value"),
    Column(index=6, header="Labels", field="labels", split=";"),
    Column(index=7, header="More", field="custom", key="More"),
)
_DIALECTS = (
    Dialect(delimiter=",", quote='"', escape="doubled"),
    Dialect(delimiter=";", quote="'", escape="doubled"),
    Dialect(delimiter="\t", quote='"', escape="backslash"),
    Dialect(delimiter="|", quote=None, escape="doubled", trim=True),
)


def rows(data: bytes) -> None:
    """The same where the plan is given, in each dialect."""
    dialect = _DIALECTS[data[0] % len(_DIALECTS)] if data else _DIALECTS[0]
    plan = Plan(
        format="csv",
        encoding="utf-8",
        dialect=dialect,
        preamble=0,
        header=0,
        columns=COLUMNS,
        values=Values(phone_region="US", date_order="mdy"),
        existing="fill",
        labels=(),
    )
    _all_are_told(plan, data[1:])


def cells(data: bytes) -> None:
    """A cell gives a value that is read as itself, or none."""
    cell = values.clean(data.decode(errors="ignore"))
    if not cell:
        return
    address = values.email(cell)
    assert address is None or values.email(address) == address
    assert all(values.email(one) == one for one in values.emails(cell) or ())
    number = values.phone(cell, "GB")
    assert not number or (number[0] == "+" and number[1:].isdecimal() and values.phone(number, None) == number)
    assert all(raw for _, raw in values.phones(cell, "DE"))
    for order in ("dmy", "mdy", "ymd"):
        day = values.date(cell, order) or values.serial(cell, order)
        assert day is None or values.date(day, order) == day
    place = values.country(cell)
    assert values.country(place) == place
    for read in (values.url, values.kind, values.label, values.email_suggestion, values.is_no_date, values.last_first):
        read(cell)
    values.display_name(cell)
    values.meant_domain(cell)


TARGETS: dict[str, Callable[[bytes], None]] = {"file": file, "rows": rows, "cells": cells}


def _all_are_told(plan: Plan, data: bytes) -> None:
    whole = cuts(plan, data, (len(data) or 1,))
    assert cuts(plan, data, (1, 7, 3, 61, 997)) == whole
    assert all(one.end == other.start for one, other in pairwise(whole))
    for cut in whole:
        reading = segments.read(cut.data, header_of(plan, cut))
        assert reading.rows == len(reading.people) + len(reading.problems)
        numbers = [*(person.row for person in reading.people), *(told.row for told in reading.problems)]
        assert len(set(numbers)) == len(numbers)
        assert all(told.code in WORDS and told.message for told in reading.problems)
        for person in reading.people:
            _can_be_stored(person)


def cuts(plan: Plan, data: bytes, sizes: tuple[int, ...]) -> list[Cut]:
    """The segments of a file that arrives in pieces of these sizes."""
    cutter = Cutter(plan)
    found: list[Cut] = []
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return found + cutter.end()
        found += cutter.feed(data[at : at + size])
        at += size
    raise AssertionError


def _can_be_stored(person: Person) -> None:
    """No text has a NUL or a lone surrogate, no key is longer than an index entry may be."""
    assert person.match_key
    assert len(person.match_key) <= 256
    assert len(person.scalars) == len(SCALARS)
    texts = [*person.scalars, *person.labels]
    for element in (*person.emails, *person.phones, *person.addresses, *person.urls, *person.custom):
        texts += element
    for text in texts:
        assert "\0" not in text
        text.encode()
    assert all(email.value.count("@") >= 1 and len(email.value) <= values.MAX_EMAIL for email in person.emails)
