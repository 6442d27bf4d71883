"""One cell, one value."""

import time
from collections.abc import Callable

import phonenumbers
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
        ("+49 (0)30 123456", None, "+4930123456"),
        ("0049 30 123456", "US", "+4930123456"),
        ("011 44 7911 123456", "US", "+447911123456"),
        ("49 30 123456", "DE", "+4930123456"),
        ("030/1234567", "DE", "+49301234567"),
        ("030 1234567/8", "DE", ""),
        ("030 1234567-0", "DE", "+493012345670"),
        ("06 6982", "IT", "+39066982"),
        ("11 15 1234-5678", "AR", "+5491112345678"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("０３－１２３４－５６７８", "JP", "+81312345678"),
        ("０３ー１２３４ー５６７８", "JP", "+81312345678"),
        ("\u202a+49 30 123456\u202c", None, "+4930123456"),
        ("Tel: +44 7911 123456", None, "+447911123456"),
        ("Mobil 0171 1234567", "DE", "+491711234567"),
        ("07911 123456 (private)", "GB", "+447911123456"),
        ("07911 123456 ext. 5", "GB", "+447911123456"),
        ("+4930123456 Durchwahl 12", None, "+4930123456"),
        ("+1 650 253 0000 #5", None, "+16502530000"),
        ("tel:+16502530000;ext=12", None, "+16502530000"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+1 800 FLOWERS", None, "+18003569377"),
        ("07911 123456 Bob", "GB", ""),
        ("before 5pm 030 1234567", "DE", ""),
        ("room 12 030 1234567", "DE", ""),
        ('="07911123456"', "GB", "+447911123456"),
        ("447911123456.0", "GB", "+447911123456"),
        ("4.47911123456E+11", "GB", "+447911123456"),
        ("4.41E+11", "GB", ""),
        ("4,41E+11", "DE", ""),
        ("110", "DE", ""),
        ("12345", "DE", ""),
    ],
)
def test_a_phone_is_e164_or_doubtful(cell: str, region: str | None, expected: str) -> None:
    assert values.phone(cell, region) == expected


@settings(max_examples=100)
@given(st.integers(1, 10**15).map(lambda number: f"+{number}"))
def test_the_short_way_for_plain_numbers_agrees_with_the_long_one(cell: str) -> None:
    assert values.phone(cell, None) in {_dialled(cell, None), cell}
    assert bool(values.phone(cell, None)) == bool(_dialled(cell, None))


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@settings(max_examples=200)
@given(st.sampled_from(REGIONS), st.integers(2, 6), st.integers(0, 10**9))
def test_the_short_way_for_numbers_of_a_region_agrees_with_the_long_one(region: str, kept: int, tail: int) -> None:
    example = phonenumbers.example_number(region)
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL) if example else "0123456"
    digits = "".join(filter(str.isdigit, national))
    cell = digits[:kept] + str(tail)[: max(1, len(digits) - kept)]
    assert values.phone(cell, region) == _dialled(cell, region)


@pytest.mark.parametrize(
    ("cell", "lost"),
    [
        ("4.41E+11", True),
        ("4,41e11", True),
        ("4.47911123456E+11", False),
        ("4E+02", True),
        ("441", False),
        ("E", False),
    ],
)
def test_a_spreadsheet_shortens_numbers_to_powers_of_ten(cell: str, lost: bool) -> None:
    assert values.is_shortened(cell) is lost


