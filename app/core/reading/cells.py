"""A record -> its cells, still as bytes: without quotes, escapes, and the blanks around quotes."""

import re
from functools import lru_cache

from app.core.reading.records import Grammar, Record

NULL = b"\\N"
"""How databases write, with backslash escapes, that there is no value."""


def cells_of(data: bytes, record: Record, rules: Grammar) -> list[bytes]:
    """The cells of a record in its order."""
    cells: list[bytes] = []
    at = record.start
    for opening, closing in record.quoted:
        field = opening
        while field > at and data[field - 1] in rules.blanks:
            field -= 1
        if field > at:
            cells += _unquoted(data[at : field - 1], rules)
        end = _end_of_field(data, closing + 1, record.text_end, rules)
        cells.append(_quoted(data[opening:end], closing - opening, rules))
        at = end + 1
    if at <= record.text_end:
        cells += _unquoted(data[at : record.text_end], rules)
    return cells


def _unquoted(data: bytes, rules: Grammar) -> list[bytes]:
    """The cells of a stretch without quoted fields."""
    if not rules.backslash or b"\\" not in data:
        return data.split(rules.delimiter)
    patterns = _patterns(rules)
    fields = []
    at = 0
    while at <= len(data):
        end = patterns.field(data, at)
        fields.append(data[at:end])
        at = end + 1
    return [b"" if field == NULL else patterns.unescaped(field) for field in fields]


def _end_of_field(data: bytes, at: int, text_end: int, rules: Grammar) -> int:
    if rules.backslash:
        return _patterns(rules).field(data, at, text_end)
    end = data.find(rules.delimiter, at, text_end)
    return text_end if end < 0 else end


def _quoted(field: bytes, closing: int, rules: Grammar) -> bytes:
    """The content of a quoted field. If more follows the closing quote, quotes inside were meant to be ordinary."""
    quote = rules.quote or b""
    if rules.blanks:
        field = field[: closing + 1] + field[closing + 1 :].strip(rules.blanks)
    if closing != len(field) - 1 and not field.endswith(quote):
        return field
    if rules.backslash and b"\\" in field:
        return _patterns(rules).unescaped(field[1:-1])
    return field[1:-1].replace(quote + quote, quote)


class _Patterns:
    """What backslashes do in one dialect: they make a quote, a delimiter, a line end or a backslash ordinary.

    Before any other character they stand for themselves, as in C:\\Users.
    """

    def __init__(self, rules: Grammar) -> None:
        d, q = re.escape(rules.delimiter), re.escape(rules.quote or b"")
        self._field = re.compile(rb"(?:[^%b\\]++|\\.|\\\Z)*+" % d, re.DOTALL)
        doubled = rb"|(?P<quote>%b)%b" % (q, q) if q else rb"|(?P<quote>(?!))"
        self._escaped = re.compile(rb"\\(?P<plain>[\\\r\n%b%b])%b" % (d, q, doubled))

    def field(self, data: bytes, at: int, end: int | None = None) -> int:
        """Where the field that begins at `at` ends."""
        found = self._field.match(data, at, len(data) if end is None else end)
        return found.end() if found else at

    def unescaped(self, field: bytes) -> bytes:
        """The text that is meant."""
        return self._escaped.sub(lambda found: found["plain"] or found["quote"], field)


@lru_cache(maxsize=64)
def _patterns(rules: Grammar) -> _Patterns:
    return _Patterns(rules)
