"""One cell, one value."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reading import values
from app.core.reading.plan import DateOrder
from app.core.reading.values.phones import _dialled


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+News@EXAMPLE.com", "ann.lee+news@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ('"Lee, Ann" <ann@example.com>', "ann@example.com"),
        ("Ann Lee (ann@example.com)", "ann@example.com"),
        ("<ann@example.com>", "ann@example.com"),
        ("mailto:ann@example.com?subject=hi", "ann@example.com"),
        ("ann@bücher.example", "ann@bücher.example"),
        ("ann@BÜCHER.example", "ann@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@\u2764.example", None),
        ("STRAßE@example.com", "straße@example.com"),
        ("ann@example.com.", "ann@example.com"),
        ("ann@example.com,", "ann@example.com"),
        ("'ann@example.com'", "ann@example.com"),
        ('"ann@example.com";', "ann@example.com"),
        ("“ann@example.com”", "ann@example.com"),
        ("ann @example.com", "ann@example.com"),
        ("ann@ example.com", "ann@example.com"),
        ("ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ann@example.com"),
        ("ann@例え。テスト", "ann@例え.テスト"),
        ("\u202aann@example.com\u202c", "ann@example.com"),
        ("SMTP:Ann@example.com", "ann@example.com"),
        ("E-Mail: ann@example.com", "ann@example.com"),
        ("Ann Lee <mailto:ann@example.com>", "ann@example.com"),
        ("Ann Lee [mailto:ann@example.com]", "ann@example.com"),
        ("Ann (Work) <ann@example.com>", "ann@example.com"),
        ("ann@example.com <ann@example.com>", "ann@example.com"),
        ("bob@example.com <ann@example.com>", None),
        ("ann@example.com (Ann Lee)", "ann@example.com"),
        ("<ann@example.com> Ann Lee", "ann@example.com"),
        ("Ann @ Work <ann@example.com>", "ann@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ("!#$%&`*+/=?^`{|}~@iana.org", "!#$%&`*+/=?^`{|}~@iana.org"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("123@123.com", "123@123.com"),
        ("a@c--n.com", "a@c--n.com"),
        ("x" * 64 + "@iana.org", "x" * 64 + "@iana.org"),
        ("x" * 65 + "@iana.org", None),
        ("a@" + "d" * 63 + ".org", "a@" + "d" * 63 + ".org"),
        ("a@" + "d" * 64 + ".org", None),
        ("a@" + "d." * 125 + "org", None),
        ("", None),
        ("ann", None),
        ("@example.com", None),
        ("ann@", None),
        ("ann@example", None),
        ("ann@@example.com", None),
        ("ann@exa mple.com", None),
        ("ann lee@example.com", None),
        ("ann..lee@example.com", None),
        (".ann@example.com", None),
        ("ann.@example.com", None),
        ("ann@example..com", None),
        ("ann@-example.com", None),
        ("ann@example-.com", None),
        ("ann@[127.0.0.1]", None),
        ('"ann@example.com', None),
        ("ann\n@example.com", None),
        ("ann(comment)@example.com", None),
    ],
)
def test_an_email_is_an_address_or_nothing(cell: str, expected: str | None) -> None:
    assert values.email(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a@x.com; B@x.com", ("a@x.com", "b@x.com")),
        ("a@x.com, b@x.com\na@x.com", ("a@x.com", "b@x.com")),
        ("Ann <a@x.com>, Bob <b@x.com>", ("a@x.com", "b@x.com")),
        ('"Lee, Ann" <a@x.com>, "Ray, Bob" <b@x.com>', ("a@x.com", "b@x.com")),
        ("a@x.com; Ray, Bob <b@x.com>", ("a@x.com", "b@x.com")),
        ("a@x.com / b@x.com", ("a@x.com", "b@x.com")),
        ("a@x.com | b@x.com", ("a@x.com", "b@x.com")),
        ("a@x.com ::: b@x.com", ("a@x.com", "b@x.com")),
        ("a@x.com; n/a", ("a@x.com",)),
        ("a@x.com or so", None),
        ("a@x.com; b at x", None),
        ("nobody", None),
    ],
)
def test_a_cell_may_hold_several_emails_if_all_of_them_are_some(cell: str, expected: tuple[str, ...] | None) -> None:
    assert values.emails(cell) == expected


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("ann [at] example [dot] com", "ann@example.com"),
        ("ann@gmail", "ann@gmail.com"),
        ("ann.gmail.com", "ann@gmail.com"),
        ("ann (at) example.com", "ann@example.com"),
        ("ann at example.com", "ann@example.com"),
        ("ann@example,com", "ann@example.com"),
        ("ann@example..com", "ann@example.com"),
        ("ann@@example.com", "ann@example.com"),
        ("Ann Lee ann@example.com", "ann@example.com"),
        ("not an address", ""),
    ],
)
def test_a_wrong_email_is_told_with_what_was_probably_meant(cell: str, meant: str) -> None:
    assert values.email(cell) is None
    assert values.email_suggestion(cell) == (f"Did you mean {meant}?" if meant else "")


@pytest.mark.parametrize(
    ("cell", "region", "expected"),
    [
        ("+447911123456", None, "+447911123456"),
        ("+44 (0)7911 123456", None, "+447911123456"),
        ("+4407911123456", None, "+447911123456"),
        ("0044 7911 123456", None, "+447911123456"),
        ("07911 123456", "GB", "+447911123456"),
        ("07911 123456", None, ""),
        ("(650) 253-0000", "US", "+16502530000"),
        ("+1 650 253 0000 x123", None, "+16502530000"),
        ("tel:+16502530000", None, "+16502530000"),
        ("'+16502530000", None, "+16502530000"),
        ("+39 06 6982", None, "+39066982"),
        ("+999123456789", None, ""),
        ("+12", None, ""),
        ("+1650253000011", None, ""),
        ("253-0000", "US", ""),
        ("ask Bob", "US", ""),
        ("9" * 500, "US", ""),
    ],
)
def test_a_phone_is_e164_or_doubtful(cell: str, region: str | None, expected: str) -> None:
    assert values.phone(cell, region) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**15).map(lambda number: f"+{number}"))
def test_the_short_way_for_plain_numbers_agrees_with_the_long_one(cell: str) -> None:
    assert values.phone(cell, None) in {_dialled(cell, None), cell}
    assert bool(values.phone(cell, None)) == bool(_dialled(cell, None))


def test_several_phones_in_a_cell_keep_what_was_written() -> None:
    assert values.phones("+44 7911 123456 / +44 7911 123457", None) == (
        ("+447911123456", "+44 7911 123456"),
        ("+447911123457", "+44 7911 123457"),
    )
    assert values.phones("12 / 34", None) == (("", "12 / 34"),)


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("1984-03-07", "dmy", "1984-03-07"),
        ("1984-3-7", "mdy", "1984-03-07"),
        ("19840307", "dmy", "1984-03-07"),
        ("07.03.1984", "dmy", "1984-03-07"),
        ("3/7/1984", "mdy", "1984-03-07"),
        ("3/7/1984", "dmy", "1984-07-03"),
        ("3/27/1984", "dmy", "1984-03-27"),
        ("3/7/84", "mdy", "1984-03-07"),
        ("3/7/05", "mdy", "2005-03-07"),
        ("84/3/7", "ymd", "1984-03-07"),
        ("3/7/1984 12:00:00 AM", "mdy", "1984-03-07"),
        ("1984-03-07T00:00:00.000Z", "dmy", "1984-03-07"),
        ("7 March 1984", "mdy", "1984-03-07"),
        ("Mar 7th, 1984", "dmy", "1984-03-07"),
        ("Wednesday, March 7, 1984", "dmy", "1984-03-07"),
        ("--03-07", "dmy", "--03-07"),
        ("--0307", "dmy", "--03-07"),
        ("1604-03-07", "dmy", "--03-07"),
        ("7 March", "dmy", "--03-07"),
        ("7.3.", "dmy", "--03-07"),
        ("29 Feb", "dmy", "--02-29"),
        ("29 Feb 1984", "dmy", "1984-02-29"),
        ("29 Feb 1983", "dmy", None),
        ("2024-13-45", "dmy", None),
        ("31.04.1984", "dmy", None),
        ("99999999999999999999", "dmy", None),
        ("1984", "dmy", None),
        ("spring", "dmy", None),
        ("0²", "dmy", None),
        ("²/3/1984", "dmy", None),
        ("٣/٧/1984", "dmy", "1984-07-03"),
    ],
)
def test_a_date_is_a_day_of_the_calendar(cell: str, order: DateOrder, expected: str | None) -> None:
    assert values.date(cell, order) == expected


@pytest.mark.parametrize("cell", ["0/0/00", "0.0.00", "00/00/0000", "0000-00-00", "n/a", "-"])
def test_a_date_that_says_there_is_none_is_empty(cell: str) -> None:
    assert values.is_no_date(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("www.example.com", "www.example.com"),
        ("example.com:8080/x", "example.com:8080/x"),
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        ("data:text/html,x", None),
        ("see notes", None),
        ("https://", None),
        ("none", None),
    ],
)
def test_a_link_leads_to_the_web(cell: str, expected: str | None) -> None:
    assert values.url(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("  Ann ", "Ann"),
        ("\u00a0Ann\u00a0", "Ann"),
        ("Jose\u0301", "José"),
        ("a\x07b\x1bc", "abc"),
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("\u202eAnn", "\u202eAnn"),
        ("{{7*7}} ${x} %s", "{{7*7}} ${x} %s"),
    ],
)
def test_a_cell_is_cleaned_and_else_kept(cell: str, expected: str) -> None:
    assert values.clean(cell) == expected


def test_labels_and_kinds() -> None:
    assert values.kind("* Work") == ("work", True)
    assert values.kind("Grandma's") == ("Grandma's", False)
    assert values.label("* myContacts") == ""
    assert values.label("* starred") == "starred"
    assert values.label("*Work*") == "Work*"
    assert (values.country("uk"), values.country("de"), values.country("Atlantis")) == ("GB", "DE", "Atlantis")


@pytest.mark.parametrize(
    "read",
    [
        values.email,
        values.emails,
        values.email_suggestion,
        lambda cell: values.phone(cell, "US"),
        lambda cell: values.date(cell, "dmy"),
        values.url,
        values.clean,
        values.is_no_date,
    ],
)
@pytest.mark.parametrize(
    "bait", ["1" * 26 + "x", "a." * 8_000 + "@", "a@" * 8_000, "(" * 16_000, " " * 16_000, "0-" * 9_000]
)
def test_no_cell_takes_more_than_a_moment(read: Callable[[str], object], bait: str) -> None:
    started = time.process_time()
    read(bait)
    assert time.process_time() - started < 0.5


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=60))
def test_nothing_makes_a_value_crash(cell: str) -> None:
    cell = values.clean(cell) or "x"
    address = values.email(cell)
    assert address is None or values.email(address) == address
    day = values.date(cell, "mdy")
    assert day is None or values.date(day, "dmy") == day
    values.emails(cell)
    values.phones(cell, "GB")
    values.url(cell)
    values.kind(cell)
    values.label(cell)
    values.email_suggestion(cell)
