"""What columns are taken for: by name, by cells, and beside each other; how sure, and why."""

import json
import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reading import columns, plans
from app.core.reading.columns import Seen
from app.core.reading.plan import Column


def described(column: Column) -> str:
    """`field.part/slot:label`"""
    name: str = column.field
    if column.part not in {None, "value"}:
        name += f".{column.part}"
    if column.slot:
        name += f"/{column.slot}"
    return f"{name}:{column.label}" if column.label else name


def recognised(headers: str, *rows: str) -> list[str]:
    """What the columns of `A|B` are."""
    found, _ = columns.recognise(headers.split("|"), [row.split("|") for row in rows])
    return [described(column) for column in found]


def seen(header: str, *cells: str) -> Seen:
    """How one column is shown."""
    return columns.recognise([header], [[cell] for cell in cells])[1][0]


# --- by name


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Telefon geschäftlich", "phones/1:work"),
        ("Téléphone domicile", "phones/1:home"),
        ("Teléfono del trabajo", "phones/1:work"),
        ("Рабочий телефон", "phones/1:work"),
        ("携帯電話", "phones/1:mobile"),
        ("会社電話", "phones/1:work"),
        ("商务传真", "phones/1:work fax"),
        ("Fax geschäftlich", "phones/1:work fax"),
        ("Diensthandy dienstlich", "custom"),
        ("Handy dienstlich", "phones/1:work mobile"),
        ("Firma Telefon", "phones/1:work"),
        ("Company address", "addresses.whole/1:work"),
        ("E-Mail (privat)", "emails/1:home"),
        ("EMAILADDRESS", "emails/1"),
        ("contact_email", "emails/1"),
        ("Country/Region", "addresses.country/1"),
        ("City, State Zip", "addresses.city/1"),
        ("Straße, PLZ, Ort", "addresses.whole/1"),
        ("Nachname, Vorname", "name.last_first"),
        ("Vorname Nachname", "name.full"),
        ("Home/Work phone", "custom"),
        ("E-Mail: Angezeigter Name", "none"),
        ("E-Mail 2: Angezeigter Name", "none"),
        ("Weiteres/r Bundesland/Kanton", "addresses.region/1:other"),
        ("Adresse 2, priv.: Gate/vei", "addresses.street/1:home"),
        ("Firmaland/område", "addresses.country/1:work"),
        ("Ulice 2 (zam.)", "addresses.street/1:work"),
        ("Spouse", "custom"),
        ("Company 2", "custom"),
        ("Assistant's name", "custom"),
        ("Assistant's phone", "phones/1:assistant"),
    ],
)
def test_a_header_is_understood_by_its_words(header: str, expected: str) -> None:
    assert recognised(header) == [expected]


@pytest.mark.parametrize(
    ("header", "expected", "least", "most"),
    [
        ("Vorname", "given", 0.9, 1.0),
        ("Vorname:", "given", 0.9, 1.0),
        ("homephone", "phones/1:home", 0.8, 0.95),
        ("D.O.B.", "birthday.whole", 0.8, 0.95),
        ("Vornmae", "given", 0.6, 0.8),
        ("Frist Name", "given", 0.6, 0.8),
        ("Telephonne", "phones/1", 0.6, 0.8),
        ("Kundennahme", "name.full", 0.6, 0.8),
        ("Xyzzy", "custom", 0.0, 0.5),
    ],
)
def test_a_misspelt_header_is_a_guess_less_sure(header: str, expected: str, least: float, most: float) -> None:
    found, shown = columns.recognise([header, "Nachname", "Last name"], [])
    assert described(found[0]) == expected
    assert least <= shown[0].confidence <= most


def test_the_language_of_the_other_headers_decides() -> None:
    assert recognised("Imię|Nazwisko|Kod|Kraj")[2] == "addresses.postal_code/1"
    assert recognised("First name|Last name|Kod|Country")[2] != "custom"
    assert recognised("Cognome|Nome|CAP|Stato")[3] == "addresses.country/1"
    assert recognised("Sobrenome|Nome|CEP|Estado")[3] == "addresses.region/1"


