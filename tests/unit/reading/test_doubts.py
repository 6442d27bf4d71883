"""What is doubtful is kept, and told before an import."""

import msgspec
import pytest

from app.core.reading import values
from app.core.reading.doubts import doubts
from app.core.reading.plan import Values
from tests.unit.reading.test_segments import plan_for, read

FILE = """Name,Email,Phone,Birthday,Website
Ann,ann@gmial.com,+44 7911 123456,1984-03-07,example.com
Bob,bob@example.com,4.41E+11,30.02.1984,see notes
Cy,cy@example.com,ask Bob,n/a,-
"""


def test_warnings_tell_what_was_kept_with_a_doubt() -> None:
    plan = plan_for(FILE)
    told = [(found.line, found.field, found.value, found.code) for found in doubts(read(FILE, plan).people, plan)]
    assert told == [
        (2, "emails", "ann@gmial.com", "email_domain"),
        (3, "phones", "4.41E+11", "phone_shortened"),
        (3, "Website", "see notes", "link_kept"),
        (3, "Birthday", "30.02.1984", "birthday_kept"),
        (4, "phones", "ask Bob", "phone_doubtful"),
    ]


def test_a_warning_changes_and_counts_nothing() -> None:
    reading = read(FILE)
    assert (reading.rows, len(reading.people), reading.problems) == (3, 3, [])
    assert reading.people[0].emails[0].value == "ann@gmial.com"
    assert reading.people[1].phones[0] == ("", "4.41E+11", "")


def test_a_typo_is_told_with_what_was_probably_meant() -> None:
    plan = plan_for(FILE)
    first = next(doubts(read(FILE, plan).people, plan))
    assert first.suggestion == "gmial.com: did you mean gmail.com?"


def test_a_number_without_a_country_is_told_how_to_get_one() -> None:
    text = "Name,Phone\nAnn,07911 123456\n"
    plan = plan_for(text)
    (found,) = doubts(read(text, plan).people, plan)
    assert (found.code, found.suggestion[:17]) == ("phone_doubtful", "Say which country")
    british = msgspec.structs.replace(plan, values=Values(phone_region="GB", date_order="dmy"))
    assert list(doubts(read(text, british).people, british)) == []


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("GMAIL.CON", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
        ("example.con", "example.com"),
        ("gmail.com", ""),
        ("mail.com", ""),
        ("hotmail.be", ""),
        ("yahoo.se", ""),
        ("example.co", ""),
        ("bücher.example", ""),
        ("life.com", ""),
        ("gmx.at", ""),
    ],
)
def test_a_mistyped_domain_is_noticed_and_a_real_one_is_not(domain: str, meant: str) -> None:
    assert values.meant_domain(domain) == meant
