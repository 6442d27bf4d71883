"""Cells as texts: cleaned, recognised as empty ones, and names turned round."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from app.core.reading.values.data import load

MAX_CELL = 32 * 1024
"""Characters of a cell; more is a problem."""

_STRIPPED = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), 0x200B, 0xFEFF])

_UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff]")


def clean(cell: str) -> str:
    """NFC, LF line ends, no control characters but TAB and LF, no blanks around."""
    if not (cell.isascii() and cell.isprintable()):
        if _UNCLEAN.search(cell):
            cell = cell.replace("\r\n", "\n").replace("\r", "\n").translate(_STRIPPED)
        if not cell.isascii():
            cell = unicodedata.normalize("NFC", cell)
    return cell.strip()


def clean_all(cells: Sequence[str]) -> list[str]:
    """Each cell as `clean` makes it; a column without anything to clean costs much less."""
    joined = "".join(cells)
    pure = not _UNCLEAN.search(joined) and (joined.isascii() or unicodedata.is_normalized("NFC", joined))
    return list(map(str.strip if pure else clean, cells))


def unaccented(text: str) -> str:
    """A text as names of months and countries are looked up: without case and accents."""
    if text.isascii():
        return text.lower()
    marks = unicodedata.normalize("NFD", text.casefold().replace("ı", "i"))
    return unicodedata.normalize("NFC", "".join(mark for mark in marks if not unicodedata.combining(mark)))


# --- placeholders


def _forms(words: Iterable[str]) -> frozenset[str]:
    """Words in small letters, in capitals, and with capitals at the beginning: as programs write them."""
    return frozenset(form for word in words for form in (word, word.upper(), word.capitalize(), word.title()))


_PLACEHOLDERS = load("placeholders")
NOTHING = _forms(_PLACEHOLDERS["anywhere"])
"""Cells that only say that they are empty (`n/a`, `-`, `Keine Angabe`), whatever their column is."""
PLACEHOLDERS = NOTHING | _forms(_PLACEHOLDERS["not_in_names"])
"""Cells that say so where they are no name of a person or a place: people are called Null and None."""


def is_placeholder(cell: str) -> bool:
    """Whether a cell only says that it is empty (`NULL`, `none`, `unknown` too). Not for names: some are called so."""
    return cell in PLACEHOLDERS


# --- names

_AFTER_NAMES = frozenset(
    "jr sr jun sen junior senior ii iii iv phd md mba ma msc bsc ba esq cpa rn dds dvm jd llm inc llc llp ltd limited "
    "plc corp co gmbh ag kg kgaa ohg ug se ev bv nv sa sas sarl srl spa oy oyj ab as aps kft zrt doo sro kk".split()
)


def last_first(cell: str) -> tuple[str, str] | None:
    """(first, last) of `Lee, Ann`; None without a comma, or with one that means something else (`Acme, Inc.`)."""
    last, _, first = (part.strip() for part in cell.partition(","))
    words = first.lower().replace(".", "").replace(",", " ").split()
    return (first, last) if last and words and not _AFTER_NAMES.issuperset(words) else None
