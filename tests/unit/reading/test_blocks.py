"""A segment read by columns is the same people, problems and rows as one that is read row by row."""

import csv
import io
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import Person
from app.core.events import SegmentHeader
from app.core.reading import blocks, segments
from app.core.reading.plan import Column, Dialect, Plan, Values

COMMA = Dialect(delimiter=",", quote='"', escape="doubled")
PLAIN = {
    "given": ["Ann", "Zoë", "李", "", " Ann "],
    "family": ["Lee", "d'Arc", "", "-"],
    "email": ["ann@example.org", "ANN@Example.ORG", "a.b+c@x-y.example", "bob@example.org"],
    "phone": ["+4930123456", "+447911123456", ""],
    "company": ["Acme", "", "null"],
    "birthday": ["1984-03-07", "", "03/07/1984"],
    "country": ["DE", "Germany", ""],
    "label": ["Home", "* Work", ""],
    "groups": ["Fair;VIP", "fair", "", "* myContacts ::: Fair"],
    "url": ["example.org", ""],
    "custom": ["7", "n/a", ""],
}
ODD = [
    *("", "x", " ", "not an address", "a@b", "a@" + "b" * 64 + ".org", "x" * 65 + "@example.org", "ÄÖ@ümlaut.example"),
    *(
        "ann@example.org; bob@example.org",
        "Ann <ann@example.org>",
        "http://x.example/?q=1",
        "n/a",
        "*",
        "@",
        "'=1+1",
        '="01"',
    ),
    *('sa"id', "back\\slash", "two\nlines", "tab\there", "\x07bell", "e\u0301", "\u200bzero"),
    *("+49 30 123456", "+1", "030 123456", "4.41E+11", "12 / 13", "31.12.1999", "99.99.99"),
]
COLUMNS = (
    Column(index=0, header="Given", field="given"),
    Column(index=1, header="Family", field="family"),
    Column(index=2, header="E-mail", field="emails", slot=1, part="value", label="work"),
    Column(index=3, header="E-mail 2", field="emails", slot=2, part="value"),
    Column(index=4, header="E-mail 2 Type", field="emails", slot=2, part="label"),
    Column(index=5, header="Phone", field="phones", slot=1, part="value"),
    Column(index=6, header="Mobile", field="phones", slot=2, part="value", label="mobile"),
    Column(index=7, header="Company", field="company"),
    Column(index=8, header="Born", field="birthday", part="whole"),
    Column(index=9, header="Street", field="addresses", slot=1, part="street", label="home"),
    Column(index=10, header="Street 2", field="addresses", slot=1, part="street", label="home"),
    Column(index=11, header="Country", field="addresses", slot=1, part="country"),
    Column(index=12, header="City", field="addresses", slot=2, part="city", label="work"),
    Column(index=13, header="Groups", field="labels", split=";"),
    Column(index=14, header="Site", field="urls", slot=1, part="value"),
    Column(index=15, header="No.", field="custom", key="No."),
    Column(index=16, header="Name", field="name", part="full"),
    Column(index=17, header="Whatever", field="none"),
)
KINDS = (
    "given family email email label phone phone company birthday company company country family groups url custom "
    "given custom"
).split()
assert len(KINDS) == len(COLUMNS)


def cells(odd: bool) -> st.SearchStrategy[list[str]]:
    kinds = [st.sampled_from([*PLAIN[kind], *(ODD if odd else [])]) for kind in KINDS]
    return st.tuples(*kinds).map(list)


ROWS = st.lists(st.one_of(cells(False), cells(False), cells(True)), min_size=1, max_size=12)
PLANS = st.builds(
    lambda chosen, region, labels: Plan(
        dialect=COMMA,
        preamble=0,
        header=0,
        columns=tuple(column for column in COLUMNS if column.index in chosen),
        values=Values(phone_region=region, date_order="mdy"),
        labels=labels,
    ),
    st.sets(st.integers(0, len(COLUMNS) - 1), min_size=3).map(lambda chosen: chosen | {2, 17}),
    st.sampled_from([None, "DE"]),
    st.sampled_from([(), ("Fair",), ('say "hi"',)]),
)


def text(rows: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def header(plan: Plan, size: int) -> SegmentHeader:
    return SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=1,
        order_second=100,
        start=0,
        end=size,
        first_line=3,
        crc32c=0,
        plan=plan,
    )


def both(block: blocks.Block | None, reading: segments.Reading) -> list[Person]:
    return sorted([*(block.people() if block else []), *reading.people])


@settings(max_examples=300)
@given(ROWS, PLANS, st.sampled_from([b"", b"ragged\r\n", b"a,b,c\r\n" * 2, b'"open,', b"\xff,bad\r\n"]))
def test_by_columns_and_row_by_row_are_the_same(rows: list[list[str]], plan: Plan, end: bytes) -> None:
    data = text(rows) + end
    block, reading = blocks.read(data, header(plan, len(data)))
    whole = segments.read(data, header(plan, len(data)))
    assert both(block, reading) == whole.people
    assert (reading.problems, reading.rows) == (whole.problems, whole.rows)


def test_plain_rows_are_in_the_block_and_others_are_not() -> None:
    plan = Plan(dialect=COMMA, preamble=0, header=0, columns=COLUMNS[:3])
    data = text([["Ann", "Lee", "ann@example.org"], ["Bob", 'the "rock"', "bob@example.org"], ["", "", "nobody"]])
    block, reading = blocks.read(data, header(plan, len(data)))
    assert block is not None
    assert block.keys() == ["e:ann@example.org"]
    assert [person.match_key for person in reading.people] == ["e:bob@example.org"]
    assert [problem.code for problem in reading.problems] == ["email_invalid"]


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_a_bad_address_is_found_wherever_it_stands(bad: int) -> None:
    rows = [["a", "b", f"p{number}@example.org" if number != bad else "two\nlines@x"] for number in range(4)]
    plan = Plan(dialect=COMMA, preamble=0, header=0, columns=COLUMNS[:3])
    data = text(rows)
    block, reading = blocks.read(data, header(plan, len(data)))
    assert block is not None
    assert block.rows == [number for number in range(4) if number != bad]
    assert reading.problems[0].row == bad


def test_who_has_one_address_twice_is_read_row_by_row() -> None:
    columns = (
        Column(index=0, header="E-mail", field="emails", slot=1, part="value"),
        Column(index=1, header="Home City", field="addresses", slot=1, part="city", label="home"),
        Column(index=2, header="Work City", field="addresses", slot=2, part="city", label="work"),
    )
    plan = Plan(dialect=COMMA, preamble=0, header=0, columns=columns)
    data = text([["a@x.org", "Rome", "Rome"], ["b@x.org", "Rome", "Pisa"], ["c@x.org", "", ""]])
    block, reading = blocks.read(data, header(plan, len(data)))
    assert block is not None
    assert block.rows == [1, 2]
    assert [person.row for person in reading.people] == [0]