@pytest.mark.parametrize(
    ("cell", "region", "numbers"),
    [
        ("+44 7911 123456, +44 7911 123457", None, 2),
        ("+44 7911 123456; +44 7911 123457", None, 2),
        ("+44 7911 123456 ::: +44 7911 123457", None, 2),
        ("0171 1234567 / 030 7654321", "DE", 2),
        ("07911-123456 or 07911-123457", "GB", 2),
        ("030/1234567", "DE", 1),
        ("030 1234567, 12", "DE", 1),
    ],
)
def test_a_cell_has_several_phones_if_every_part_is_one(cell: str, region: str | None, numbers: int) -> None:
    assert len(values.phones(cell, region)) == numbers


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
        ("7. März 1984", "dmy", "1984-03-07"),
        ("7 mars 1984", "dmy", "1984-03-07"),
        ("1er mars 1984", "dmy", "1984-03-01"),
        ("7 de marzo de 1984", "dmy", "1984-03-07"),
        ("7 de março de 1984", "dmy", "1984-03-07"),
        ("7 marzo 1984", "dmy", "1984-03-07"),
        ("7 maart 1984", "dmy", "1984-03-07"),
        ("7 marca 1984 r.", "dmy", "1984-03-07"),
        ("7. března 1984", "dmy", "1984-03-07"),
        ("1984. március 7.", "dmy", "1984-03-07"),
        ("7 mars 1984", "mdy", "1984-03-07"),
        ("7. marts 1984", "dmy", "1984-03-07"),
        ("7. maaliskuuta 1984", "dmy", "1984-03-07"),
        ("7 марта 1984 г.", "dmy", "1984-03-07"),
        ("7 березня 1984 р.", "dmy", "1984-03-07"),
        ("7 Mart 1984", "dmy", "1984-03-07"),
        ("7 Μαρτίου 1984", "dmy", "1984-03-07"),
        ("7 Μαΐου 1984", "dmy", "1984-05-07"),
        ("1984年3月7日", "dmy", "1984-03-07"),
        ("1984年03月07日(水)", "dmy", "1984-03-07"),
        ("1984년 3월 7일", "dmy", "1984-03-07"),
        ("昭和59年3月7日", "dmy", "1984-03-07"),
        ("3月7日", "dmy", "--03-07"),
        ("平成元年1月8日", "dmy", "1989-01-08"),
        ("Wed, 7 Mar 1984", "dmy", "1984-03-07"),
        ("mercredi 7 mars 1984", "dmy", "1984-03-07"),
        ("mar. 7 mars 1984", "dmy", "1984-03-07"),
        ("Wednesday 07/03/1984", "dmy", "1984-03-07"),
        ("Wed Mar 07 1984 00:00:00 GMT+0100 (CET)", "dmy", "1984-03-07"),
        ("07.03.84", "dmy", "1984-03-07"),
        ("7.3.1984 00:00:00", "dmy", "1984-03-07"),
        ("30748", "dmy", None),
        ("32874", "dmy", None),
        ("32874.0", "dmy", None),
        ("70384", "dmy", None),
        ("07031984", "dmy", "1984-03-07"),
        ("03071984", "mdy", "1984-03-07"),
        ("31022000", "dmy", None),
        ("1984-02-30", "dmy", None),
        ("29.02.2001", "dmy", None),
        ("29.02.2000", "dmy", "2000-02-29"),
        ("1/1/4501", "dmy", None),
        ("01.01.0001", "dmy", None),
        ("0000-03-07", "dmy", "--03-07"),
        ("3/7/1604", "mdy", "--03-07"),
        ("1900-01-00", "dmy", None),
        ("12/30/1899", "mdy", "1899-12-30"),
        ("1899-12-30 00:00:00", "ymd", "1899-12-30"),
        ("2527-03-07", "dmy", None),
        ("listopad 5 1984", "dmy", "1984-11-05"),
        ("Mar-84", "dmy", None),
        ("7-Mar-84", "dmy", "1984-03-07"),
        ("7-MAR-1984", "dmy", "1984-03-07"),
        ("March 7", "dmy", "--03-07"),
        ("07/03", "dmy", "--03-07"),
        ("1984/3/7", "dmy", "1984-03-07"),
        ("3.7.1984", "mdy", "1984-03-07"),
        ("1984-03-07T23:00:00Z", "dmy", "1984-03-07"),
        ("1984-03-07T23:00:00.000+02:00", "dmy", "1984-03-07"),
        ("7 Mar 1984 at 10:00", "dmy", None),
        ("0/0/00", "dmy", None),
        ("7th of March, 1984", "dmy", "1984-03-07"),
        ("März 1984", "dmy", None),
        ("Março 7, 1984", "mdy", "1984-03-07"),
        ("7/mar/1984", "dmy", "1984-03-07"),
        ("7. kovo 1984", "dmy", "1984-03-07"),
        ("1984 m. kovo 7 d.", "dmy", "1984-03-07"),
        ("07-03-1984 12:00 AM", "dmy", "1984-03-07"),
        ("1984-067", "dmy", None),
        ("7 août 1984", "dmy", "1984-08-07"),
        ("7 aout 1984", "dmy", "1984-08-07"),
        ("7 AOÛT 1984", "dmy", "1984-08-07"),
        ("7 Ağustos 1984", "dmy", "1984-08-07"),
        ("7 AĞUSTOS 1984", "dmy", "1984-08-07"),
        ("7 Kasım 1984", "dmy", "1984-11-07"),
        ("7 KASIM 1984", "dmy", "1984-11-07"),
    ],
)
def test_a_date_is_a_day_of_the_calendar(cell: str, order: DateOrder, expected: str | None) -> None:
    assert values.date(cell, order) == expected


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("32874", "dmy", "1990-01-01"),
        ("32874.0", "dmy", "1990-01-01"),
        ("32874", "mdy", None),
        ("30748", "dmy", None),
        ("70384", "dmy", None),
        ("5", "dmy", None),
        ("99999", "dmy", None),
        ("3287x", "dmy", None),
    ],
)
def test_a_serial_day_is_one_if_it_can_be_nothing_else(cell: str, order: DateOrder, expected: str | None) -> None:
    assert values.serial(cell, order) == expected


@pytest.mark.parametrize(
    ("cell", "month"), [("3", 3), ("03", 3), ("März", 3), ("MARS", 3), ("мар", 3), ("Listopad", 11)]
)
def test_a_month_has_many_names(cell: str, month: int) -> None:
    assert values.month_number(cell) == month


