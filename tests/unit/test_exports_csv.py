"""Contacts as CSV: harmless in a spreadsheet, and ours again when they come back."""

import csv
import io
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import SCALARS, Address, Email, Person, Url
from app.core.events import AddressOut, ContactOut, EmailOut, PhoneOut, SegmentHeader
from app.core.reading import plans, segments
from app.core.reading.values import PLACEHOLDERS
from app.web import spreadsheet

LABELS = st.sampled_from(["", "work", "home", "Summer house"])
ODD = st.text(alphabet='aZé漢 ,;"\n=+-@0(/.:\\', max_size=12).map(str.strip)
ODD = ODD.filter(lambda text: text not in PLACEHOLDERS)
"""What people write in notes and names; nothing that the reader would mend, or take for nothing."""
WORDS = st.text(alphabet="abc é漢", min_size=1, max_size=8).map(str.strip).filter(bool)
EMAILS = st.integers(0, 99).map("a{}@example.com".format)
PHONES = st.sampled_from(
    ["+493012345678", "+14155550123", "+442079460018", "+33142685300", "+3225551212", "+390612345678"]
)
URLS = st.integers(0, 99).map("https://example.com/{}".format)
CUSTOM = ["Shoe size", "Kundennummer, alt", 'Said "so"']


def some(values: st.SearchStrategy[str], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=most, unique=True)


CONTACTS = st.builds(
    ContactOut,
    id=st.just(UUID(int=1)),
    version=st.just(1),
    updated_at=st.just(1.0),
    **{name: ODD for name in SCALARS if name not in ("birthday", "name")},
    name=WORDS,
    birthday=st.sampled_from(["", "1984-03-07", "--02-29"]),
    emails=some(EMAILS, 6).flatmap(
        lambda values: st.tuples(*(st.builds(EmailOut, value=st.just(value), label=LABELS) for value in values))
    ),
    phones=some(PHONES, 6).flatmap(
        lambda values: st.tuples(*(st.builds(PhoneOut, value=st.just(value), label=LABELS) for value in values))
    ),
    urls=some(URLS, 6).flatmap(
        lambda values: st.tuples(*(st.builds(EmailOut, value=st.just(value), label=LABELS) for value in values))
    ),
    addresses=st.lists(
        st.builds(
            AddressOut,
            label=LABELS,
            street=WORDS,
            city=st.sampled_from(["", "Köln"]),
            region=st.sampled_from(["", "NRW"]),
            postal_code=st.sampled_from(["", "01234"]),
            country=st.sampled_from(["", "DE", "Atlantis"]),
        ),
        max_size=4,
    ).map(tuple),
    labels=some(st.sampled_from(["VIP", "a, b", "Friends; all", "=x"]), 3).map(tuple),
    custom=st.dictionaries(st.sampled_from(CUSTOM), WORDS, max_size=3),
)


def written(contacts: list[ContactOut]) -> str:
    return spreadsheet.table([spreadsheet.header(CUSTOM), *(spreadsheet.row(one, CUSTOM) for one in contacts)]).decode()


def read_again(text: str) -> segments.Reading:
    data = text.encode()
    plan = plans.complete(
        data, whole=True, given=None, defaults=plans.Defaults(), remembered=lambda signature: None
    ).plan
    header = SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=0,
        order_second=1,
        start=0,
        end=len(data),
        first_line=1,
        crc32c=0,
        plan=plan,
    )
    return segments.read(data, header)


def expected(contact: ContactOut) -> dict[str, object]:
    return {
        **{name: getattr(contact, name) for name in SCALARS},
        "emails": tuple(Email(one.value, one.label) for one in contact.emails),
        "phones": tuple((one.value, one.label) for one in contact.phones),
        "urls": tuple(Url(one.value, one.label) for one in contact.urls),
        "addresses": tuple(
            Address(one.street, one.city, one.region, one.postal_code, one.country, one.label)
            for one in contact.addresses
        ),
        "labels": set(contact.labels),
        "custom": dict(contact.custom),
    }


def found(person: Person) -> dict[str, object]:
    return {
        **dict(zip(SCALARS, person.scalars, strict=True)),
        "emails": person.emails,
        "phones": tuple((one.value, one.label) for one in person.phones),
        "urls": person.urls,
        "addresses": person.addresses,
        "labels": set(person.labels),
        "custom": dict(person.custom),
    }


@settings(max_examples=60)
@given(st.lists(CONTACTS, min_size=1, max_size=4))
def test_what_was_exported_can_be_imported_and_is_the_same(contacts: list[ContactOut]) -> None:
    reading = read_again(written(contacts))
    assert reading.problems == []
    assert [found(person) for person in reading.people] == [expected(contact) for contact in contacts]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@me", "'@me"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("+1*2", "'+1*2"),
        ("-x", "'-x"),
        ("+49 (0)30/1-2.3", "+49 (0)30/1-2.3"),
        ("-12.5", "-12.5"),
        ("a=b", "a=b"),
        ("", ""),
        ("'x", "'x"),
    ],
)
def test_no_spreadsheet_takes_a_cell_for_a_formula(cell: str, shown: str) -> None:
    assert spreadsheet.harmless(cell) == shown
    assert next(csv.reader(io.StringIO(spreadsheet.table([[cell]]).decode(), newline=""))) == [shown]


def test_lines_end_as_spreadsheets_expect() -> None:
    assert spreadsheet.table([["a", "b"], ['"', "x\ny"]]) == b'a,b\r\n"""","x\ny"\r\n'


def test_every_row_is_as_wide_as_the_header() -> None:
    crowd = ContactOut(
        id=UUID(int=1),
        version=1,
        updated_at=1.0,
        emails=tuple(EmailOut(value=f"{number}@x.com") for number in range(9)),
        addresses=tuple(AddressOut(city=f"C{number}") for number in range(5)),
    )
    header = spreadsheet.header(["Key"])
    row = dict(zip(header, spreadsheet.row(crowd, ["Key"]), strict=True))
    assert row["E-mail 3 - Value"] == "2@x.com"
    assert row["E-mail 4 - Value"] == "3@x.com ::: 4@x.com ::: 5@x.com ::: 6@x.com ::: 7@x.com ::: 8@x.com"
    assert row["E-mail 4 - Label"] == ""
    assert row["Address 2 - City"] == "C1 ::: C2 ::: C3 ::: C4"
