"""One cell -> one value: e-mail, phone, date, link, label, country. Pure, linear in the cell's length.

Each function takes a cleaned cell (`clean`) that is not empty. What it cannot make sense of it says so with None: the
caller decides what becomes of the text; nothing is dropped here.
"""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

from app.core.reading.plan import DateOrder

MAX_CELL = 32 * 1024
"""Characters of a cell; more is a problem."""

_STRIPPED = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), 0x200B, 0xFEFF])


def clean(cell: str) -> str:
    """NFC, LF line ends, no control characters but TAB and LF, no blanks around."""
    if not (cell.isascii() and cell.isprintable()):
        cell = unicodedata.normalize("NFC", cell.replace("\r\n", "\n").replace("\r", "\n").translate(_STRIPPED))
    return cell.strip()


_PLACEHOLDERS = frozenset({"-", "--", "n/a", "#n/a", "na", "none", "null", "(null)", "nil", "unspecified", "unknown"})


def is_placeholder(cell: str) -> bool:
    """Whether a cell only says that it is empty. Not for names: people are called Null and None."""
    return cell.casefold() in _PLACEHOLDERS


# --- e-mail

_ATOM = r"[^\x00-\x20\x7f-\x9f()<>\[\]:;@\\,.\"\s]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+")
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+\-]+(?:\.[a-z0-9_+\-]+)*+")
_QUOTED_LOCAL = re.compile(r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*+"')
_HOST_LABEL = re.compile(r"[a-z0-9\-]{1,63}")
_ADDRESS_IN_NAME = re.compile(r"[<(]([^<>()]*+)[>)]\s*+$")
_BETWEEN = re.compile(r"(?::::|[;,\s])+")


def email(cell: str) -> str | None:
    """`Ann <mailto:Ann@EXAMPLE.com>` -> `ann@example.com`, domains as IDNA. None: no address, or one too long."""
    local, at, domain = cell.rpartition("@")
    local = local.casefold()
    host = _domain(domain)
    if not (at and host and len(local) <= 64 and _PLAIN_LOCAL.fullmatch(local)):
        return _odd_email(cell)
    return f"{local}@{host}" if len(local) + len(host) < 254 else None


def emails(cell: str) -> tuple[str, ...] | None:
    """One address, or several with commas, semicolons or blanks between; None unless all of them are addresses."""
    one = email(cell)
    if one is not None:
        return (one,)
    several = [email(part) for part in _BETWEEN.split(cell) if part]
    return tuple(dict.fromkeys(filter(None, several))) if len(several) > 1 and None not in several else None


def email_suggestion(cell: str) -> str:
    """The address that was probably meant, as a sentence; "" if there is no telling."""
    folded = cell.strip().strip("<>()[].,;:'\"")
    tries = (
        *(word.strip("<>()[].,;:'\"") for word in folded.split() if "@" in word),
        "".join(folded.split()),
        re.sub(r"\s*[(\[]\s*at\s*[)\]]\s*|\s+at\s+", "@", folded, count=1, flags=re.IGNORECASE),
        folded.replace(",", "."),
        re.sub(r"\.\.+", ".", folded).replace(".@", "@").replace("@.", "@"),
        re.sub(r"@@+", "@", folded),
    )
    meant = next((found for found in map(email, tries) if found), None) if len(folded) <= 320 else None
    return f"Did you mean {meant}?" if meant else ""


def _odd_email(cell: str) -> str | None:
    wrapped = _ADDRESS_IN_NAME.search(cell) if cell.endswith((">", ")")) else None
    address = wrapped[1].strip() if wrapped else cell
    if address[:7].casefold() == "mailto:":
        address = address[7:].partition("?")[0].strip()
    local, at, domain = address.rpartition("@")
    local = unicodedata.normalize("NFC", local.casefold())
    host = _domain(domain)
    if not at or not host or not 0 < len(local.encode()) <= 64 or len(local) + len(host) > 253:
        return None
    if not _LOCAL.fullmatch(local) and not _QUOTED_LOCAL.fullmatch(local):
        return None
    return f"{local}@{host}"


@lru_cache(maxsize=65_536)
def _domain(domain: str) -> str:
    """The ASCII form of a domain with at least one dot; "" if it is none."""
    host = domain.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return ""
    labels = host.split(".")
    if len(host) > 253 or len(labels) < 2:
        return ""
    right = all(_HOST_LABEL.fullmatch(label) and label[0] != "-" != label[-1] for label in labels)
    return host if right else ""


# --- phone


def phone(cell: str, region: str | None) -> str:
    """E.164, or "" when the number is doubtful: it has no country and there is no region, or a length nobody has."""
    if cell[0] == "+" and cell[1:].isdigit() and cell.isascii() and keeps_its_form(cell[:6], len(cell)):
        return cell
    return _dialled(cell, region)


_BETWEEN_PHONES = re.compile(r"[;,\n]| / |:::")


def phones(cell: str, region: str | None) -> tuple[tuple[str, str], ...]:
    """(E.164, as written) of one number, or of several if every part between separators is one."""
    parts = [part.strip() for part in _BETWEEN_PHONES.split(cell) if part.strip()]
    several = tuple((phone(part, region), part) for part in parts)
    if len(several) > 1 and all(value for value, _ in several):
        return several
    return ((phone(cell, region), cell),)


@lru_cache(maxsize=65_536)
def keeps_its_form(beginning: str, length: int) -> bool:
    """Whether numbers that begin like this and are so long are E.164 already."""
    # What is possible hangs on the country and the length, and what is cut off on the first digits after it.
    sample = beginning + "2" * (length - len(beginning))
    return _dialled(sample, None) == sample


@lru_cache(maxsize=65_536)
def _dialled(cell: str, region: str | None) -> str:
    if len(cell) > 64:
        return ""
    text = cell.removeprefix("'")
    if text[:4].casefold() == "tel:":
        text = text[4:]
    if text.startswith("00") and region is None:
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


# --- date

_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january|feb february|mar march|apr april|may|jun june|jul july|"
        "aug august|sep sept september|oct october|nov november|dec december".split("|"),
        start=1,
    )
    for name in names.split()
}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TIME = re.compile(
    r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?$"
)
_NO_YEAR = re.compile(r"--(\d{2})-?(\d{2})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DATE_PARTS = re.compile(r"[^\W\d_]+|\d+")
_ZERO_DATE = re.compile(r"0+[./-]0+[./-]0+")
_YEAR_UNKNOWN = frozenset({0, 1604})
"""Apple writes 1604 where a birthday has no year."""


def is_no_date(cell: str) -> bool:
    """Whether a date cell only says that there is none: `0/0/00`, `0.0.00`, `n/a`."""
    return bool(_ZERO_DATE.fullmatch(cell)) or is_placeholder(cell)


@lru_cache(maxsize=16_384)
def date(cell: str, order: DateOrder) -> str | None:
    """`7 March 1984`, `3/7/1984`, `1984-03-07 00:00` -> `1984-03-07`; without a year `--03-07`; None: no such day.

    Where the order cannot be (a month above 12), the other one is meant. Years of two digits are 1931 to 2030.
    """
    if len(cell) > 40:
        return None
    cell = _TIME.sub("", cell)
    found = _NO_YEAR.fullmatch(cell)
    if found:
        return day_of(None, int(found[1]), int(found[2]))
    found = _COMPACT.fullmatch(cell)
    if found:
        return day_of(int(found[1]), int(found[2]), int(found[3]))
    parts = [part.casefold() for part in _DATE_PARTS.findall(cell)]
    if len(parts) == 4 and parts[0][:3] in {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}:
        del parts[0]
    parts = [part for part in parts if part not in {"st", "nd", "rd", "th", "of"}]
    named = [part for part in parts if not part.isdecimal()]
    if named:
        return _named_month(parts, named)
    return _numbers(parts, order)


def _named_month(parts: list[str], named: list[str]) -> str | None:
    month = _MONTHS.get(named[0])
    numbers = [part for part in parts if part.isdecimal()]
    if month is None or len(named) > 1 or not 1 <= len(numbers) <= 2:
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
    """The canonical text of a day; None if there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    if year is None or year in _YEAR_UNKNOWN:
        return f"--{month:02}-{day:02}"
    if not 1000 <= year <= 2999 or (month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400))):
        return None
    return f"{year}-{month:02}-{day:02}"


def month_number(cell: str) -> int | None:
    """`3`, `03`, `March` -> 3."""
    if cell.isascii() and cell.isdecimal() and len(cell) <= 2:
        return int(cell)
    return _MONTHS.get(cell.casefold())


# --- the rest

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*+):")


def url(cell: str) -> str | None:
    """A link to the web as it is written; None for anything else, `javascript:` above all."""
    if any(character.isspace() for character in cell) or len(cell) > 2048:
        return None
    scheme = _SCHEME.match(cell)
    if scheme and not cell[scheme.end() :][:1].isdigit():
        return cell if scheme[1].lower() in {"http", "https", "ftp"} and len(cell) > scheme.end() + 2 else None
    host = re.split(r"[/?#:]", cell, maxsplit=1)[0]
    return cell if "." in host.strip(".") else None


_KNOWN_LABELS = frozenset(
    {"home", "work", "mobile", "cell", "other", "main", "fax", "pager", "home fax", "work fax", "school", "profile"}
)


def kind(cell: str) -> tuple[str, bool]:
    """The label of an e-mail, phone, address or link, and whether it is the primary one (Google's `* Work`)."""
    primary = cell.startswith("*")
    label = cell.lstrip("* ")
    folded = label.casefold()
    return (folded if folded in _KNOWN_LABELS else label)[:64], primary


_SYSTEM_LABELS = frozenset({"mycontacts", "my contacts"})


def label(cell: str) -> str:
    """A label or group; "" for Google's group that everybody is in."""
    name = cell.lstrip("* ") if cell.startswith("*") else cell
    if cell.startswith("*") and name.casefold() in _SYSTEM_LABELS:
        return ""
    return name[:200]


def country(cell: str) -> str:
    """Two letters in capitals, UK as GB; names of countries as they are."""
    if len(cell) == 2 and cell.isascii() and cell.isalpha():
        code = cell.upper()
        return "GB" if code == "UK" else code
    return cell
