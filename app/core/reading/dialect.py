"""The first records of a text -> its delimiter, what stands before its header, and whether it has one.

Bounded: at most 64 KB and 60 records are looked at, once per delimiter.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Literal, NamedTuple

from app.core.reading import columns
from app.core.reading.plan import Dialect
from app.core.reading.records import grammar
from app.core.reading.segments import records

DELIMITERS: tuple[Literal[",", ";", "\t"], ...] = (",", ";", "\t")
LOOKED_AT_BYTES = 64 * 1024
LOOKED_AT_RECORDS = 60
HEADER_WITHIN = 20
"""A header is looked for in so many records."""
CELLS = 500
"""So many cells of a record are looked at."""


class Header(NamedTuple):
    """Records before the header and of the header (0 or 1); `known` counts its cells that we know."""

    preamble: int
    header: int
    known: int


def beginning(text: bytes, dialect: Dialect, *, whole: bool, count: int = LOOKED_AT_RECORDS) -> bytes:
    """The first `count` complete records of a text."""
    found = list(islice(grammar(dialect).records(text, final=whole), 2 * count))
    return text[: found[-1].end] if found else b""


def first_rows(text: bytes, dialect: Dialect, *, whole: bool, count: int = LOOKED_AT_RECORDS) -> list[list[str]]:
    """The cells of the first records."""
    found, _ = records(beginning(text, dialect, whole=whole, count=count), dialect)
    return [list(row.cells) for row in found.rows[:count]]


def detect(text: bytes) -> Dialect:
    """The delimiter that gives known header words and rows of one width; a row cut at the end does no harm."""
    head = text[:LOOKED_AT_BYTES]
    choices = [Dialect(delimiter=delimiter, quote='"', escape="doubled") for delimiter in DELIMITERS]
    return max(choices, key=lambda dialect: _score(first_rows(head, dialect, whole=True)))


def find_header(rows: Sequence[Sequence[str]]) -> Header:
    """Where the header is. A row with an e-mail address, a number or a date in it is none."""
    best = Header(0, 0, 0)
    for index, row in enumerate(rows[:HEADER_WITHIN]):
        cells = [cell for cell in map(str.strip, row[:CELLS]) if cell]
        guesses = [guess for guess in (columns.known(columns.folded(cell[:300])) for cell in cells) if guess]
        named = len(guesses) >= 2 or any(guess.field in columns.USABLE for guess in guesses)
        if named and len(guesses) > best.known and not any(map(columns.is_value, cells)):
            best = Header(index, 1, len(guesses))
    if best.header or len(rows) < 2:
        return best
    return Header(0, 1, 0) if _stands_out(rows) else best


def _stands_out(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has words where all others have e-mail addresses, numbers or dates."""
    first = [cell.strip() for cell in rows[0][:CELLS]]
    if not all(first) or any(map(columns.is_value, first)):
        return False
    for index in range(len(first)):
        cells = [row[index].strip() for row in rows[1:HEADER_WITHIN] if index < len(row) and row[index].strip()]
        if cells and sum(map(columns.is_value, cells)) >= 0.8 * len(cells):
            return True
    return False


def _score(rows: Sequence[Sequence[str]]) -> float:
    if not rows:
        return 0.0
    header = find_header(rows)
    widths = [len(row) for row in rows[header.preamble :]]
    usual = max(set(widths), key=widths.count)
    if usual == 1:
        return float(header.known)
    return 3.0 * header.known + min(usual, 10) * widths.count(usual) / len(widths)