def test_a_part_of_a_name_is_enough_if_the_cells_agree() -> None:
    assert recognised("Ort|Mutter E-Mail", "Köln|ann@x.com", "Ulm|bob@x.com")[1] == "emails/1:Mutter"
    assert recognised("Ort|Mutter E-Mail", "Köln|yes", "Ulm|no")[1] == "custom"
    assert recognised("Ort|Schüler Vorname", "Köln|Ann", "Ulm|Bob")[1] == "given"
    assert recognised("Ort|Gründung Firma", "Köln|1999", "Ulm|2004")[1] == "custom"


def test_products_are_known_by_two_headers_of_their_own() -> None:
    assert recognised("First|Home|Primary|Yahoo Phone|Alternate Email 1")[1:3] == ["phones/1:home", "phones/2:main"]
    assert recognised("First|Home|Primary")[1:] == ["custom", "custom"]
    assert "HubSpot" in columns.recognise(["Record ID", "Contact owner", "Email"], [])[1][2].reason


# --- by cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["ann@x.com", "bob@x.com", ""], "emails/1"),
        (["https://x.com", "www.y.org/a"], "urls/1"),
        (["+49 30 123456", "030/1234567", "(202) 555-0142"], "phones/1"),
        (["Germany", "France", "Italy"], "addresses.country/1"),
        (["12345", "23456", "34567"], "custom"),
        (["7.3.1984", "8.4.1990"], "custom"),
        (["Ann", "Bob"], "custom"),
    ],
)
def test_cells_tell_what_an_unknown_header_is(cells: list[str], expected: str) -> None:
    assert recognised("Xyzzy", *cells) == [expected]


def test_dates_of_births_are_offered_not_taken() -> None:
    assert [other.field for other in seen("Xyzzy", "7.3.1984", "8.4.1990").others] == ["birthday"]


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("Name", ["ann@x.com", "bob@x.com"], "emails"),
        ("E-Mail", ["yes", "no", "yes", "no", "no"], "custom"),
        ("Phone", ["ann@x.com", "bob@x.com", "cem@x.com"], "emails"),
        ("Phone", ["mornings", "never", "often", "x", "y"], "custom"),
        ("Website", ["ann@x.com", "bob@x.com"], "emails"),
        ("Company", ["ann@x.com", "bob@x.com"], "emails"),
        ("City", ["12345", "23456", "34567"], "addresses"),
        ("First name", ["+49 30 123456", "+49 30 123457", "+49 30 123458"], "phones"),
    ],
)
def test_where_cells_belie_a_name_it_is_told(header: str, cells: list[str], expected: str) -> None:
    found = seen(header, *cells)
    assert found.field == expected
    if expected != "custom":
        assert found.confidence <= 0.7
        assert found.others


def test_a_doubt_lowers_the_confidence_and_says_why() -> None:
    sure, doubtful = seen("Mail", "ann@x.com", "bob@x.com"), seen("Mail", "ann@x.com", *["see notes"] * 9)
    assert (sure.field, doubtful.field) == ("emails", "emails")
    assert doubtful.confidence < 0.5 < sure.confidence
    assert "few of its cells are e-mail addresses" in doubtful.reason


def test_a_word_for_a_place_alone_is_what_its_cells_are() -> None:
    assert recognised("Work", "+49 30 123456", "+49 30 123457") == ["phones/1:work"]
    assert recognised("Privat", "ann@x.com", "bob@x.com") == ["emails/1:home"]
    assert recognised("Privat", "Aus", "Ein") == ["custom"]


# --- beside each other


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Name|Vorname", ["family", "given"]),
        ("Nom|Prénom", ["family", "given"]),
        ("Nome|Cognome", ["given", "family"]),
        ("Имя|Фамилия", ["given", "family"]),
        ("Name|First name|Last name", ["name.full", "given", "family"]),
        ("Nombre", ["name.full"]),
        ("Full name|First name", ["name.full", "given"]),
    ],
)
def test_a_bare_name_is_what_the_other_columns_leave(headers: str, expected: list[str]) -> None:
    assert recognised(headers) == expected


