"""The first rows of a table -> where its header is, of how many rows, and what stands before it.

A header row has words that we know and no e-mail address, number or date. Of several such rows in a row (a second
language, titles of groups above) the last one counts, unless they say more when they are read together, from top to
bottom: `E-mail | E-mail` over `Work | Home`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.core.reading import columns
from app.core.reading.meaning import Guess

WITHIN = 20
"""A header is looked for in so many records."""
MOST_ROWS = 3
CELLS = 300
"""So many cells of a row are looked at."""
_ALL_CELLS = 3_000
"""And about so many of all rows."""
_SEPARATOR = re.compile(r"sep=.?", re.IGNORECASE | re.DOTALL)


class Header(NamedTuple):
    """Records before the header, and of the header (0: there is none); `known` counts its columns that we know."""

    preamble: int
    header: int
    known: int


def find(rows: Sequence[Sequence[str]], *, preamble: int | None = None, header: int | None = None) -> Header:
    """Where the header is, as far as it is not said."""
    first = 1 if rows and _names_separator(rows[0]) else 0
    if header == 0:
        return Header(first if preamble is None else preamble, 0, 0)
    lines = _Lines(rows)
    starts = range(first, lines.count) if preamble is None else range(preamble, min(preamble + 1, lines.count))
    best = Header(first if preamble is None else preamble, header or 0, 0)
    for start in starts:
        known = lines.known(start, header or 1)
        if known > best.known and (header or lines.is_header(start)):
            best = Header(start, header or 1, known)
    if best.known and header is None:
        return _settled(best, lines, fixed=preamble is not None)
    if not best.header and len(rows) - best.preamble >= 2 and _stands_out(rows[best.preamble :]):
        return best._replace(header=1)
    return best


def joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """The header cells; several rows of them are read as one, from top to bottom."""
    width = max(map(len, rows), default=0)
    return [" ".join(filter(None, (row[index].strip() for row in rows if index < len(row)))) for index in range(width)]


def _settled(best: Header, lines: "_Lines", *, fixed: bool) -> Header:
    """The best header row, or the last of several, or several together."""
    if not fixed:
        while best.preamble + 1 < lines.count and lines.says_the_same(best.preamble, best.preamble + 1):
            best = best._replace(preamble=best.preamble + 1, known=lines.known(best.preamble + 1, 1))
    found = best
    for start in (best.preamble - 1, best.preamble):
        for size in range(2, MOST_ROWS + 1):
            if (fixed and start != best.preamble) or start < 0 or not lines.may_be_one(start, size):
                continue
            known = lines.known(start, size)
            if known > found.known:
                found = Header(start, size, known)
    return found


class _Lines:
    """The rows that may be a header, and what is known of them."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        self._rows = []
        cells = 0
        for row in rows[:WITHIN]:
            self._rows.append([cell.strip()[:300] for cell in row[:CELLS]])
            cells += len(self._rows[-1])
            if cells > _ALL_CELLS:
                break
        self.count = len(self._rows)

    def known(self, start: int, size: int) -> int:
        """How many different things these rows say together that we know."""
        return len(set(self._guesses(joined(self._rows[start : start + size]))))

    def is_header(self, at: int) -> bool:
        """Whether the row may be a header: a person has values, or nothing that we know."""
        guesses = list(self._guesses(self._rows[at]))
        named = len(guesses) >= 2 or any(guess.field in columns.USABLE for guess in guesses)
        return named and not self._has_values(at)

    def says_the_same(self, one: int, other: int) -> bool:
        """Whether the second row is a header as well, in other words than the first."""
        cells = [cell for cell in self._rows[other] if cell]
        if self._rows[one] == self._rows[other] or not self.is_header(other):
            return False
        return len(list(self._guesses(cells))) >= max(0.8 * len(cells), 2)

    def may_be_one(self, start: int, size: int) -> bool:
        """Whether these rows are all full of words."""
        if start + size > self.count:
            return False
        several = range(start, start + size)
        return all(sum(map(bool, self._rows[at])) >= 2 and not self._has_values(at) for at in several)

    def _has_values(self, at: int) -> bool:
        return any(map(columns.is_value, filter(None, self._rows[at])))

    @staticmethod
    def _guesses(cells: Sequence[str]) -> Iterator[Guess]:
        for cell in cells:
            guess = columns.known(columns.folded(cell)) if cell else None
            if guess is not None and guess.field != "none":
                yield guess


def _names_separator(row: Sequence[str]) -> bool:
    """Whether this is the line by which spreadsheets tell each other the delimiter: `sep=;`."""
    return len(row) <= 2 and _SEPARATOR.fullmatch(row[0].strip(' "')) is not None and not any(row[1:])


def _stands_out(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has words where all others have e-mail addresses, numbers or dates."""
    first = [cell.strip() for cell in rows[0][:CELLS]]
    if not all(first) or any(map(columns.is_value, first)):
        return False
    for index in range(len(first)):
        cells = [row[index].strip() for row in rows[1:WITHIN] if index < len(row) and row[index].strip()]
        if cells and sum(map(columns.is_value, cells)) >= 0.8 * len(cells):
            return True
    return False
