"""What the cells of a column look like: e-mail addresses, phone numbers, dates, postcodes, countries, names."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

from app.core.reading import values

Look = Literal[
    "email",
    "link",
    "phone",
    "digits",
    "number",
    "date",
    "birthday",
    "postcode",
    "country",
    "words",
    "name",
    "turned",
    "honorific",
]

_PHONE = re.compile(r"[+(]?[\d][\d ()./\-]{5,24}(?: ?(?:x|ext\.?) ?\d{1,6})?")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_POSTCODE = re.compile(
    r"(?:[A-Z]{1,2}-)?(?:\d{4,6}|\d{5}-\d{4}|\d{2}-\d{3}|\d{3} \d{2}|〒?\d{3}-\d{4}|\d{4}-\d{3}|\d{5}-\d{3}"
    r"|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)",
    re.IGNORECASE,
)
_TURNED = re.compile(r"[^,\d@]{2,40}, ?[^,\d@]{1,40}")
_NO_GIVEN_NAME = frozenset({"inc", "ltd", "llc", "gmbh", "ag", "jr", "sr", "md", "phd", "co", "corp", "sa", "srl"})
_HONORIFICS = frozenset(
    "mr mrs ms miss mx dr prof sir dame rev herr frau hr fr dipl ing mag m mme mlle monsieur madame maître me sr sra "
    "srta don doña dott dottssa sig sigra signor signora avv arch dhr mevr mw drs ir pan pani bc mgr úr özv "
    "herra rouva fru bay bayan κ κος κα г-н г-жа господин госпожа пан пані д-р "
    "様 先生 さん 殿 小姐 女士 씨 님 선생님".split()
)


def is_phone(cell: str) -> bool:
    """Whether a cell looks like a phone number and not like any other number, or a date."""
    if not _PHONE.fullmatch(cell) or values.date(cell, "dmy") is not None:
        return False
    digits = sum(map(str.isdigit, cell))
    return 7 <= digits <= 17 and (cell[0] in "+(0" or (not cell.isdigit() and cell.count(".") != 1))


def is_link(cell: str) -> bool:
    """Whether a cell looks like an address on the web."""
    return _LINK.fullmatch(cell) is not None


def is_value(cell: str) -> bool:
    """Whether a cell looks like data, not like the name of a column."""
    return is_email(cell) or is_phone(cell) or is_link(cell) or is_date(cell)


def is_email(cell: str) -> bool:
    """Whether a cell holds e-mail addresses and nothing else; several may be in a list like Google's."""
    return "@" in cell and values.emails(cell) is not None


def is_date(cell: str) -> bool:
    """Whether a cell is a day of the calendar."""
    return any(map(str.isdigit, cell[:40])) and values.date(cell, "dmy") is not None


def is_birthday(cell: str) -> bool:
    """Whether someone may be born on that day: no year, or one of the last century."""
    day = values.date(cell, "dmy") if any(map(str.isdigit, cell[:40])) else None
    return day is not None and (day[0] == "-" or "1915" <= day[:4] <= "2014")


def is_words(cell: str) -> bool:
    """Whether a cell has words and no number."""
    return len(cell) <= 60 and any(map(str.isalpha, cell)) and not any(map(str.isdigit, cell))


def is_name(cell: str) -> bool:
    """Whether a cell has some words that all begin like names."""
    words = cell.split()
    return is_words(cell) and 2 <= len(words) <= 4 and all(not word[0].islower() for word in words)


def is_turned(cell: str) -> bool:
    """Whether a cell is a name with its last part first: `Lee, Ann`."""
    return bool(_TURNED.fullmatch(cell)) and cell.rpartition(",")[2].strip(" .").casefold() not in _NO_GIVEN_NAME


def is_honorific(cell: str) -> bool:
    """Whether a cell is how someone is addressed: `Mr.`, `Prof. Dr.`, `Mme`."""
    words = cell.casefold().replace(".", " ").split()
    return 0 < len(words) <= 4 and all(word in _HONORIFICS for word in words)


def is_country(cell: str) -> bool:
    """Whether a cell is a country's name."""
    return len(cell) > 2 and is_words(cell) and len(values.country(cell)) == 2


def _has_digits(cell: str) -> bool:
    return len(cell) <= 64 and sum(map(str.isdigit, cell)) >= 5


def _is_number(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell))


_FITS: dict[Look, Callable[[str], bool]] = {
    "email": is_email,
    "link": is_link,
    "phone": is_phone,
    "digits": _has_digits,
    "number": _is_number,
    "date": is_date,
    "birthday": is_birthday,
    "postcode": lambda cell: len(cell) <= 10 and _POSTCODE.fullmatch(cell) is not None,
    "country": is_country,
    "words": is_words,
    "name": is_name,
    "turned": is_turned,
    "honorific": is_honorific,
}


class Cells:
    """Some filled cells of a column, and what share of them looks like what: each is counted once, when asked."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.cells = [cell[:500] for cell in cells]
        self._shares: dict[Look, float] = {}

    def __len__(self) -> int:
        return len(self.cells)

    def share(self, look: Look) -> float:
        """From 0 to 1; 0 of no cells at all."""
        found = self._shares.get(look)
        if found is None:
            fits = _FITS[look]
            found = sum(1 for cell in self.cells if fits(cell)) / len(self.cells) if self.cells else 0.0
            self._shares[look] = found
        return found

    def looks(self, look: Look, least: float = 0.8) -> bool:
        """Whether at least this share of the cells, one of them anyway, looks so."""
        return self.share(look) >= least
