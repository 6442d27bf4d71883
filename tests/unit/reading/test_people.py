"""A person of Google's address book, read: what is there, what is missing, and what is not what it says."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Url
from app.core.events import ProviderPage, SegmentHeader, Source
from app.core.reading import segments
from app.core.reading.plan import Plan, Values

GROUPS = {"contactGroups/1": "Friends", "contactGroups/2": "Chess club"}


def header(source: Source = "google", *, labels: tuple[str, ...] = (), region: str | None = "DE") -> SegmentHeader:
    return SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=0,
        order_second=1,
        start=0,
        end=0,
        first_line=11,
        crc32c=0,
        plan=Plan(values=Values(phone_region=region), labels=labels),
        source=source,
        page=ProviderPage(connection=UUID(int=3), account="a1", stream="connections", groups=GROUPS),
    )


def read(*items: Any, source: Source = "google", **more: Any) -> segments.Reading:
    return segments.read(msgspec.json.encode(items), header(source, **more))


def one(source: Source = "google", **fields: Any) -> Person:
    """The person of one item."""
    key = {"resourceName": "people/c7"} if source == "google" else {"id": "AAA="}
    (person,) = read({**key, **fields}, source=source).people
    return person


def scalar(person: Person, name: str) -> str:
    return person.scalars[SCALARS.index(name)]


def test_a_whole_person_fills_every_field() -> None:
    person = one(
        names=[
            {
                "displayName": "Dr. Ada King Lovelace Jr.",
                "honorificPrefix": "Dr.",
                "givenName": "Ada",
                "middleName": "King",
                "familyName": "Lovelace",
                "honorificSuffix": "Jr.",
            }
        ],
        nicknames=[{"value": "Countess"}],
        emailAddresses=[{"value": "Ada@Example.org", "type": "home"}, {"value": "a@work.example", "type": "work"}],
        phoneNumbers=[
            {"value": "666 12 34 90", "canonicalForm": "+34666123490", "type": "mobile"},
            {"value": "030 123456", "type": "homeFax"},
        ],
        organizations=[{"name": "Engines Ltd", "department": "Notes", "title": "Analyst"}],
        addresses=[
            {
                "streetAddress": "St James's Square 12",
                "extendedAddress": "Flat 2",
                "poBox": "PO 1",
                "city": "London",
                "region": "England",
                "postalCode": "SW1Y",
                "countryCode": "GB",
                "type": "home",
            }
        ],
        birthdays=[{"date": {"year": 1815, "month": 12, "day": 10}, "text": "10/12/1815"}],
        biographies=[{"value": "First\nprogrammer", "contentType": "TEXT_PLAIN"}],
        urls=[{"value": "https://ada.example", "type": "homePage"}],
        memberships=[
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/2"}},
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}},
            {"domainMembership": {"inViewerDomain": True}},
        ],
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
        "1815-12-10",
        "First\nprogrammer",
    )
    assert person.emails == (Email("ada@example.org", "home"), Email("a@work.example", "work"))
    assert person.phones == (
        Phone("+34666123490", "666 12 34 90", "mobile"),
        Phone("+4930123456", "030 123456", "home fax"),
    )
    street = "St James's Square 12\nFlat 2\nPO 1"
    assert person.addresses == (Address(street, "London", "England", "SW1Y", "GB", "home"),)
    assert person.urls == (Url("https://ada.example", "home page"),)
    assert person.labels == ("Chess club",)
    assert person.match_key == "e:ada@example.org"
    assert (person.row, person.line) == (0, 11)


def test_somebody_without_an_address_is_known_by_the_providers_id() -> None:
    assert one(names=[{"displayName": "Ada"}]).match_key == "i:google\x1fa1\x1fc7"


def test_who_is_promoted_from_other_contacts_keeps_the_id() -> None:
    (person,) = read({"resourceName": "otherContacts/c7", "names": [{"displayName": "Ada"}]}).people
    assert person.match_key == one().match_key


@pytest.mark.parametrize(
    ("birthday", "shown"),
    [
        ({"date": {"month": 11, "day": 3}}, "--11-03"),
        ({"date": {"year": 0, "month": 11, "day": 3}}, "--11-03"),
        ({"date": {"year": 2000, "month": 2, "day": 29}}, "2000-02-29"),
        ({"date": {"year": 1984}}, ""),
        ({"text": "sometime in spring"}, ""),
        ({"date": {"year": "1984", "month": None, "day": True}}, ""),
    ],
)
def test_a_birthday_has_the_parts_that_are_known(birthday: dict[str, Any], shown: str) -> None:
    assert scalar(one(birthdays=[birthday]), "birthday") == shown


def test_a_birthday_that_is_no_day_is_kept_as_it_was_said() -> None:
    assert dict(one(birthdays=[{"text": "sometime in spring"}]).custom) == {"Birthday": "sometime in spring"}


def test_the_primary_field_counts_then_the_persons_own_then_the_first() -> None:
    profile = {"displayName": "Profile", "metadata": {"source": {"type": "PROFILE"}}}
    contact = {"displayName": "Contact", "metadata": {"source": {"type": "CONTACT"}}}
    primary = {"displayName": "Primary", "metadata": {"primary": True}}
    assert scalar(one(names=[profile, contact, primary]), "name") == "Primary"
    assert scalar(one(names=[profile, contact]), "name") == "Contact"
    assert scalar(one(names=[profile]), "name") == "Profile"


def test_of_several_jobs_the_current_one_counts() -> None:
    assert scalar(one(organizations=[{"name": "Old"}, {"name": "New", "current": True}]), "company") == "New"


def test_a_note_in_html_is_what_one_would_read_and_a_plain_one_stays() -> None:
    html = "<p>Met in <b>Rome</b> &amp; Paris<br>twice</p><script>steal()</script><style>p{}</style>"
    notes = [{"value": html, "contentType": "TEXT_HTML"}]
    assert scalar(one(biographies=notes), "notes") == "Met in Rome & Paris\ntwice"
    assert scalar(one(biographies=[{"value": "1 < 2 <b>"}]), "notes") == "1 < 2 <b>"


def test_what_is_no_address_and_no_link_is_kept_beside_them() -> None:
    person = one(emailAddresses=[{"value": "ask Bob"}], urls=[{"value": "javascript:alert(1)"}])
    assert (person.emails, person.urls) == ((), ())
    assert dict(person.custom) == {"E-mail": "ask Bob", "Website": "javascript:alert(1)"}


def test_hostile_texts_lose_what_no_text_has() -> None:
    person = one(names=[{"displayName": "A\0d\x1ba\u200b"}], nicknames=[{"value": "x" * 10_000}])
    assert scalar(person, "name") == "Ada"
    assert len(scalar(person, "nickname")) == 4096


def test_long_notes_are_kept_whole_up_to_what_google_allows() -> None:
    assert len(scalar(one(biographies=[{"value": "é" * 65_536}]), "notes")) == 65_536


def test_who_is_deleted_is_no_row_but_a_link_that_ended() -> None:
    reading = read({"resourceName": "people/c7", "metadata": {"deleted": True}}, {"resourceName": "people/c8"})
    assert reading.rows == 1
    assert [(link.provider_id, link.gone) for link in reading.links] == [("c7", True), ("c8", False)]


def test_ids_that_somebody_had_before_are_gone() -> None:
    reading = read({"resourceName": "people/c7", "previousResourceNames": ["people/c1", "people/c7"]})
    assert [(link.provider_id, link.gone) for link in reading.links] == [("c1", True), ("c7", False)]


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"resourceName": 7}, {"resourceName": ""}])
def test_only_what_has_no_id_is_rejected(item: Any) -> None:
    reading = read(item, {"resourceName": "people/c7"})
    assert (len(reading.people), reading.rows) == (1, 2)
    assert [(told.code, told.line) for told in reading.problems] == [("no_identity", 11)]


def test_labels_of_the_plan_are_added() -> None:
    (person,) = read({"resourceName": "people/c7"}, labels=("2026", "Gmail")).people
    assert person.labels == ("2026", "Gmail")


def test_a_segment_without_items_is_empty() -> None:
    assert segments.read(b"", header()) == ([], [], 0, ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
FIELDS = (
    "names nicknames emailAddresses phoneNumbers organizations addresses birthdays biographies urls memberships"
    " metadata previousResourceNames displayName emailAddresses businessPhones homePhones mobilePhone businessAddress"
    " birthday categories personalNotes businessHomePage @removed id resourceName"
).split()


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.lists(st.fixed_dictionaries({"value": JSON}), max_size=2)),
    st.sampled_from(["google", "microsoft"]),
)
def test_whatever_an_item_is_it_is_read(item: dict[str, Any], source: Source) -> None:
    reading = read({"resourceName": "people/c7", "id": "A", **item}, source=source)
    assert len(reading.people) + len(reading.problems) == reading.rows <= 1
    for person in reading.people:
        assert all("\0" not in text for text in person.scalars)
