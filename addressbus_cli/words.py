"""Numbers, sizes, times and foreign text, as a terminal shows them."""

import re
import unicodedata
from datetime import datetime

# What moves the cursor, rings, or turns the direction of writing has no business in a cell.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]+")


def safe(text: str) -> str:
    """Somebody's text without anything that a terminal would obey."""
    return _UNSAFE.sub(" ", text).strip()


def width(text: str) -> int:
    """The cells that `text` takes on a terminal."""
    return sum(_cells(letter) for letter in text)


def clipped(text: str, most: int) -> str:
    """`text`, shortened to `most` cells where it is longer."""
    if width(text) <= most:
        return text
    taken, left = "", most - 1
    for letter in text:
        left -= _cells(letter)
        if left < 0:
            break
        taken += letter
    return f"{taken.rstrip()}…" if most > 0 else ""


def number(value: int) -> str:
    return f"{value:,}"


def rows(count: int) -> str:
    """ "1 row", "98,214 rows"."""
    return f"{number(count)} row" if count == 1 else f"{number(count)} rows"


def duration(seconds: float) -> str:
    """ "8 s", "1:20", "2:03:07"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(seconds: float | None) -> str:
    """Unix seconds as local time."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def _cells(letter: str) -> int:
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
