"""The lists of header names are data; what they say must be something a plan can say."""

import msgspec
import pytest

from app.core.contacts import SCALARS
from app.core.reading import columns, plans
from app.core.reading.columns import Family, Guess

FAMILIES = columns.families()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name or "plain")
def test_every_listed_header_makes_a_column_that_a_plan_may_have(family: Family) -> None:
    assert family.headers
    for key, guess in family.headers.items():
        header = key.replace("{n}", "1")
        found, seen = columns.recognise([header], [])
        plans.parse(msgspec.json.encode({"columns": found}))
        assert (guess.field, guess.part) in _allowed(), key
        assert len(seen) == 1


def test_the_plain_list_comes_last_and_decides_without_a_product() -> None:
    assert [family.name for family in FAMILIES][-1] == ""
    title = columns.known("title")
    assert title is not None
    assert title.field == "title"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("E-mail 2 - Value", "e mail 2 value"),
        ("firstName", "first name"),
        ("FIRST_NAME", "first name"),
        ("Assistant's Phone", "assistants phone"),
        ("Business Country/Region", "business country region"),
        ("  Jose\u0301 ", "josé"),
        ("***", ""),
    ],
)
def test_headers_are_compared_without_their_looks(header: str, key: str) -> None:
    assert columns.folded(header) == key


def test_a_number_in_a_header_makes_groups() -> None:
    google = next(family for family in FAMILIES if family.name == "Google Contacts")
    street, city = google.guess("address 12 street"), google.guess("address 12 city")
    assert street is not None
    assert city is not None
    assert street.group == city.group == "#12"
    other = google.guess("address 2 street")
    assert other is not None
    assert other.group != street.group


def _allowed() -> set[tuple[str, str | None]]:
    parts: dict[str, tuple[str | None, ...]] = {
        "emails": (None, "label"),
        "phones": (None, "label"),
        "urls": (None, "label"),
        "addresses": ("label", "whole", "street", "city", "region", "postal_code", "country"),
        "name": ("full", "last_first"),
        "birthday": ("whole", "year", "month", "day"),
    }
    single = {"none", "custom", "labels", *SCALARS} - set(parts)
    allowed: set[tuple[str, str | None]] = {(name, None) for name in single}
    return allowed | {(name, part) for name, found in parts.items() for part in found}


def test_a_guess_without_a_group_is_a_group_of_its_own() -> None:
    family = Family("x", {"mobile": Guess(field="phones")})
    found = family.guess("mobile")
    assert found is not None
    assert found.group == "mobile"
