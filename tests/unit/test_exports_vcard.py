"""Contacts as vCards: folded and escaped as RFC 2426 says, and nothing of them is lost."""

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.core.events import AddressOut, ContactOut, EmailOut, PhoneOut
from app.web import vcard

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n,;\\:漢é"), max_size=60)


def card(**values: object) -> list[str]:
    """The unfolded lines of one card."""
    contact = ContactOut(id=UUID(int=1), version=1, updated_at=0.0, **values)  # type: ignore[arg-type]
    return unfolded(vcard.cards([contact]))


def unfolded(data: bytes) -> list[str]:
    return data.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


def parts(value: str, separator: str) -> list[str]:
    """A compound value's parts."""
    return [unescaped(part) for part in re.findall(rf"(?:^|{separator})((?:\\.|[^\\{separator}])*)", value)]


@given(TEXT)
def test_folded_lines_are_short_whole_in_utf_8_and_unfold_to_themselves(text: str) -> None:
    line = "NOTE:" + vcard.text(text)
    folded = vcard.folded(line)
    assert folded.endswith(b"\r\n")
    for piece in folded[:-2].split(b"\r\n"):
        assert len(piece) <= 75
        piece.decode()
    assert unfolded(folded) == [line]


@given(TEXT, TEXT, st.lists(TEXT, min_size=1, max_size=3))
def test_values_come_back_as_they_were(notes: str, family: str, labels: list[str]) -> None:
    lines = card(name="x", notes=notes or "-", family=family, labels=tuple(labels))
    found = dict(line.split(":", 1) for line in lines)
    assert unescaped(found["NOTE"]) == (notes or "-")
    assert parts(found["N"], ";")[0] == family
    assert parts(found["CATEGORIES"], ",") == labels


def test_a_whole_contact_is_written() -> None:
    lines = card(
        name="Dr. Zoë Lee",
        prefix="Dr.",
        given="Zoë",
        middle="M",
        family="Lee",
        suffix="PhD",
        nickname="Zo",
        company="Acme; Sons",
        department="R&D",
        title="Engineer",
        birthday="1984-03-07",
        emails=(EmailOut(value="z@acme.com", label="work"), EmailOut(value="z@home.com")),
        phones=(
            PhoneOut(value="+4930123", label="mobile"),
            PhoneOut(value="+4930124", label="home fax"),
            PhoneOut(value="", raw="ask Bob", label="Summer house"),
        ),
        addresses=(
            AddressOut(street="Main 1\nBack yard", city="Köln", postal_code="50667", country="DE", label="home"),
        ),
        urls=(EmailOut(value="https://acme.com/a,b", label="profile"),),
        labels=("VIP", "a, b"),
        notes="one\ntwo",
        custom={'Said "so"\n^': "1; 2"},
    )
    assert lines == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "UID:urn:uuid:00000000-0000-0000-0000-000000000001",
        "REV:1970-01-01T00:00:00Z",
        "FN:Dr. Zoë Lee",
        "N:Lee;Zoë;M;Dr.;PhD",
        "NICKNAME:Zo",
        "ORG:Acme\\; Sons;R&D",
        "TITLE:Engineer",
        "BDAY:1984-03-07",
        "EMAIL;TYPE=INTERNET,WORK:z@acme.com",
        "EMAIL;TYPE=INTERNET:z@home.com",
        "TEL;TYPE=CELL:+4930123",
        "TEL;TYPE=HOME,FAX:+4930124",
        "item5.TEL:ask Bob",
        "item5.X-ABLabel:Summer house",
        "ADR;TYPE=HOME:;;Main 1\\nBack yard;Köln;;50667;Germany",
        "URL;TYPE=PROFILE:https://acme.com/a\\,b",
        "CATEGORIES:VIP,a\\, b",
        "NOTE:one\\ntwo",
        "X-ADDRESSBUS-CUSTOM;NAME=\"Said ^'so^'^n^^\":1\\; 2",
        "END:VCARD",
    ]


def test_a_birthday_without_a_year_is_written_as_others_read_it() -> None:
    assert "BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-07" in card(birthday="--03-07")


def test_everybody_has_a_name_to_be_shown() -> None:
    assert "FN:Acme" in card(company="Acme")
    assert "FN:a@b.de" in card(emails=(EmailOut(value="a@b.de"),))
    assert "FN:+4930" in card(phones=(PhoneOut(value="+4930"),))
    assert "N:;;;;" in card()
