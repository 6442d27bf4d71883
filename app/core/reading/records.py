"""Text -> records -> segments: one reading of quotes and line ends, for who cuts a file and for who reads a segment.

The rules, for a dialect with the quote `"` and the delimiter `,`:

- A field is quoted if it begins with a quote. In it a doubled quote is a quote; the first other one closes it.
- What follows a closing quote up to the next delimiter or line end belongs to the field (`stray`).
- A quote anywhere else is an ordinary character.
- A quoted field longer than 32 KB, or never closed, is taken back: from its quote on, all quotes are ordinary up to the
  next line end, where the record ends (`left_open`).
- LF, CR and CRLF are line ends. An empty line is not a record.

Cutting has no memory but the bytes since the last cut: each window of a fixed size is cut behind its last record end,
or, if it has none, looked at again at twice the size. 512 KB without any record end are one oversized record. It is
cut behind a delimiter, and the next segment begins as if with a new record: what comes first in it is the rest of the
oversized one (`continues`). So a cut depends on the bytes and the plan only, and whoever reads a segment finds in it
the record ends of the cutter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec

from app.core.errors import Rejected
from app.core.positions import MAX_INDEX
from app.core.reading.plan import Dialect, Plan
from app.core.reading.text import Decoder

KB = 1024
SEGMENT_BYTES = (16 * KB, 64 * KB, 128 * KB, 256 * KB, 512 * KB)
MAX_SEGMENT_BYTES = SEGMENT_BYTES[-1]
MAX_LINE_ENDS = 8_000
"""A segment has at most so many line ends, hence fewer records than positions (8,192); one record may have more."""
MAX_QUOTED_BYTES = 32 * KB

_CR, _LF = 0x0D, 0x0A
_NO_LINE_END = bytes(set(range(256)) - {_CR, _LF})
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
        self._quote = self.quote[0] if self.quote else -1
        self._edges = frozenset(self.delimiter + b"\r\n")
        self._line_end = re.compile(rb"[\r\n]")
        self._stop = self._close = self._line_end
        if self.quote is None:
            return
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        self._stop = re.compile(rb"%b(?=%b)|[\r\n]" % (d, q))
        # All possessive: each byte is looked at once, whatever the input.
        inside = rb"[^%b]*+(?:%b%b[^%b]*+)*+" % (q, q, q, q)
        self._close = re.compile(inside + q)
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
        opening = start if self.quote is not None and data.startswith(self.quote, start) else -1
        at = edge = start
        search, match = self._stop.search, self._close.match
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
                    stray = stray or data[at] not in self._edges
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
            at = found.start()
            if data[at] == _CR or data[at] == _LF:
                end = _behind_line_end(data, at, final=final)
                if end is None:
                    return Unfinished(max(data.rfind(self.delimiter, edge, at) + 1, edge))
                return Record(start, at, end, tuple(quoted), -1, stray)
            opening = at + 1

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
        end = len(data) - (not final and data.endswith(b"\r"))
        if self.quote is None or self.quote not in data:
            return end
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
    marks = data.translate(None, _NO_LINE_END)
    feeds = marks.count(b"\n")
    both = 0 < feeds < len(marks)
    return len(marks) - data.count(b"\r\n") if both else len(marks)


def _behind_line_end(data: bytes, at: int, *, final: bool) -> int | None:
    if data[at] == _LF:
        return at + 1
    if at + 1 == len(data):
        return at + 1 if final else None
    return at + 2 if data[at + 1] == _LF else at + 1


@dataclass(frozen=True, slots=True)
class Cut:
    """One segment: text from byte `start` to byte `end` of the import's text, beginning on line `first_line`."""

    index: int
    start: int
    end: int
    first_line: int
    opens: bool
    continues: bool
    data: bytes


