"""Numbers and times as a locale writes them."""

import pytest

from app.web import figures

SECONDS = 1_777_817_100.0  # 2026-05-03 14:05 UTC


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "98,214"),
        ("de-DE", "98.214"),
        ("de-CH", "98’214"),
        ("fr-FR", "98\u202f214"),
        ("sv-SE", "98\xa0214"),
        ("xx", "98,214"),
    ],
)
def test_thousands_are_marked_as_the_locale_does(locale: str, text: str) -> None:
    assert figures.number(98_214, locale) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1520, "1.5 kB"),
        (98_400_000, "98 MB"),
        (999_600, "1 MB"),
        (5_368_709_120, "5.4 GB"),
    ],
)
def test_sizes_have_at_most_one_decimal(count: int, text: str) -> None:
    assert figures.size(count) == text


def test_a_size_has_the_decimal_mark_of_the_locale() -> None:
    assert figures.size(1520, "de-DE") == "1,5 kB"


def test_only_all_of_it_is_100_percent() -> None:
    assert [figures.percent(share) for share in (0.0, 0.618, 0.9999, 1.0)] == ["0 %", "61 %", "99 %", "100 %"]


def test_moments_are_in_the_time_zone_of_the_workspace() -> None:
    assert figures.moment(SECONDS) == "3 May 2026, 14:05"
    assert figures.moment(SECONDS, "Asia/Tokyo") == "3 May 2026, 23:05"
    assert figures.iso(SECONDS) == "2026-05-03T14:05:00Z"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("1984-03-07", "7 Mar 1984"),
        ("--03-07", "7 Mar"),
        ("in spring", "in spring"),
        ("", ""),
        ("1984-13-07", "1984-13-07"),
    ],
)
def test_birthdays_are_readable_whatever_was_said(said: str, shown: str) -> None:
    assert figures.birthday(said) == shown
