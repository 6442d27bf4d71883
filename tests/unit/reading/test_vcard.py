"""Each card is one person or one problem, whatever wrote it."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import Address, Email, Phone, Url
from app.core.errors import Rejected
from app.core.events import AddressOut, ContactOut, EmailOut, PhoneOut
from app.core.reading import plans, values
from app.core.reading.contentlines import NO_PREFERENCE, head_of, split, unescaped
from app.core.reading.draft import MAX_CUSTOM
from app.core.reading.kinds import email_kind, named_kind, phone_kind
from app.core.reading.plan import Plan
from app.core.reading.problems import MAX_TOLD_CHARACTERS
from app.core.reading.values import MAX_CELL, clean
from app.web import vcard
from tests.unit.reading.cardhouse import card, only, plan, read, scalar


def complete(head: bytes, *, whole: bool = True, given: Plan | None = None) -> plans.Completion:
    return plans.complete(head, whole=whole, given=given, defaults=plans.Defaults(), remembered=lambda _: None)


# --- lines


@pytest.mark.parametrize(
    ("written", "types", "preference", "encoding"),
    [
        ("TEL;CELL;PREF", ("cell",), 1, ""),
        ("TEL;TYPE=cell,voice;PREF=20", ("cell", "voice"), 20, ""),
        ('TEL;TYPE="cell,voice"', ("cell", "voice"), NO_PREFERENCE, ""),
        ("TEL;type=CELL;type=VOICE;type=pref", ("cell", "voice"), 1, ""),
        ("TEL;TYPE=HOME\\,CELL", ("home", "cell"), NO_PREFERENCE, ""),
        ("item1.TEL", (), NO_PREFERENCE, ""),
        ("NOTE;QUOTED-PRINTABLE;CHARSET=UTF-8", (), NO_PREFERENCE, "qp"),
        ("NOTE;ENCODING=b", (), NO_PREFERENCE, "b"),
        ("PHOTO;JPEG;BASE64", ("jpeg",), NO_PREFERENCE, "b"),
        ("TEL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=C3=9C=62)", ("üb",), NO_PREFERENCE, ""),
        ("TEL;PREF=first", (), NO_PREFERENCE, ""),
    ],
)
def test_parameters_in_every_form(written: str, types: tuple[str, ...], preference: int, encoding: str) -> None:
    head = head_of(written)
    assert head is not None
    assert (head.types, head.preference, head.coding) == (types, preference, encoding)


def test_what_is_no_property_has_no_head() -> None:
    assert [head_of(text) for text in ("", "two words", "9to5", ";TYPE=a", "näme")] == [None] * 5


def test_a_colon_in_quotes_does_not_end_the_parameters() -> None:
    person = only(card('ADR;LABEL="a: b; c";TYPE=home:;;Weg 1;Ulm;;;', "FN:Ann"))
    assert person.addresses == (Address("Weg 1", "Ulm", label="home"),)


@given(st.text(alphabet="a,;\\n:é ", max_size=30), st.text(alphabet="a,;\\\n:", max_size=30))
def test_escaped_parts_come_back_as_they_were(one: str, two: str) -> None:
    one = one.replace("\n", "")
    assert [unescaped(part) for part in split(f"{vcard.text(one)};{vcard.text(two)}", ";")] == [one, two]


def test_in_version_2_1_a_backslash_is_one() -> None:
    person = only(card("FN:Ann", "NOTE:C:\\new\\; yes", version="2.1"))
    assert scalar(person, "notes") == "C:\\new; yes"


def test_a_fold_of_version_2_1_is_where_a_blank_is() -> None:
    assert scalar(only(card("FN:Ann", "NOTE:one", " two", version="2.1")), "notes") == "one two"
    assert scalar(only(card("FN:Ann", "NOTE:one", " two", version="3.0")), "notes") == "onetwo"


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_quoted_printable_goes_on_over_soft_breaks(ending: str) -> None:
    note = f"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:caf=E9=0D=0A={ending} tr=E8s bon={ending}!"
    assert scalar(only(card("FN:Ann", note, version="2.1", ending=ending)), "notes") == "café\n très bon!"


def test_quoted_printable_without_a_charset_is_read_like_the_file() -> None:
    text = card("N;ENCODING=QUOTED-PRINTABLE:=A3ukasz", version="2.1")
    assert scalar(only(text, plan(encoding="windows-1250")), "family") == "Łukasz"
    assert scalar(only(text), "family") == "£ukasz"
    assert (
        scalar(only(card("N;ENCODING=QUOTED-PRINTABLE:=C5=81=C3=B3", version="2.1"), plan(encoding="koi8-r")), "family")
        == "Łó"
    )


@pytest.mark.parametrize("charset", ["klingon", "hex", "idna", "utf-7", "punycode", "unicode_escape", "undefined"])
def test_a_charset_that_is_none_does_no_harm(charset: str) -> None:
    person = only(card(f"FN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:Ren=C3=A9e", "TEL:1", version="2.1"))
    assert scalar(person, "name") == "Renée"


def test_text_in_base64_is_text() -> None:
    assert scalar(only(card("FN:Ann", "NOTE;ENCODING=B:w6kgdmlh")), "notes") == "é via"


# --- fields


def test_apples_labels_name_what_their_group_has() -> None:
    person = only(
        card(
            "FN:Ann",
            "item1.TEL;type=CELL:+4930123456",
            "item1.X-ABLabel:Boot",
            "item2.TEL:+4930123457",
            "item2.X-ABLabel:_$!<WorkFAX>!$_",
            "item3.URL:x.com",
            "item3.X-ABLabel:_$!<HomePage>!$_",
        )
    )
    assert [phone.label for phone in person.phones] == ["Boot", "work fax"]
    assert person.urls == (Url("x.com", "home page"),)


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (("cell", "voice"), "mobile"),
        (("work", "cell"), "work mobile"),
        (("home", "fax"), "home fax"),
        (("fax",), "fax"),
        (("voice",), ""),
        (("voice", "work"), "work"),
        (("x-boat",), "boat"),
        (("iphone", "cell"), "mobile"),
        (("pager",), "pager"),
    ],
)
def test_types_of_phones_are_labels(types: tuple[str, ...], kind: str) -> None:
    assert phone_kind(types) == kind


def test_types_of_other_things_are_labels() -> None:
    assert [email_kind(types) for types in (("internet", "home"), ("internet",), ("cell",))] == ["home", "", "mobile"]
    assert [named_kind(text) for text in ("_$!<Work>!$_", "WORK", "Büro", "_$!<OtherFAX>!$_")] == [
        "work",
        "work",
        "Büro",
        "fax",
    ]


def test_the_preferred_comes_first() -> None:
    person = only(
        card("FN:Ann", "EMAIL;PREF=3:c@x.com", "EMAIL:d@x.com", "EMAIL;PREF=1:a@x.com", "EMAIL;TYPE=home:e@x.com")
    )
    assert [email.value for email in person.emails] == ["a@x.com", "c@x.com", "d@x.com", "e@x.com"]
    assert person.match_key == "e:a@x.com"


@pytest.mark.parametrize(
    ("written", "birthday"),
    [
        ("BDAY:1984-03-07", "1984-03-07"),
        ("BDAY:19840307", "1984-03-07"),
        ("BDAY:1984-03-07T00:00:00Z", "1984-03-07"),
        ("BDAY;VALUE=date-and-or-time:19840307T101500", "1984-03-07"),
        ("BDAY:--0307", "--03-07"),
        ("BDAY:--03-07", "--03-07"),
        ("BDAY:1604-03-07", "--03-07"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-07", "--03-07"),
        ("BDAY;X-APPLE-OMIT-YEAR=2020:2020-02-29", "--02-29"),
        ("BDAY:", ""),
    ],
)
def test_birthdays_in_every_form(written: str, birthday: str) -> None:
    person = only(card("FN:Ann", written))
    assert (scalar(person, "birthday"), person.custom) == (birthday, ())


def test_a_birthday_that_is_no_day_is_kept_as_it_is() -> None:
    assert only(card("FN:Ann", "BDAY;VALUE=text:circa 1800")).custom == (("Birthday", "circa 1800"),)


def test_a_tel_uri_is_a_number() -> None:
    person = only(card("FN:Ann", "TEL;VALUE=uri:tel:+49-30-123456;ext=7;phone-context=x", version="4.0"))
    assert person.phones[0].raw == "+49-30-123456 ext. 7"
    assert person.phones[0].value.startswith("+4930123456")


def test_names_are_lists_and_lists_are_joined() -> None:
    person = only(card("N:Stevenson;John;Philip,Paul;Dr.;Jr.,M.D.,A.C.P.", "FN:Dr. John Stevenson"))
    assert person.scalars[1:6] == ("Dr.", "John", "Philip Paul", "Stevenson", "Jr., M.D., A.C.P.")


def test_in_version_2_1_a_comma_is_part_of_a_name() -> None:
    assert scalar(only(card("N:Lee, PhD;Ann", version="2.1")), "family") == "Lee, PhD"


def test_only_the_first_of_alternative_names_counts() -> None:
    person = only(card("FN;ALTID=1:山田太郎", "FN;ALTID=1;LANGUAGE=en:Taro", "N;ALTID=1:山田;太郎", "N:Yamada;Taro"))
    assert person.scalars[:5] == ("山田太郎", "", "太郎", "", "山田")


def test_a_department_has_its_units() -> None:
    person = only(card("FN:Ann", "ORG:Acme;Research;Lasers", "ORG:Other Inc", "TITLE:Head", "TITLE:Fellow"))
    assert (scalar(person, "company"), scalar(person, "department")) == ("Acme", "Research, Lasers")
    assert person.custom == (("Organization", "Other Inc"), ("Title", "Fellow"))


def test_what_apple_shows_as_a_company_is_one() -> None:
    person = only(card("N:;;;;", "FN:Acme", "X-ABShowAs:COMPANY", "TEL:+4930123456"))
    assert (scalar(person, "name"), scalar(person, "company")) == ("", "Acme")
    person = only(card("N:Lee;Ann;;;", "FN:Acme", "ORG:Acme", "X-ABShowAs:COMPANY"))
    assert person.scalars[:5] == ("", "", "Ann", "", "Lee")


def test_unknown_properties_keep_their_names() -> None:
    person = only(card("FN:Ann", "X-Shoe-Size:42", "item1.X-FOO:a", "item1.X-ABLabel:Bar", "HOBBY:Chess", "X-FOO:b"))
    assert person.custom == (("X-Shoe-Size", "42"), ("Bar", "a"), ("Hobby", "Chess"), ("X-FOO", "b"))


def test_unknown_properties_are_bounded() -> None:
    person = only(card("FN:Ann", *(f"X-N{number}:1" for number in range(300)), f"X-LONG:{'x' * 40_000}"))
    assert len(person.custom) == MAX_CUSTOM
    assert all(len(value) <= MAX_CELL for _, value in person.custom)


def test_labels_of_the_plan_come_behind_those_of_the_card() -> None:
    by = Plan(format="vcard", encoding="utf-8", labels=("Fair", "VIP"))
    assert only(card("FN:Ann", "CATEGORIES:VIP,Old\\, good", "CATEGORIES:myContacts"), by).labels == (
        "VIP",
        "Old, good",
        "Fair",
    )


def test_a_doubtful_number_and_a_bad_link_are_kept() -> None:
    person = only(card("FN:Ann", "TEL;HOME:ask Bob", "URL:javascript:x", version="2.1"))
    assert person.phones == (Phone("", "ask Bob", "home"),)
    assert (person.urls, person.custom) == ((), (("URL", "javascript:x"),))


def test_exchanges_own_names_are_no_bad_addresses() -> None:
    person = only(card("FN:Ann", "EMAIL;TYPE=X400:G=Ann;S=Lee", "EMAIL:/o=Acme/cn=ann"))
    assert (person.emails, person.custom) == ((), (("E-mail", "G=Ann;S=Lee\n/o=Acme/cn=ann"),))


# --- problems


def test_a_bad_address_is_a_problem_with_its_line_and_cells() -> None:
    reading = read(card("FN:Bob") + card("FN:Ann", "PHOTO:x", "EMAIL;TYPE=WORK:ann@", "NOTE:n"))
    (told,) = reading.problems
    assert (told.row, told.line, told.column, told.code) == (1, 5, 1, "email_invalid")
    assert told.cells == ("FN:Ann", "EMAIL;TYPE=WORK:ann@", "NOTE:n")
    assert len(reading.people) == 1


def test_a_card_with_nothing_in_it_is_nobody() -> None:
    reading = read(card("NOTE:x", "ADR:;;a;b;;;") + card("FN:Ann"))
    assert [told.code for told in reading.problems] == ["no_identity"]
    assert reading.rows == 2


def test_a_note_that_is_too_long_is_told_in_part() -> None:
    for lines in ([f"NOTE:{'x' * 40_000}"], [f"NOTE:{'x' * 20_000}"] * 2):
        (told,) = read(card("FN:Ann", *lines, *["X-A:" + "y" * 30_000] * 3)).problems
        assert told.code == "cell_too_long"
        assert sum(map(len, told.cells)) <= MAX_TOLD_CHARACTERS + 2


def test_bytes_that_are_no_text_hurt_only_their_card() -> None:
    data = card("FN:Ann").encode() + card("FN:M").encode().replace(b"FN:M", b"FN:M\xfcller") + card("FN:Bob").encode()
    reading = read(data)
    assert [scalar(person, "name") for person in reading.people] == ["Ann", "Bob"]
    assert [(told.row, told.line, told.code) for told in reading.problems] == [(1, 5, "bad_encoding")]
    assert "FN:M\\xfcller" in reading.problems[0].cells


def test_a_card_that_the_file_ends_in_is_told_unless_its_last_line_is_whole() -> None:
    cut = "BEGIN:VCARD\nFN:Ann\nEMAIL:ann@exam"
    assert [told.code for told in read(cut).problems] == ["card_unended"]
    assert scalar(only("BEGIN:VCARD\nFN:Ann\n"), "name") == "Ann"


def test_a_group_labels_its_members_and_is_nobody() -> None:
    group = card("KIND:group", "FN:Team", "MEMBER:urn:uuid:1", "MEMBER:mailto:BOB@x.com", version="4.0")
    people = card("UID:urn:uuid:1", "FN:Ann", version="4.0") + card("FN:Bob", "EMAIL:bob@x.com", version="4.0")
    for text in (group + people, people + group):
        reading = read(text)
        assert [person.labels for person in reading.people] == [("Team",), ("Team",)]
        assert (reading.problems, reading.rows) == ([], 2)


def test_a_group_without_all_of_its_members_is_told() -> None:
    reading = read(card("KIND:group", "FN:Team", "MEMBER:urn:uuid:1", "MEMBER:urn:uuid:2") + card("UID:1", "FN:Ann"))
    assert [person.labels for person in reading.people] == [("Team",)]
    assert [(told.line, told.code) for told in reading.problems] == [(1, "group_scattered")]


# --- plans


def test_the_plan_of_cards_has_no_columns() -> None:
    found = complete(card("FN:Ann", "EMAIL:ann@x.com").encode())
    built: Any = found.plan
    assert (built.format, built.encoding, built.existing) == ("vcard", "utf-8", "fill")
    assert (built.columns, built.dialect, built.header, found.columns) == (None, None, None, ())
    assert found.contacts == ({"name": "Ann", "emails": [{"value": "ann@x.com"}]},)
    assert complete(card("FN:Ann").encode(), given=built).plan == built


def test_what_the_person_says_is_kept() -> None:
    given = Plan(existing="skip", labels=("x",), encoding="windows-1252")
    found = complete(card("FN:Ren\u00e9e").encode("cp1252"), given=given)
    assert (found.plan.existing, found.plan.labels, found.contacts[0]["name"]) == ("skip", ("x",), "Renée")


def test_rows_are_estimated_from_the_file_with_its_photos() -> None:
    head = "".join(card(f"FN:Ann {n}", f"PHOTO;ENCODING=b:{'A' * 3000}") for n in range(50)).encode()
    found = complete(head[:-20], whole=False)
    assert abs(found.estimated_rows(len(head) * 10) - 500) < 5


def test_a_first_card_longer_than_the_head_is_shown_as_far_as_it_goes() -> None:
    head = card("FN:Ann", "EMAIL:ann@x.com", f"PHOTO;ENCODING=b:{'A' * 300_000}").encode()[: 256 * 1024]
    assert complete(head, whole=False).contacts[0]["name"] == "Ann"


def test_a_table_is_no_card_file_and_the_other_way_round() -> None:
    with pytest.raises(Rejected, match="plan_mismatch"):
        complete(card("FN:Ann").encode(), given=Plan(format="csv"))
    with pytest.raises(Rejected, match="plan_mismatch"):
        complete(card("FN:Ann").encode(), given=Plan(format="ldif"))


def test_cards_without_anybody_are_refused() -> None:
    with pytest.raises(Rejected, match="nothing_recognised"):
        complete(card("NOTE:x").encode())
    assert complete(card("EMAIL:x").encode()).problems[0].code == "email_invalid"


# --- our own export

ODD = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Mn")) | st.sampled_from(",;:\\\"^='")
TEXT = st.text(ODD, min_size=1, max_size=20).map(clean).filter(bool)
LABEL = st.sampled_from(["", "home", "work", "Büro", "Summer house", "Privat", "boat"])


@settings(max_examples=100)
@given(
    st.fixed_dictionaries(
        {
            "name": TEXT,
            "given": TEXT,
            "family": TEXT,
            "prefix": st.just("") | TEXT,
            "company": st.just("") | TEXT,
            "department": st.just("") | TEXT,
            "title": st.just("") | TEXT,
            "notes": st.just("") | st.tuples(TEXT, TEXT).map("\n".join),
            "birthday": st.sampled_from(["", "--02-29", "1984-03-07"]),
            "labels": st.lists(TEXT.filter(lambda text: values.label(text) == text), max_size=3, unique=True),
            "emails": st.lists(st.tuples(st.from_regex(r"[a-z]{1,9}", fullmatch=True), LABEL), max_size=3),
            "phones": st.lists(
                st.tuples(st.integers(100_000, 999_999), LABEL | st.sampled_from(["mobile", "home fax"])), max_size=3
            ),
            "custom": st.dictionaries(TEXT, TEXT.map("x".__add__), max_size=3),
        }
    )
)
def test_what_we_export_comes_back(said: dict[str, Any]) -> None:
    emails = {f"{local}@x.com": label for local, label in said["emails"]}
    phones = {f"+4930{number}": label for number, label in said["phones"]}
    contact = ContactOut(
        id=UUID(int=1),
        version=1,
        updated_at=0.0,
        **{**said, "labels": tuple(said["labels"])}
        | {
            "emails": tuple(EmailOut(value=value, label=label) for value, label in emails.items()),
            "phones": tuple(PhoneOut(value=value, label=label) for value, label in phones.items()),
            "addresses": (AddressOut(street="Weg 1;\nHof", city="Ulm, a", country="DE", label="home"),),
        },
    )
    person = only(vcard.cards([contact]))
    for name in ("given", "family", "prefix", "company", "department", "title", "notes", "birthday"):
        assert scalar(person, name) == said[name]
    assert person.emails == tuple(Email(value, label) for value, label in emails.items())
    assert [(phone.value, phone.label) for phone in person.phones] == list(phones.items())
    assert person.addresses == (Address("Weg 1;\nHof", "Ulm, a", country="DE", label="home"),)
    assert set(person.labels) == set(said["labels"])
    assert dict(person.custom) == said["custom"]
