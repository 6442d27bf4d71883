"""A contact of a mailbox, read: Graph's fields, its ways to say nothing, and changes that say little."""

from typing import Any

import pytest

from app.core.contacts import Address, Email, Phone, Url
from tests.unit.reading.test_people import one, read, scalar


def test_a_whole_contact_fills_every_field() -> None:
    person = one(
        "microsoft",
        displayName="Dr. Ada King Lovelace Jr.",
        title="Dr.",
        givenName="Ada",
        middleName="King",
        surname="Lovelace",
        generation="Jr.",
        nickName="Countess",
        fileAs="Lovelace, Ada",
        emailAddresses=[
            {"name": "ada@example.org", "address": "Ada@Example.org"},
            {"name": "x", "address": "a@w.example"},
        ],
        businessPhones=["+1 415 555 2671", ""],
        homePhones=["030 123456"],
        mobilePhone="+34 666 12 34 90",
        companyName="Engines Ltd",
        department="Notes",
        jobTitle="Analyst",
        businessAddress={"street": "A\r\nB", "city": "London", "countryOrRegion": "United Kingdom", "postalCode": "1"},
        homeAddress={},
        otherAddress={"street": "", "city": None, "state": ""},
        birthday="1991-09-19T11:59:00Z",
        categories=["Chess club"],
        personalNotes="1 < 2 <b>",
        businessHomePage="https://ada.example",
    )
    assert person.scalars == (
        "Dr. Ada King Lovelace Jr.",
        "Dr.",
        "Ada",
        "King",
        "Lovelace",
        "Jr.",
        "Countess",
        "Engines Ltd",
        "Notes",
        "Analyst",
        "1991-09-19",
        "1 < 2 <b>",
    )
    assert person.emails == (Email("ada@example.org"), Email("a@w.example"))
    assert person.phones == (
        Phone("+14155552671", "+1 415 555 2671", "work"),
        Phone("+4930123456", "030 123456", "home"),
        Phone("+34666123490", "+34 666 12 34 90", "mobile"),
    )
    assert person.addresses == (Address("A\nB", "London", "", "1", "GB", "work"),)
    assert (person.urls, person.labels) == ((Url("https://ada.example", "work"),), ("Chess club",))
    assert person.match_key == "e:ada@example.org"


def test_empty_texts_and_nulls_are_both_nothing() -> None:
    person = one("microsoft", displayName="", surname=None, businessAddress=None, emailAddresses=[{"address": None}])
    assert person.scalars == ("",) * 12
    assert (person.emails, person.addresses, person.custom) == ((), (), ())


@pytest.mark.parametrize(
    ("birthday", "shown"),
    [
        ("1991-09-19T11:59:00Z", "1991-09-19"),
        ("1991-09-19T23:30:00-08:00", "1991-09-19"),
        ("1991-09-19", "1991-09-19"),
        ("1604-02-29T11:59:00Z", "--02-29"),
        ("0001-01-01T00:00:00Z", ""),
        ("yesterday", ""),
        ("1991-13-01", ""),
    ],
)
def test_a_birthday_is_the_date_as_it_is_written(birthday: str, shown: str) -> None:
    person = one("microsoft", birthday=birthday)
    assert scalar(person, "birthday") == shown
    assert ("Birthday" in dict(person.custom)) == (birthday in {"yesterday", "1991-13-01"})


def test_a_name_is_taken_from_where_it_is_filed_if_there_is_no_other() -> None:
    assert scalar(one("microsoft", displayName=None, fileAs="Lovelace, Ada"), "name") == "Lovelace, Ada"


def test_what_was_removed_is_no_row() -> None:
    reading = read({"id": "AAA=", "@removed": {"reason": "deleted"}}, source="microsoft")
    assert (reading.rows, reading.links[0].gone) == (0, True)


@pytest.mark.parametrize(("item", "partial"), [({"jobTitle": "x"}, True), ({"emailAddresses": []}, False)])
def test_a_change_that_names_no_addresses_cannot_say_who_it_is(item: dict[str, Any], partial: bool) -> None:
    assert read({"id": "A", **item}, source="microsoft").links[0].partial is partial


def test_ids_are_taken_to_the_letter() -> None:
    assert [link.provider_id for link in read({"id": "aB="}, {"id": "AB="}, source="microsoft").links] == ["aB=", "AB="]