def test_a_row_is_about_one_person() -> None:
    headers = "Name des Schülers|Vorname des Schülers|Name der Mutter|Telefon Mutter"
    expected = ["family", "given", "custom", "phones/1:Mutter"]
    assert recognised(headers, "Berg|Tim|Eva Berg|+49 30 123456", "Roth|Mia|Ute Roth|+49 30 123457") == expected
    assert recognised("Vorname|Vorname des Vaters", "Tim|Jan", "Mia|Udo") == ["given", "custom"]
    assert recognised("E-Mail|Kurs Name", "a@x.com|Hatha Yoga", "b@x.com|Tai Chi") == ["emails/1", "custom"]


def test_a_name_of_two_words_stays_a_whole_name() -> None:
    assert recognised("Name|First name", "Ann Lee|Ann", "Bob Day|Bob") == ["name.full", "given"]


def test_names_with_a_comma_are_turned() -> None:
    assert recognised("Name", "Lee, Ann", "Day, Bob") == ["name.last_first"]
    assert recognised("Name", "Acme, Inc.", "Bolt, Ltd") == ["name.full"]


def test_titles_are_salutations_or_jobs() -> None:
    assert recognised("Title|Name", "Mr|Lee", "Dr.|Day") == ["prefix", "name.full"]
    assert recognised("Title|Name", "CEO|Lee", "Clerk|Day") == ["title", "name.full"]
    assert recognised("Titre|Prénom|Nom|Titre", "M.|Luc|Roy|Chef") == ["prefix", "given", "family", "title"]
    assert recognised("Titel|Name", "Chefin|Lee", "Koch|Day", "Wirt|Fox") == ["title", "name.full"]


def test_the_day_of_birth_beside_month_and_year() -> None:
    headers = "Geburtsjahr|Geburtsmonat|Geburtstag"
    assert recognised(headers) == ["birthday.year", "birthday.month", "birthday.day"]
    assert recognised("Geburtstag") == ["birthday.whole"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Address|City", ["addresses.street/1", "addresses.city/1"]),
        ("Address", ["addresses.whole/1"]),
        ("Address|Street|City", ["addresses.whole/1", "addresses.street/1", "addresses.city/1"]),
        ("Address 1|Address 2|City", ["addresses.street/1", "addresses.street/1", "addresses.city/1"]),
        ("Street|City|Street 2|City 2", [
            "addresses.street/1",
            "addresses.city/1",
            "addresses.street/2",
            "addresses.city/2",
        ]),
        ("Straße privat|Ort privat|Ort geschäftlich", [
            "addresses.street/1:home",
            "addresses.city/1:home",
            "addresses.city/2:work",
        ]),
    ],
)  # fmt: skip
def test_lines_and_parts_make_addresses(headers: str, expected: list[str]) -> None:
    assert recognised(headers) == expected


def test_labels_go_with_their_values() -> None:
    headers = "Phone 1 - Type|Phone 1 - Value|Phone 2 - Type|Phone 2 - Value"
    assert recognised(headers) == ["phones.label/1", "phones/1", "phones.label/2", "phones/2"]
    assert recognised("Name|Phone type") == ["name.full", "custom"]
    assert recognised("E-Mail|E-Mail Art", "a@x.com|SMTP") == ["emails/1", "none"]


def test_what_is_the_same_of_everybody_may_be_left_out() -> None:
    assert recognised("Priorität", "Normal", "Normal") == ["none"]
    assert recognised("Priorität", "Normal", "Hoch") == ["custom"]


def test_of_two_columns_for_one_value_the_surer_one_is_taken() -> None:
    assert recognised("Vornmae|Vorname") == ["custom", "given"]
    assert recognised("Notes|Comments", "|x") == ["custom", "notes"]


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("Tags", ["a;b", "c"], ";"),
        ("Tags", ["a, b", "c"], ","),
        ("Tags", ["a ::: b"], ":::"),
        ("Tags", ["a"], ";"),
        ("Tags", [], ";"),
        ("Group Membership", ["a ::: b, c", "d"], ":::"),
    ],
)
def test_the_cells_show_what_stands_between_labels(header: str, cells: list[str], expected: str) -> None:
    found, _ = columns.recognise([header], [[cell] for cell in cells])
    assert found[0].split == expected