class CutterState(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to go on cutting, and all that is known so far.

    `received` counts bytes of the file, `offset` bytes of text before the remainder, `lines` line ends before it,
    `index` segments. `held` belongs to the decoder, `remainder` (below 512 KB) is text that is not cut yet,
    `continues` says that it begins inside an oversized record.
    """

    received: int = 0
    offset: int = 0
    lines: int = 0
    index: int = 0
    held: bytes | None = b""
    continues: bool = False
    remainder: bytes = b""


class Cutter:
    """Cuts a file into segments while its bytes arrive, in whatever pieces."""

    def __init__(self, plan: Plan, state: CutterState | None = None) -> None:
        assert plan.dialect is not None
        state = state or CutterState()
        self._grammar = grammar(plan.dialect)
        # Preamble and header stay together in the first segment: there they are skipped.
        self._head_records = (plan.preamble or 0) + (plan.header or 0)
        self._decoder = Decoder(state.held)
        self._received = state.received
        self._offset = state.offset
        self._lines = state.lines
        self._index = state.index
        self._continues = state.continues
        self._pieces = [state.remainder] if state.remainder else []
        self._waiting = len(state.remainder)
        self._window = self._first_window()

    @property
    def state(self) -> CutterState:
        """What a cutter that goes on from here has to know; valid once all cuts so far are safe."""
        return CutterState(
            received=self._received,
            offset=self._offset,
            lines=self._lines,
            index=self._index,
            held=self._decoder.held,
            continues=self._continues,
            remainder=b"".join(self._pieces),
        )

    def feed(self, data: bytes) -> list[Cut]:
        """The next bytes of the file; the segments that they complete. Raises Rejected `too_many_parts`."""
        self._received += len(data)
        self._take(self._decoder.feed(data))
        return self._cut(final=False)

    def end(self) -> list[Cut]:
        """The file ends here; its last segments. Raises Rejected `too_many_parts`."""
        self._take(self._decoder.end())
        return self._cut(final=True)

    def _take(self, text: bytes) -> None:
        if text:
            self._pieces.append(text)
            self._waiting += len(text)

    def _cut(self, *, final: bool) -> list[Cut]:
        if self._waiting < self._window and not final:
            return []
        text = b"".join(self._pieces)
        cuts: list[Cut] = []
        at = 0
        while at < len(text):
            full = len(text) - at >= self._window
            if not full and not final:
                break
            # The last window is final only if it is short: a full one is cut as if more could come.
            window = text[at : at + self._window]
            found = self._first_of(window, final=not full)
            if found is None:
                self._window = min(2 * self._window, MAX_SEGMENT_BYTES)
                continue
            cuts.append(self._segment(window[: found.size], found))
            at += found.size
        self._pieces = [text[at:]] if at < len(text) else []
        self._waiting = len(text) - at
        return cuts

    def _segment(self, data: bytes, found: "_Found") -> Cut:
        if self._index > MAX_INDEX:
            raise Rejected("too_many_parts", "The file is too long to be imported at once; split it.")
        end = self._offset + found.size
        cut = Cut(self._index, self._offset, end, self._lines + 1, found.opens, self._continues, data)
        self._offset = end
        self._lines += found.lines
        self._index += 1
        self._continues = found.opens
        self._window = self._first_window()
        return cut

    def _first_window(self) -> int:
        return SEGMENT_BYTES[min(self._index, len(SEGMENT_BYTES) - 1)]

    def _first_of(self, window: bytes, *, final: bool) -> "_Found | None":
        """The segment that begins this window; None if its end is not in it."""
        for part in _crowded(window):
            found = self._whole_records(part, final=False)
            if found is not None:
                return found
        found = self._whole_records(window, final=final)
        if found is None and len(window) >= MAX_SEGMENT_BYTES:
            size = self._edge(window)
            return _Found(size, line_ends(window[:size]), opens=True)
        return found

    def _whole_records(self, window: bytes, *, final: bool) -> "_Found | None":
        least = 1
        if self._index == 0 and self._head_records:
            least = self._head_size(window, final=final)
            if least == 0:
                return None
        end = self._grammar.plain(window, final=final)
        found = None if end is None else self._by_parity(window, end, final=final)
        if found is None or found.size < least:
            found = self._by_walking(window, least, final=final)
        return found

    def _by_parity(self, window: bytes, end: int, *, final: bool) -> "_Found | None":
        certain = window if end == len(window) else window[:end]
        lines = line_ends(certain)
        if lines > MAX_LINE_ENDS:
            certain = certain[: _within_lines(certain)]
            lines = line_ends(certain)
        elif final:
            return _Found(end, lines)
        size = self._grammar.last_outside(certain, len(certain))
        return _Found(size, lines - line_ends(certain[size:])) if size else None

    def _by_walking(self, window: bytes, least: int, *, final: bool) -> "_Found | None":
        size = lines = 0
        for record in self._grammar.records(window, final=final, spans=False):
            more = line_ends(window[record.start : record.end])
            if lines + more > MAX_LINE_ENDS and size >= least:
                break
            size = record.end
            lines += more
        return _Found(size, lines) if size >= least else None

    def _head_size(self, window: bytes, *, final: bool) -> int:
        """Where preamble and header end; 0 if they go on behind the window."""
        left = self._head_records
        for record in self._grammar.records(window, final=final, spans=False):
            left -= record.text_end > record.start
            if left == 0:
                return record.end
        return len(window) if final else 0

    def _edge(self, window: bytes) -> int:
        """Where an oversized record is cut: before its last field, or else anywhere but inside a character or CRLF."""
        record = self._grammar.record(window, 0, final=False, spans=False)
        if isinstance(record, Unfinished) and record.edge:
            return record.edge
        size = len(window) - (window[-1] == _CR)
        while window[size - 1] & 0xC0 == 0x80 and len(window) - size < 4:
            size -= 1
        return size - (window[size - 1] >= 0xC0)


class _Found(NamedTuple):
    """A segment at the beginning of a window."""

    size: int
    lines: int
    opens: bool = False


def _crowded(window: bytes) -> Iterator[bytes]:
    """The shorter windows in which there are surely more line ends than a segment may have.

    Without them a file of very short lines would be looked at many times over.
    """
    marks = low = 0
    for size in SEGMENT_BYTES:
        if size >= len(window):
            return
        marks += len(window[low:size].translate(None, _NO_LINE_END))
        low = size
        if marks > 2 * MAX_LINE_ENDS:
            yield window[:size]


def _within_lines(data: bytes) -> int:
    """The length of a beginning with at most MAX_LINE_ENDS line ends, and not many fewer."""
    low, end, lines = 0, len(data), 0
    while end - low > 1:
        middle = (low + end) // 2
        middle += data[middle - 1] == _CR and data[middle] == _LF
        if middle == end:
            break
        more = line_ends(data[low:middle])
        if lines + more <= MAX_LINE_ENDS:
            low, lines = middle, lines + more
        else:
            end = middle
    return low
