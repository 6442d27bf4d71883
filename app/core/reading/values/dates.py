"""Days, in whatever way people and programs write them.

The canonical text of a day is `1984-03-07`, or `--03-07` where the year is not known (RFC 6350, 4.3.1).
"""

import re
from datetime import date as calendar_day
from datetime import timedelta
from functools import cache, lru_cache

from app.core.reading.plan import DateOrder
from app.core.reading.values.data import load
from app.core.reading.values.texts import is_placeholder, unaccented

MAX_DATE = 60
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LAST_YEAR = 2100
_YEAR_UNKNOWN = frozenset({0, 1604})
"""Apple writes 1604 where a birthday has no year."""

_TIME = re.compile(
    r"(?:T| |, ?)(?:(?:AM|PM|오전|오후|上午|下午|午前|午後) ?)?\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?"
    r"(?: ?[AaPp]\.? ?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|Uhr))?(?: ?[+-]\d{2}:?\d{2})?(?: ?\([^()]{1,40}\))?$"
)
_NO_YEAR = re.compile(r"--(\d{2})-?(\d{2})")
_PARTS = re.compile(r"[^\W\d_]++(?:[\u0300-\u036f][^\W\d_]*+)*+|\d++")
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
"""Japanese eras and the year before their first one."""
_ERA = re.compile(rf"({'|'.join(_ERAS)})(元|\d{{1,2}})年")
_CJK = re.compile(r"(?:(\d{4}) ?[年년])? ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日日號号일](?: ?\(?.{1,3}\)?)?")
_FILLERS = frozenset(
    "st nd rd th of the de del d di der den am le el er г года год р року r roku rok m i dia du".split()
)
"""Words that stand in dates and say nothing."""

_ZERO = re.compile(r"0+[./-]0+[./-]0+(?: 0?0:00(?::00)?)?")
_NEVER = frozenset({(1, 1, 1), (4501, 1, 1), (1899, 12, 30), (1899, 12, 31)})
"""What .NET, Outlook, Access and Excel write for no date at all."""


def is_no_date(cell: str) -> bool:
    """Whether a date cell only says that there is none: `0/0/00`, `0.0.00`, `1/1/4501`, `n/a`."""
    return bool(_ZERO.fullmatch(cell)) or is_placeholder(cell) or _is_never(cell)


def _is_never(cell: str) -> bool:
    if len(cell) > MAX_DATE or not ("0001" in cell or "4501" in cell or "1899" in cell or "1900" in cell):
        return False
    parts = _TIME.sub("", cell).replace(".", "-").replace("/", "-").split("-")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) <= 4 for part in parts):
        return False
    numbers = list(map(int, parts))
    year, rest = (numbers[0], numbers[1:]) if len(parts[0]) == 4 else (numbers[2], numbers[:2])
    return any(year == never and sorted(rest) == sorted(day) for never, *day in _NEVER) or (year == 1900 and 0 in rest)


@lru_cache(maxsize=16_384)
def date(cell: str, order: DateOrder) -> str | None:
    """`7 March 1984`, `3/7/1984`, `1984-03-07 00:00` -> `1984-03-07`; without a year `--03-07`; None: no such day.

    Where the order cannot be (a month above 12), the other one is meant. Years of two digits are 1931 to 2030.
    """
    if len(cell) > MAX_DATE:
        return None
    cell = _TIME.sub("", cell.removeprefix("'"))
    found = _NO_YEAR.fullmatch(cell)
    if found:
        return day_of(None, int(found[1]), int(found[2]))
    if cell.isdecimal():
        return _compact(cell, order) if len(cell) == 8 else None
    if not cell.isascii():
        era = _ERA.match(cell)
        if era:
            cell = f"{_ERAS[era[1]] + (1 if era[2] == '元' else int(era[2]))}年{cell[era.end() :]}"
        found = _CJK.fullmatch(cell)
        if found:
            return day_of(int(found[1]) if found[1] else None, int(found[2]), int(found[3]))
    parts = [unaccented(part) for part in _PARTS.findall(cell)]
    parts = [part for part in parts if part not in _FILLERS]
    named = [part for part in parts if not part.isdecimal()]
    if len(named) == 2 and named[0] in _weekdays():
        parts.remove(named.pop(0))
    elif len(named) == 1 and named[0] in _weekdays() and named[0] not in _months():
        parts.remove(named.pop())
    return _named_month(parts, named) if named else _numbers(parts, order)


