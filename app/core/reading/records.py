"""Text -> records: one reading of quotes and line ends, for who cuts a file and for who reads a segment.

The rules, for a dialect with the quote `"` and the delimiter `,`:

- A field is quoted if it begins with a quote. In it a doubled quote is a quote; the first other one closes it.
- What follows a closing quote up to the next delimiter or line end belongs to the field (`stray`).
- A quote anywhere else is an ordinary character.
- A quoted field longer than 32 KB, or never closed, is taken back: from its quote on, all quotes are ordinary up to the
  next line end, where the record ends (`left_open`).
- LF, CR and CRLF are line ends. An empty line is not a record.
- With backslash escapes, what follows a backslash is an ordinary character, in quotes and outside of them.
- With `trim`, blanks before an opening and behind a closing quote are not there.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from app.core.reading.plan import Dialect

KB = 1024
MAX_QUOTED_BYTES = 32 * KB

CR, LF = 0x0D, 0x0A
NO_LINE_END = bytes(set(range(256)) - {CR, LF})
_LOOKS = 64
"""So often a line end inside quotes is passed over before the records are walked instead; keeps time linear."""


class Record(NamedTuple):
    """One record as offsets into the data. `text_end` is where its line end begins, `end` where the next record begins.

    `quoted` holds the opening and the closing quote of each quoted field; `open_at` is the quote that was taken back,
    or -1; `stray` says that something follows a closing quote.
    """

    start: int
    text_end: int
    end: int
    quoted: tuple[tuple[int, int], ...]
    open_at: int
    stray: bool


class Unfinished(NamedTuple):
    """A record whose end is not in the data. `edge` is where its last field begins that surely begins there."""

    edge: int


class Grammar:
    """Record ends and quotes of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.delimiter = dialect.delimiter.encode()
        self.quote = dialect.quote.encode() if dialect.quote else None
        self.blanks = b" \t".replace(self.delimiter, b"") if dialect.trim else b""
        self.backslash = dialect.escape == "backslash"
        self._quote = self.quote[0] if self.quote else -1
        self._edges = frozenset(self.delimiter + b"\r\n")
        self._line_end = re.compile(rb"[\r\n]")
        # All possessive: each byte is looked at once, whatever the input.
        d, q = re.escape(self.delimiter), re.escape(self.quote or b"")
        blanks = rb"[%b]*+" % self.blanks if self.blanks else b""
        opens = rb"%b(?=%b%b)" % (d, blanks, q) if self.quote else rb"(?!)"
        self._first = re.compile(blanks + q) if self.quote else re.compile(rb"(?!)")
        if self.backslash:
            ordinary = rb"(?:[^%b\r\n\\]++|\\.|(?!%b)%b)*+" % (d, opens, d)
            self._stop = re.compile(rb"%b(?:%b|[\r\n])" % (ordinary, opens), re.DOTALL)
            inside = rb"[^%b\\]*+(?:(?:%b%b|\\.)[^%b\\]*+)*+" % (q, q, q, q) if q else b""
        else:
            self._stop = re.compile(rb"%b|[\r\n]" % opens) if self.quote else self._line_end
            inside = rb"[^%b]*+(?:%b%b[^%b]*+)*+" % (q, q, q, q) if q else b""
        self._close = re.compile(inside + q, re.DOTALL)
        if self.quote is None:
            return
        # Text with quoted fields between two field edges. The literal quote comes first: so the search is a memchr.
        edges = rb"%b\r\n" % d
        field = rb"%b(?<![^%b]%b)%b%b" % (q, edges, q, inside, q)
        self._plain = re.compile(rb"[^%b]*+(?:%b(?=[%b]|\Z)[^%b]*+)*+" % (q, field, edges, q))
        self._plain_so_far = re.compile(rb"[^%b]*+(?:%b(?=[%b])[^%b]*+)*+" % (q, field, edges, q))
        self._tail = re.compile(rb"%b(?<![^%b]%b)%b%b?" % (q, edges, q, inside, q))
        self._at_edge = re.compile(rb"[%b]%b[^%b]|[^%b]%b[%b]" % (edges, q, q, q, q, edges))

    def records(self, data: bytes, *, final: bool = True, spans: bool = True) -> Iterator[Record]:
        """The records of `data`, empty lines included. Unless `final`, only those whose end is certain."""
        start = 0
        while start < len(data):
            record = self.record(data, start, final=final, spans=spans)
            if isinstance(record, Unfinished):
                return
            yield record
            start = record.end

    def record(self, data: bytes, start: int, *, final: bool, spans: bool = True) -> Record | Unfinished:
        """The record that begins at `start`; without `spans` its quoted fields are not noted down."""
        quoted: list[tuple[int, int]] = []
        stray = False
        first = self._first.match(data, start)
        opening = first.end() - 1 if first else -1
        at = edge = start
        search = self._stop.match if self.backslash else self._stop.search
        match = self._close.match
        size, quote = len(data), self._quote
        while True:
            if opening >= 0:
                limit = opening + MAX_QUOTED_BYTES + 2
                closed = match(data, opening + 1, limit)
                if closed is None:
                    if size < limit and not final:
                        return Unfinished(opening)
                    return self._taken_back(data, start, tuple(quoted), opening, final=final)
                at = closed.end()
                if at < size:
                    # The limit may have hidden that the quote is the first of two.
                    if at == limit and data[at] == quote:
                        return self._taken_back(data, start, tuple(quoted), opening, final=final)
                    behind = self._behind_blanks(data, at)
                    stray = stray or (behind < size and data[behind] not in self._edges)
                elif not final:
                    return Unfinished(opening)
                if spans:
                    quoted.append((opening, at - 1))
                edge, opening = opening, -1
            found = search(data, at)
            if found is None:
                if final:
                    return Record(start, size, size, tuple(quoted), -1, stray)
                return Unfinished(max(data.rfind(self.delimiter, at) + 1, edge))
            at = found.end() - 1
            if data[at] == CR or data[at] == LF:
                end = _behind_line_end(data, at, final=final)
                if end is None:
                    return Unfinished(max(data.rfind(self.delimiter, edge, at) + 1, edge))
                return Record(start, at, end, tuple(quoted), -1, stray)
            opening = self._behind_blanks(data, at + 1)

    def _behind_blanks(self, data: bytes, at: int) -> int:
        while self.blanks and at < len(data) and data[at] in self.blanks:
            at += 1
        return at

    def _taken_back(
        self, data: bytes, start: int, quoted: tuple[tuple[int, int], ...], opening: int, *, final: bool
    ) -> Record | Unfinished:
        found = self._line_end.search(data, opening)
        at = len(data) if found is None else found.start()
        end = (len(data) if final else None) if found is None else _behind_line_end(data, at, final=final)
        if end is None:
            return Unfinished(max(data.rfind(self.delimiter, opening, at) + 1, opening))
        return Record(start, at, end, quoted, opening, False)

    def plain(self, data: bytes, *, final: bool) -> int | None:
        """Up to where quotes stand at field edges only, all closed within 32 KB: there, parity tells in from out.

        None if some quote does not, so that the records have to be walked. Unless `final`, a field that touches the
        end of the data, and a CR there, are left out.
        """
        if self.backslash and b"\\" in data:
            return None
        end = len(data) - (not final and data.endswith(b"\r"))
        if self.quote is None or self.quote not in data:
            return end
        if self.blanks:
            return None
        found = self._plain.match(data) if final else self._plain_so_far.match(data)
        upto = found.end() if found else 0
        if upto < len(data):
            tail = None if final else self._tail.fullmatch(data, upto)
            if tail is None or len(data) - upto > MAX_QUOTED_BYTES:
                return None
            end = upto
        return None if self._may_hold_long_field(data, upto) else end

    def _may_hold_long_field(self, data: bytes, end: int) -> bool:
        """Whether a quoted field in plain data may be longer than 32 KB: then it fills a block, with no edge in it."""
        block = MAX_QUOTED_BYTES // 2
        if end <= MAX_QUOTED_BYTES:
            return False
        quote = self.quote or b""
        quotes = 0
        for at in range(0, end, block):
            # Between the halves of a doubled quote, parity says "outside".
            inside = quotes % 2 or data.startswith(2 * quote, max(at - 1, 0))
            if inside and self._at_edge.search(data, at, at + block) is None:
                return True
            quotes += data.count(quote, at, at + block)
        return False

    def last_outside(self, data: bytes, end: int) -> int:
        """Behind the last line end byte before `end` that is outside quotes, in plain data; 0: not found quickly."""
        quotes = 0 if self.quote is None else data.count(self.quote, 0, end)
        for _ in range(_LOOKS):
            at = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
            if at == 0 or self.quote is None:
                return at
            quotes -= data.count(self.quote, at, end)
            if quotes % 2 == 0:
                return at
            # Inside a quoted field, which has no outside before its opening quote: that is this one or an earlier one.
            end = data.rfind(self.quote, 0, at)
            quotes -= 1
        return 0


@lru_cache(maxsize=64)
def grammar(dialect: Dialect) -> Grammar:
    """The grammar of a dialect; each is built once."""
    return Grammar(dialect)


def line_ends(data: bytes) -> int:
    """How many line ends there are; CRLF is one."""
    marks = data.translate(None, NO_LINE_END)
    feeds = marks.count(b"\n")
    both = 0 < feeds < len(marks)
    return len(marks) - data.count(b"\r\n") if both else len(marks)


def _behind_line_end(data: bytes, at: int, *, final: bool) -> int | None:
    if data[at] == LF:
        return at + 1
    if at + 1 == len(data):
        return at + 1 if final else None
    return at + 2 if data[at + 1] == LF else at + 1