def test_outlook_s_categories_may_be_in_another_locale() -> None:
    headers = ["Categories", "E-mail 2 Address", "E-mail Display Name"]
    assert columns.recognise(headers, [["a,b"]])[0][0].split == ","
    assert columns.recognise(headers, [["a;b,c"]])[0][0].split == ";"


# --- without names, and at the edges


def test_columns_without_header_are_an_address_book_too() -> None:
    found, _ = columns.recognise(
        None,
        [
            ["1", "Ella", "Frost", "Seestr. 4", "80331", "München", "Germany", "ella@x.com", "7.3.1984"],
            ["2", "Gus", "Hahn", "Am Wall 12", "28195", "Bremen", "Germany", "gus@x.com", "8.4.1990"],
        ],
    )
    assert [described(column) for column in found] == [
        "none",
        "given",
        "family",
        "addresses.street/1",
        "addresses.postal_code/1",
        "addresses.city/1",
        "addresses.country/1",
        "emails/1",
        "birthday.whole",
    ]


def test_empty_columns_are_left_out_unless_they_have_a_name() -> None:
    found, shown = columns.recognise(["Name", "", "Xyzzy"], [["Ann", "", ""]])
    assert [column.field for column in found] == ["name", "none", "custom"]
    assert "empty" in shown[1].reason
    assert "what comes later is kept" in shown[2].reason


def test_what_was_confirmed_is_kept_whatever_the_lists_say_by_now() -> None:
    kept = (Column(index=0, field="nickname"), Column(index=1, field="custom", key="Post"))
    found = plans.complete(
        b"Vorname,E-Mail,Firma\nAnn,ann@x.com,Acme\n",
        whole=True,
        given=None,
        defaults=plans.Defaults(),
        remembered=lambda signature: (*kept, Column(index=2, field="company")),
    )
    assert [column.field for column in found.plan.columns or ()] == ["nickname", "custom", "company"]
    assert {shown.confidence for shown in found.columns} == {1.0}
    assert found.columns[0].others[0].field == "given"


@pytest.mark.parametrize(
    "header",
    ["Telefon geschäftlich", "Xyzzy", "telephon numbr customre", "a b c d e f g h i j k l", "名前会社電話番号勤務先"],
)
def test_five_hundred_columns_take_a_moment(header: str) -> None:
    cells = ["ann@x.com", "+49 30 123456", "7.3.1984", "Ann Lee", "12345", "", "https://x.com", "some more text " * 9]
    rows = [[cells[(row + index) % len(cells)] for index in range(500)] for row in range(300)]
    headers = [f"{header} {index}" for index in range(500)]
    columns.recognise(headers, rows[:1])

    def once() -> float:
        started = time.process_time()
        columns.recognise(headers, rows)
        return time.process_time() - started

    assert min(once() for _ in range(3)) < 0.4


_PIECES = [
    "Name",
    "E-Mail",
    "Telefon",
    "privat",
    "2",
    "1604",
    "Straße",
    "名",
    "会社",
    " - ",
    ":",
    "@",
    "é",
    "İ",
    "\u0301",
    "x",
]


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(_PIECES), max_size=6).map("".join), min_size=1, max_size=8),
    st.lists(st.lists(st.sampled_from([*_PIECES, "a@x.com", "+49 30 1", "1.2.1990", ""]), max_size=9), max_size=5),
)
def test_any_header_makes_columns_that_a_plan_may_have(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for some in (headers, None):
        found, shown = columns.recognise(some, rows)
        plans.parse(msgspec.json.encode({"columns": found}))
        assert [column.index for column in found] == list(range(len(found)))
        assert all(0 <= column.confidence <= 1 and column.reason for column in shown)
        json.dumps(msgspec.to_builtins(shown))
