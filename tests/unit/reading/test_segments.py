"""Every row is one person or one problem."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url
from app.core.errors import Rejected
from app.core.reading import cutting, plans, records, segments
from app.core.reading.cutting import Cutter
from app.core.reading.plan import Column, Dialect, Plan, Values
from app.core.reading.problems import MAX_TOLD_CHARACTERS
from app.core.reading.segments import Reading
from tests.reading import header_of

COMMA = Dialect(delimiter=",", quote='"', escape="doubled")


def plan_for(text: str) -> Plan:
    """What we make of a whole file."""
    return plans.complete(
        text.encode(), whole=True, given=None, defaults=plans.Defaults(), remembered=lambda signature: None
    ).plan


def read_all(data: bytes, plan: Plan) -> list[Reading]:
    cutter = Cutter(plan)
    return [segments.read(cut.data, header_of(plan, cut)) for cut in cutter.feed(data) + cutter.end()]


def read(text: str, plan: Plan | None = None) -> Reading:
    readings = read_all(text.encode(), plan or plan_for(text))
    return Reading(
        [person for reading in readings for person in reading.people],
        [told for reading in readings for told in reading.problems],
        sum(reading.rows for reading in readings),
    )


def only(text: str) -> Person:
    reading = read(text)
    assert reading.problems == []
    (person,) = reading.people
    return person


def scalar(person: Person, name: str) -> str:
    return person.scalars[SCALARS.index(name)]


def test_a_plain_row() -> None:
    person = only("First Name,Last Name,Email,Mobile,Company\nAnn,Lee,ANN@example.com,+44 7911 123456,Acme\n")
    assert (person.row, person.line, person.match_key) == (1, 2, "e:ann@example.com")
    assert (scalar(person, "given"), scalar(person, "family"), scalar(person, "company")) == ("Ann", "Lee", "Acme")
    assert person.emails == (Email("ann@example.com"),)
    assert person.phones == (Phone("+447911123456", "+44 7911 123456", "mobile"),)


def test_rows_and_lines_are_counted_from_the_file() -> None:
    reading = read('Name,Notes\n\nAnn,"two\nlines"\n\nBob,\n,only notes\n')
    assert [(person.row, person.line) for person in reading.people] == [(1, 3), (2, 6)]
    assert [(told.row, told.line, told.code) for told in reading.problems] == [(3, 7, "no_identity")]
    assert reading.rows == 3


def test_a_row_may_be_shorter_and_may_be_longer_by_empty_cells() -> None:
    reading = read("Name,Email,Notes\nAnn\nBob,bob@x.com,hi,,\nCid,cid@x.com,hi,there\n")
    assert [scalar(person, "name") for person in reading.people] == ["Ann", "Bob"]
    assert [(told.code, told.column, told.cells) for told in reading.problems] == [
        ("too_many_cells", 3, ("Cid", "cid@x.com", "hi", "there"))
    ]


def test_a_row_whose_only_email_is_none_is_told_with_its_cell() -> None:
    reading = read("Name,E-mail,Phone\nAnn,ann@x..com,+447911123456\n")
    (told,) = reading.problems
    assert (told.code, told.line, told.column, told.cells) == (
        "email_invalid",
        2,
        1,
        ("Ann", "ann@x..com", "+447911123456"),
    )
    assert told.suggestion == "Did you mean ann@x.com?"
    assert told.message


def test_what_does_not_fit_its_column_is_kept_as_a_custom_value() -> None:
    person = only("Name,Email,Email 2,Birthday,Website\nAnn,ann@x.com,later,in spring,javascript:alert(1)\n")
    assert person.emails == (Email("ann@x.com"),)
    assert person.urls == ()
    assert dict(person.custom) == {"Email 2": "later", "Birthday": "in spring", "Website": "javascript:alert(1)"}


def test_placeholders_are_empty() -> None:
    person = only("Name,Email,Phone,Birthday,Gender\nNull,n/a,-,0/0/00,Unspecified\n")
    assert scalar(person, "name") == "Null"
    assert (person.emails, person.phones, scalar(person, "birthday"), person.custom) == ((), (), "", ())


def test_exchange_paths_are_no_reason_to_reject() -> None:
    person = only(
        "Name,E-mail Address\nAnn,/o=ExchangeLabs/ou=x/cn=ann\nBob,bob@x.com\n".replace("Bob,bob@x.com\n", "")
    )
    assert dict(person.custom) == {"E-mail Address": "/o=ExchangeLabs/ou=x/cn=ann"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("'=1+1", "=1+1"),
        ('="0123"', "0123"),
        ('=""', ""),
        ('="a"&"b"', '="a"&"b"'),
        ("'@home", "@home"),
        ("'+cmd", "+cmd"),
        ("'-x", "-x"),
        ("'-1 (2)", "'-1 (2)"),
        ("'+49 30/123.4-5", "'+49 30/123.4-5"),
        ("'tis", "'tis"),
        ("it's", "it's"),
    ],
)
def test_what_makes_a_spreadsheet_take_a_cell_for_a_text_is_taken_off(cell: str, expected: str) -> None:
    reading = read(f"Name,Notes\nAnn,{cell}\n")
    assert scalar(reading.people[0], "notes") == expected


def test_columns_of_our_list_of_problems_are_dropped() -> None:
    person = only(
        "Name,Email,addressbus:line,addressbus:code,addressbus:message\nAnn,ann@x.com,7,email_invalid,Not an address\n"
    )
    assert person.custom == ()


def test_bytes_that_are_no_utf8_cost_one_row() -> None:
    plan = plan_for("Name,Email\nAnn,ann@x.com\n")
    (reading,) = read_all(b"Name,Email\nAnn,ann@x.com\nJos\xe9,jose@x.com\nBob,bob@x.com\n", plan)
    assert [scalar(person, "name") for person in reading.people] == ["Ann", "Bob"]
    assert [(told.code, told.line, told.cells) for told in reading.problems] == [
        ("bad_encoding", 3, ("Jos\\xe9", "jose@x.com"))
    ]


@pytest.mark.parametrize(
    ("cell", "code"),
    [("a\x00b", "bad_character"), ("x" * 32_769, "cell_too_long"), ("x" * 32_768, None), ('"open', "quote_left_open")],
)
def test_cells_that_no_database_takes_are_told(cell: str, code: str | None) -> None:
    reading = read(f"Name,Email\n{cell},ann@x.com\nBob,bob@x.com\n", plan_for("Name,Email\nBob,bob@x.com\n"))
    assert [told.code for told in reading.problems] == ([code] if code else [])
    assert reading.rows == 2


def test_a_stray_quote_is_mended_if_the_cells_are_as_many_as_the_columns() -> None:
    reading = read('Name,Email\n"Ann "the" Lee",ann@x.com\n"Bob "B, jr" Day",bob@x.com\n')
    assert [scalar(person, "name") for person in reading.people] == ['Ann "the" Lee']
    assert [told.code for told in reading.problems] == ["stray_quote"]


def test_an_oversized_row_is_one_problem_among_its_neighbours() -> None:
    plan = plan_for("Name,Email\nAnn,ann@x.com\n")
    giant = b"x," * 600_000
    readings = read_all(b"Name,Email\nAnn,ann@x.com\n" + giant + b"\nBob,bob@x.com\n", plan)
    assert sum(reading.rows for reading in readings) == 3
    assert [scalar(person, "name") for reading in readings for person in reading.people] == ["Ann", "Bob"]
    (told,) = [told for reading in readings for told in reading.problems]
    assert (told.code, told.line) == ("row_too_long", 3)
    assert readings[-1].people[0].line == 4


def test_what_is_told_of_a_row_is_bounded() -> None:
    plan = plan_for("Name,Email\nAnn,ann@x.com\n")
    (told,) = read("Name,Email\n" + "x" * 30_000 + ",a," + ("y" * 30_000 + ",") * 3 + "\n", plan).problems
    assert sum(map(len, told.cells)) <= MAX_TOLD_CHARACTERS + 1
    assert told.cells[-1].endswith("…")


def test_several_values_of_one_cell_go_with_their_labels() -> None:
    person = only(
        "Name,E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Type,E-mail 2 - Value,Phone 1 - Type,Phone 1 - Value,"
        "Group Membership\n"
        "Ann,Home ::: Other,a@x.com ::: b@x.com,* Work,c@x.com,Mobile,+447911123456 ::: +447911123457,"
        "* myContacts ::: Friends ::: * starred\n"
    )
    assert person.emails == (Email("c@x.com", "work"), Email("a@x.com", "home"), Email("b@x.com", "other"))
    assert [phone.value for phone in person.phones] == ["+447911123456", "+447911123457"]
    assert person.labels == ("Friends", "starred")


def test_an_address_is_put_together_and_its_formatted_form_is_only_used_alone() -> None:
    text = (
        "Name,E-mail 1 - Value,Phone 1 - Value,Address 1 - Type,Address 1 - Formatted,Address 1 - Street,"
        "Address 1 - City,Address 1 - PO Box,Address 1 - Country\n"
        'Ann,,,Home,"1 Mill\nLeeds",1 Mill,Leeds,PO 7,uk\nBob,,,Work,"2 Mill\nLeeds",,,,\n'
    )
    ann, bob = read(text).people
    assert ann.addresses == (Address("1 Mill\nPO 7", "Leeds", "", "", "GB", "home"),)
    assert bob.addresses == (Address("2 Mill\nLeeds", label="work"),)


def test_names_and_birthdays_in_parts() -> None:
    plan = Plan(
        dialect=COMMA,
        preamble=0,
        header=0,
        columns=(
            Column(index=0, field="name", part="last_first"),
            Column(index=1, field="birthday", part="year"),
            Column(index=2, field="birthday", part="month"),
            Column(index=3, field="birthday", part="day"),
            Column(index=4, field="urls", slot=1),
            Column(index=5, field="notes"),
            Column(index=6, field="notes"),
        ),
        values=Values(date_order="dmy"),
        labels=("Messe",),
    )
    ann, bob = read('"Lee, Ann",1984,March,7,https://x.example,one,two\nPlato,,3,7,,,\n', plan).people
    assert [scalar(ann, name) for name in ("name", "given", "family", "birthday", "notes")] == [
        "Ann Lee",
        "Ann",
        "Lee",
        "1984-03-07",
        "one\ntwo",
    ]
    assert (ann.urls, ann.labels) == ((Url("https://x.example"),), ("Messe",))
    assert [scalar(bob, name) for name in ("name", "given", "birthday")] == ["Plato", "", "--03-07"]


def test_the_labels_of_an_import_do_not_change_who_somebody_is() -> None:
    text = "Name,Company\nAnn,Acme\n"
    (plain,) = read(text).people
    (labelled,) = read(
        text,
        plans.complete(
            text.encode(),
            whole=True,
            given=Plan(labels=("a",)),
            defaults=plans.Defaults(),
            remembered=lambda signature: None,
        ).plan,
    ).people
    assert labelled.labels == ("a",)
    assert plain.match_key == labelled.match_key


PIECES = ['"', '""', ",", "\n", "\r\n", "\r", "Ann", "a@x.com", '"a,b"', "é", "\x00", "'=x", "+447911123456", "\ud7ff"]


@settings(max_examples=100)
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    junk=st.binary(max_size=3),
)
def test_every_record_after_the_header_has_exactly_one_outcome(text: str, junk: bytes) -> None:
    plan = plan_for("Name,Email,Phone\nAnn,ann@x.com,\n")
    data = b"Name,Email,Phone\n" + text.encode() + junk
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SEGMENT_BYTES", (32, 64, 128, 256, 512))
        patch.setattr(cutting, "MAX_SEGMENT_BYTES", 512)
        patch.setattr(records, "MAX_QUOTED_BYTES", 100)
        readings = read_all(data, plan)
        found = [record for record in records.grammar(COMMA).records(data) if record.text_end > record.start]
    for reading in readings:
        rows = [person.row for person in reading.people] + [told.row for told in reading.problems]
        assert len(set(rows)) == len(rows) == reading.rows
    assert sum(reading.rows for reading in readings) == len(found) - 1


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.sampled_from(["", "Ann", "a,b", 'q"q', "two\nlines", "x\r\ny", "é"]), min_size=3, max_size=3),
        min_size=1,
        max_size=20,
    )
)
def test_what_csv_writes_we_read(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["Name", "Company", "Notes"], *rows])
    reading = read(out.getvalue(), plan_for("Name,Company,Notes\nx,y,z\n"))
    expected = [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows if row[0] or row[1]]
    assert [
        tuple(scalar(person, name) for name in ("name", "company", "notes")) for person in reading.people
    ] == expected


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.text(max_size=12)] * 9), max_size=5))
def test_any_text_in_any_cell_gives_people_or_problems(rows: list[tuple[str, ...]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    names = "Name,Email,Email 2,Phone,Birthday,Website,Home City,Tags,Shoe size\n"
    reading = read(names + out.getvalue(), plan_for(names + "Ann,,,,,,,,\n"))
    assert reading.rows == len(reading.people) + len(reading.problems)
    for person in reading.people:
        assert "\x00" not in repr(person)
        assert all(len(text) <= 32 * 1024 for text in person.scalars)


def test_a_header_is_cleaned_like_any_cell() -> None:
    person = only("Name,Size\0of\u200b  shoe\nAnn,38\n")
    assert person.custom == (("Sizeof  shoe", "38"),)


def test_a_plan_cannot_name_a_field_with_what_no_database_takes() -> None:
    with pytest.raises(Rejected, match="no text can have") as refusal:
        plans.parse({"columns": [{"index": 0, "field": "custom", "key": "a\0b"}]})
    assert refusal.value.extra["pointer"] == "/columns/0/key"