def _compact(cell: str, order: DateOrder) -> str | None:
    """Eight digits: the year first, or at the end where it cannot be first."""
    found = day_of(int(cell[:4]), int(cell[4:6]), int(cell[6:]))
    if (found is None or not "18" <= cell[:2] <= "20") and "18" <= cell[4:6] <= "20":
        return _either(int(cell[4:]), int(cell[:2]), int(cell[2:4]), day_first=order != "mdy")
    return found


_EPOCH = calendar_day(1899, 12, 30)
_SERIALS = range(10_000, 54_789)
"""Days of 1927 to 2049."""


def serial(cell: str, order: DateOrder) -> str | None:
    """A day as a spreadsheet counts it (`32874`: 1990-01-01); for columns that are known to hold days.

    None if it may be six digits that have lost their zero (`70384`: 7 March 1984).
    """
    cell = cell.removesuffix(".0")
    if len(cell) != 5 or not cell.isdecimal() or int(cell) not in _SERIALS:
        return None
    first, second, third = int(cell[0]), int(cell[1:3]), int(cell[3:])
    month, day = {"dmy": (second, first), "mdy": (first, second), "ymd": (second, third)}[order]
    return None if day_of(None, month, day) else (_EPOCH + timedelta(days=int(cell))).isoformat()


def _named_month(parts: list[str], named: list[str]) -> str | None:
    month = _months().get(named[0])
    numbers = [part for part in parts if part.isdecimal()]
    if month is None or len(named) > 1 or not 1 <= len(numbers) <= 2 or any(len(number) > 4 for number in numbers):
        return None
    if len(numbers) == 1:
        return day_of(None, month, int(numbers[0])) if len(numbers[0]) <= 2 else None
    year, day = (numbers[0], numbers[1]) if len(numbers[0]) == 4 else (numbers[1], numbers[0])
    return day_of(_year(year), month, int(day))


def _numbers(parts: list[str], order: DateOrder) -> str | None:
    if any(len(part) > 4 for part in parts):
        return None
    if len(parts) == 2 and all(len(part) <= 2 for part in parts):
        first, second = map(int, parts)
        return _either(None, first, second, day_first=order == "dmy")
    if len(parts) != 3:
        return None
    if len(parts[0]) == 4 or (order == "ymd" and len(parts[2]) <= 2):
        return _either(_year(parts[0]), int(parts[1]), int(parts[2]), day_first=False)
    return _either(_year(parts[2]), int(parts[0]), int(parts[1]), day_first=order == "dmy")


def _either(year: int | None, first: int, second: int, *, day_first: bool) -> str | None:
    month, day = (second, first) if day_first else (first, second)
    return day_of(year, month, day) or day_of(year, day, month)


def _year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return year + (2000 if year <= 30 else 1900)


def day_of(year: int | None, month: int, day: int) -> str | None:
    """The canonical text of a day; None if there is no such day, or nobody was or will be born on it."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    if year is None or year in _YEAR_UNKNOWN:
        return f"--{month:02}-{day:02}"
    if not 1000 <= year <= _LAST_YEAR or (month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400))):
        return None
    return f"{year}-{month:02}-{day:02}"


def month_number(cell: str) -> int | None:
    """`3`, `03`, `March`, `marzo` -> 3."""
    if cell.isascii() and cell.isdecimal() and len(cell) <= 2:
        return int(cell)
    return _months().get(unaccented(cell.rstrip(".")))


@cache
def _months() -> dict[str, int]:
    """Folded name -> number. A name that means two months in two languages (`listopad`) is in no list."""
    months = load("calendar")["months"]
    return {unaccented(name): number for number, names in enumerate(months, start=1) for name in names}


@cache
def _weekdays() -> frozenset[str]:
    return frozenset(map(unaccented, load("calendar")["weekdays"]))
