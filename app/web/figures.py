"""Numbers, sizes and times as people of a locale write them, before JavaScript has a say. Pure.

The browser knows every locale and refines what it finds; this covers the marks between digits and
names months in English.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_NARROW = "\u202f"
_MARKS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("de", "nl", "it", "es", "pt", "da", "id", "tr", "el", "hr", "sl", "ro"), (".", ",")),
    **dict.fromkeys(("fr",), (_NARROW, ",")),
    **dict.fromkeys(("sv", "nb", "nn", "no", "fi", "pl", "cs", "sk", "ru", "uk", "hu", "bg"), ("\xa0", ",")),
    "de-CH": ("’", "."),
    "de-AT": ("\xa0", ","),
    "pt-PT": ("\xa0", ","),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def marks(locale: str) -> tuple[str, str]:
    """The mark between thousands and the decimal mark."""
    return _MARKS.get(locale) or _MARKS.get(locale.partition("-")[0]) or (",", ".")


def number(value: int, locale: str = "en") -> str:
    """98214 -> "98,214"."""
    return f"{value:,}".replace(",", marks(locale)[0])


def size(count: int, locale: str = "en") -> str:
    """Bytes as kB, MB or GB with at most one decimal."""
    if count < 1000:
        return f"{count} B"
    units = ("kB", "MB", "GB", "TB")
    step = next((step for step in range(1, len(units)) if count < 999.5 * 1000**step), len(units))
    value = count / 1000**step
    text = f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")
    return f"{text.replace('.', marks(locale)[1])} {units[step - 1]}"


def percent(share: float) -> str:
    """0.618 -> "61 %"; only all of it is 100 %."""
    return f"{int(share * 100)} %"


def moment(seconds: float, zone: str = "UTC") -> str:
    """Unix seconds -> "3 May 2026, 14:05" in a time zone."""
    at = _at(seconds, zone)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M}"


def day(seconds: float, zone: str = "UTC") -> str:
    """Unix seconds -> "3 May 2026" in a time zone."""
    at = _at(seconds, zone)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def iso(seconds: float) -> str:
    """Unix seconds -> "2026-05-03T14:05:00Z", for the datetime attribute."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def birthday(text: str) -> str:
    """ "1984-03-07" -> "7 Mar 1984", "--03-07" -> "7 Mar"; anything else stays as it is."""
    year, month, date = text[:-6], text[-5:-3], text[-2:]
    if not (month.isdigit() and date.isdigit() and 1 <= int(month) <= 12):
        return text
    return f"{int(date)} {_MONTHS[int(month) - 1]} {year.strip('-')}".strip()


def _at(seconds: float, zone: str) -> datetime:
    return datetime.fromtimestamp(seconds, ZoneInfo(zone))
