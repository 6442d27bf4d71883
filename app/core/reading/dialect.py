"""The first records of a text -> its delimiter, quotes and escapes.

Every delimiter that is there reads the beginning with plain quotes; the best two read it again with what else the
text gives reason for: `'` quotes, backslash escapes, blanks around quotes. What counts is a header with known words,
rows of one width, cells that are e-mail addresses, phone numbers or dates as a whole, and no quotes left over.
Bounded: at most 64 KB and 60 records are looked at, once per choice.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal, NamedTuple, cast

from msgspec.structs import replace

from app.core.reading import columns, header
from app.core.reading.plan import Dialect
from app.core.reading.records import grammar
from app.core.reading.segments import records

Delimiter = Literal[",", ";", "\t", "|", ":", "\x1f"]

DELIMITERS: dict[Delimiter, float] = {",": 0.0, ";": 0.0, "\t": 0.0, "|": 0.0, "\x1f": 0.0, ":": -1.5}
"""Each with what it has to make up for: a colon is often part of a time or a link."""
LOOKED_AT_BYTES = 64 * 1024
LOOKED_AT_RECORDS = 60
_VALUED_ROWS = 12
_VALUED_CELLS = 40
_SEPARATOR = re.compile(rb"\"?sep=(\\t|[,;\t|:\x1f])\"?[ \t]*[\r\n]", re.IGNORECASE)


class Beginning(NamedTuple):
    """The first rows of a text, and how many records of it are broken."""

    rows: list[list[str]]
    broken: int


def beginning(text: bytes, dialect: Dialect, *, whole: bool, count: int = LOOKED_AT_RECORDS) -> bytes:
    """The first `count` complete records of a text."""
    found = list(islice(grammar(dialect).records(text, final=whole), 2 * count))
    return text[: found[-1].end] if found else b""


def first_rows(text: bytes, dialect: Dialect, *, whole: bool, count: int = LOOKED_AT_RECORDS) -> Beginning:
    """The cells of the first records, those of broken ones as far as they can be told apart."""
    found, _ = records(beginning(text, dialect, whole=whole, count=count), dialect)
    cells = {row.number: list(row.cells) for row in found.rows} | {
        told.row: list(told.cells) for told in found.problems
    }
    return Beginning([cells[number] for number in sorted(cells)[:count]], len(found.problems))


def detect(text: bytes) -> Dialect:
    """The likeliest dialect of a text; a row cut at the end does no harm."""
    head = text[:LOOKED_AT_BYTES]
    choices = [_Choice.of(head, Dialect(delimiter=each, quote='"', escape="doubled")) for each in _delimiters(head)]
    choices.sort(key=lambda choice: -choice.score)
    for choice in choices[:2]:
        choices += [_Choice.of(head, variant) for variant in _variants(head, choice.dialect)]
    return max(choices, key=lambda choice: choice.score).dialect


def _delimiters(head: bytes) -> Sequence[Delimiter]:
    """The delimiter that the first line names, or all that are there."""
    named = _SEPARATOR.match(head)
    if named:
        return [cast(Delimiter, named[1].decode().replace("\\t", "\t"))]
    return [each for each in DELIMITERS if each.encode() in head] or [","]


def _variants(head: bytes, plain: Dialect) -> Iterator[Dialect]:
    """What else than plain quotes the text gives reason for."""
    d = re.escape(plain.delimiter.encode())
    single = len(re.findall(rb"(?:%b[ \t]*|[\r\n]|\A)'" % d, head)) >= 2 and re.search(
        rb"'[ \t]*(?:%b|[\r\n])" % d, head
    )
    backslash = re.search(rb"\\[\"'\\%b]|\\N(?:%b|[\r\n])" % (d, d), head)
    blanks = re.search(rb"%b[ \t]+[\"']" % d if plain.delimiter != "\t" else rb"\t +[\"']", head)
    quotes: tuple[Literal['"', "'"], ...] = ('"', "'") if single else ('"',)
    escapes: tuple[Literal["doubled", "backslash"], ...] = ("doubled", "backslash") if backslash else ("doubled",)
    for quote, escape, trim in product(quotes, escapes, (False, True) if blanks else (False,)):
        variant = replace(plain, quote=quote, escape=escape, trim=trim)
        if variant != plain and not (escape == "backslash" and _doubles(head, replace(variant, escape="doubled"))):
            yield variant


def _doubles(head: bytes, dialect: Dialect) -> bool:
    """Whether a text has doubled quotes, and none but those at the edges of fields: then a backslash is one."""
    quote = (dialect.quote or "").encode()
    text = beginning(head, dialect, whole=False)
    return quote * 2 in text and grammar(dialect).plain(text, final=True) is not None


@dataclass(frozen=True, slots=True)
class _Choice:
    dialect: Dialect
    score: float

    @classmethod
    def of(cls, head: bytes, dialect: Dialect) -> "_Choice":
        found = first_rows(head, dialect, whole=True)
        return cls(dialect, _score(found, dialect) + DELIMITERS[dialect.delimiter])


def _score(found: Beginning, dialect: Dialect) -> float:
    if not found.rows:
        return 0.0
    where = header.find(found.rows)
    rows = found.rows[where.preamble :]
    widths = [len(row) for row in rows]
    usual = max(set(widths), key=widths.count)
    faults = 2.0 * (_leftovers(rows, dialect) + found.broken) / len(found.rows)
    if usual == 1:
        return where.known - faults
    even = min(usual, 10) * widths.count(usual) / len(widths)
    return 3.0 * where.known + even + _valued(rows[where.header :]) - faults


def _valued(rows: Sequence[Sequence[str]]) -> float:
    """How many cells of a row are, as a whole, e-mail addresses, phone numbers, links or dates; at most 4."""
    some = rows[:_VALUED_ROWS]
    cells = [cell.strip() for row in some for cell in row[:_VALUED_CELLS]]
    return min(sum(map(columns.is_value, filter(None, cells))) / max(len(some), 1), 4.0)


def _leftovers(rows: Sequence[Sequence[str]], dialect: Dialect) -> int:
    """How many rows have cells with quotes or escapes that should have been taken away."""
    return sum(any(_LEFT_OVER.fullmatch(cell[:300]) for cell in row[:_VALUED_CELLS]) for row in rows)


_LEFT_OVER = re.compile(r"""\s*".*|.*"\s*|'.+'|.*\\["'].*|\\N""", re.DOTALL)