@pytest.mark.parametrize(
    "cell",
    [
        *("0/0/00", "0.0.00", "00/00/0000", "0000-00-00", "0000-00-00 00:00:00", "1/1/4501", "01.01.0001"),
        *("1900-01-00", "1899-12-30", "n/a", "-", "NULL", "Keine Angabe"),
    ],
)
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


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("England", "GB"),
        ("Vereinigtes Königreich", "GB"),
        ("de", "DE"),
        ("Deutschland", "DE"),
        ("ALLEMAGNE", "DE"),
        ("Österreich", "AT"),
        ("Oesterreich", "AT"),
        ("Osterreich", "AT"),
        ("U.S.A.", "US"),
        ("EE. UU.", "US"),
        ("Estados Unidos", "US"),
        ("Россия", "RU"),
        ("日本", "JP"),
        ("中国", "CN"),
        ("대한민국", "KR"),
        ("TÜRKİYE", "TR"),
        ("Ελλάδα", "GR"),
        ("Czech Republic", "CZ"),
        ("DEU", "DE"),
        ("Costa Rica", "CR"),
        ("CR", "CR"),
        ("Kongo", "Kongo"),
        ("Korea", "Korea"),
        ("XX", "XX"),
        ("Atlantis", "Atlantis"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_country_becomes_its_code_or_stays(cell: str, code: str) -> None:
    assert values.country(cell) == code


def test_every_code_and_every_name_in_english_means_its_country() -> None:
    for code in phonenumbers.SUPPORTED_REGIONS:
        assert values.country(code.lower()) == code or values.country_name(code) == code
        assert values.country(values.country_name(code)) == code


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('"Ann Lee" <ann@example.com>', "Ann Lee"),
        ("Ann Lee <ann@example.com>", "Ann Lee"),
        ('"Lee, Ann" <ann@example.com>', "Ann Lee"),
        ("ann@example.com (Ann Lee)", "Ann Lee"),
        ("Ann Lee (ann@example.com)", "Ann Lee"),
        ("<ann@example.com>", ""),
        ("ann@example.com", ""),
        ("ann@example.com <ann@example.com>", ""),
        ("123 <ann@example.com>", ""),
    ],
)
def test_the_name_beside_an_address_is_one(cell: str, name: str) -> None:
    assert values.display_name(cell) == name


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("Lee, Ann", ("Ann", "Lee")),
        ("van der Berg,Jan Willem", ("Jan Willem", "van der Berg")),
        ("Müller, Dr. Hans", ("Dr. Hans", "Müller")),
        ("Acme, Inc.", None),
        ("Ann Lee, PhD, MBA", None),
        ("Ann Lee", None),
        (", Ann", None),
        ("Lee,", None),
    ],
)
def test_a_comma_turns_a_name_unless_it_means_something_else(cell: str, parts: tuple[str, str] | None) -> None:
    assert values.last_first(cell) == parts


@pytest.mark.parametrize(
    ("cell", "nothing", "placeholder"),
    [
        ("n/a", True, True),
        ("N/A", True, True),
        ("-", True, True),
        ("Keine Angabe", True, True),
        ("NON RENSEIGNÉ", True, True),
        ("未指定", True, True),
        ("NULL", False, True),
        ("None", False, True),
        ("brak", False, True),
        ("Na", False, True),
        ("Nana", False, False),
        ("0", False, False),
    ],
)
def test_a_placeholder_is_empty_but_not_where_it_can_be_a_name(cell: str, nothing: bool, placeholder: bool) -> None:
    assert (cell in values.NOTHING, values.is_placeholder(cell)) == (nothing, placeholder)


@settings(max_examples=100)
@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from(["e", "\u0301", "\r\n", "\u200b", " a "]))))
def test_a_column_is_cleaned_as_its_cells_are(cells: list[str]) -> None:
    assert values.clean_all(cells) == [values.clean(cell) for cell in cells]


def test_labels_and_kinds() -> None:
    assert values.kind("* Work") == ("work", True)
    assert values.kind("Grandma's") == ("Grandma's", False)
    assert values.label("* myContacts") == ""
    assert values.label("* starred") == "starred"
    assert values.label("*Work*") == "Work*"
    assert values.label("* Friends") == "Friends"
    assert values.label("none") == ""


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
        values.country,
        values.kind,
        values.label,
        values.last_first,
        values.display_name,
        lambda cell: values.phones(cell, "DE"),
        lambda cell: values.serial(cell, "dmy"),
    ],
)
@pytest.mark.parametrize(
    "bait",
    [
        "1" * 26 + "x",
        "a." * 8_000 + "@",
        "a@" * 8_000,
        "(" * 16_000,
        " " * 16_000,
        "0-" * 9_000,
        "<a" * 9_000,
        ", " * 9_000,
    ],
)
def test_no_cell_takes_more_than_a_moment(read: Callable[[str], object], bait: str) -> None:
    started = time.process_time()
    read(bait)
    assert time.process_time() - started < 0.5


@settings(max_examples=120)
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
