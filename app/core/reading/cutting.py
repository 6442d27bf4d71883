"""Bytes of a file -> segments of its text, while they arrive.

Cutting has no memory but the bytes since the last cut: each window of a fixed size is cut behind its last record end,
or, if it has none, looked at again at twice the size. 512 KB without any record end are one oversized record. It is
cut behind a delimiter, and the next segment begins as if with a new record: what comes first in it is the rest of the
oversized one (`continues`). So a cut depends on the bytes and the plan only, and whoever reads a segment finds in it
the record ends of the cutter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from app.core.errors import Rejected
from app.core.positions import MAX_INDEX
from app.core.reading.cardfiles import CARD_FILES, edge, whole_records
from app.core.reading.pictures import Pictures, PicturesState
from app.core.reading.plan import Format, Plan
from app.core.reading.records import CR, LF, NO_LINE_END, Unfinished, grammar, line_ends
from app.core.reading.text import Decoder, DecoderState

KB = 1024
SEGMENT_BYTES = (16 * KB, 64 * KB, 128 * KB, 256 * KB, 512 * KB)
MAX_SEGMENT_BYTES = SEGMENT_BYTES[-1]
MAX_LINE_ENDS = 8_000
"""A segment has at most so many line ends, hence fewer records than positions (8,192); one record may have more."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One segment: text from byte `start` to byte `end` of the import's text, beginning on line `first_line`.

    Of vCards and LDIF the pictures in between are counted, but not in `data`.
    """

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
    `index` segments. `remainder` (below 512 KB) is text that is not cut yet, `continues` says that it begins inside an
    oversized record.
    """

    received: int = 0
    offset: int = 0
    lines: int = 0
    index: int = 0
    decoder: DecoderState = DecoderState()
    continues: bool = False
    remainder: bytes = b""
    pictures: PicturesState = PicturesState()


class Cutter:
    """Cuts a file into segments while its bytes arrive, in whatever pieces."""

    def __init__(self, plan: Plan, state: CutterState | None = None) -> None:
        state = state or CutterState()
        self._cards: Format | None = plan.format if plan.format in CARD_FILES else None
        self._pictures = None if self._cards is None else Pictures(self._cards, state.pictures)
        if self._cards is None:
            assert plan.dialect is not None
            self._grammar = grammar(plan.dialect)
        # Preamble and header stay together in the first segment: there they are skipped.
        self._head_records = (plan.preamble or 0) + (plan.header or 0)
        self._decoder = Decoder(plan.encoding or "utf-8", plan.repair, state.decoder)
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
            decoder=self._decoder.state,
            continues=self._continues,
            remainder=b"".join(self._pieces),
            pictures=PicturesState() if self._pictures is None else self._pictures.state,
        )

    def feed(self, data: bytes) -> list[Cut]:
        """The next bytes of the file; the segments that they complete. Raises Rejected `too_many_parts`."""
        self._received += len(data)
        self._take(self._decoder.feed(data))
        return self._cut(final=False)

    def end(self) -> list[Cut]:
        """The file ends here; its last segments. Raises Rejected `too_many_parts`."""
        self._take(self._decoder.end())
        if self._pictures is not None:
            self._add(self._pictures.end())
        return self._cut(final=True)

    def _take(self, text: bytes) -> None:
        self._add(text if self._pictures is None else self._pictures.feed(text))

    def _add(self, text: bytes) -> None:
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
        if self._pictures is not None:
            end += self._pictures.left_out(found.size)
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
        if self._cards is not None:
            return self._of_cards(window, self._cards, final=final)
        for part in _crowded(window):
            found = self._whole_records(part, final=False)
            if found is not None:
                return found
        found = self._whole_records(window, final=final)
        if found is None and len(window) >= MAX_SEGMENT_BYTES:
            size = self._edge(window)
            return _Found(size, line_ends(window[:size]), opens=True)
        return found

    def _of_cards(self, window: bytes, format_: Format, *, final: bool) -> "_Found | None":
        size = whole_records(window, format_, final=final, inside=self._continues)
        opens = size == 0 and len(window) >= MAX_SEGMENT_BYTES
        if opens:
            size = edge(window)
        return _Found(size, line_ends(window[:size]), opens) if size else None

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
        size = len(window) - (window[-1] == CR)
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
        marks += len(window[low:size].translate(None, NO_LINE_END))
        low = size
        if marks > 2 * MAX_LINE_ENDS:
            yield window[:size]


def _within_lines(data: bytes) -> int:
    """The length of a beginning with at most MAX_LINE_ENDS line ends, and not many fewer."""
    low, end, lines = 0, len(data), 0
    while end - low > 1:
        middle = (low + end) // 2
        middle += data[middle - 1] == CR and data[middle] == LF
        if middle == end:
            break
        more = line_ends(data[low:middle])
        if lines + more <= MAX_LINE_ENDS:
            low, lines = middle, lines + more
        else:
            end = middle
    return low
