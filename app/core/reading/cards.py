"""Where the cards of a vCard text begin and end. One implementation for whoever cuts a text and whoever reads it.

A card ends behind END:VCARD or, if somebody forgot that line, before the next BEGIN:VCARD. Words that belong to
another card inside (AGENT) or to a quoted-printable value do not count. What is between cards is nobody's.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_MARK = re.compile(rb":(?i:VCARD)[ \t]*+(?=\r|\n|\Z|(?:\xef\xbb\xbf)?(?i:BEGIN:VCARD))")
_BOM = b"\xef\xbb\xbf"
_AGENT = re.compile(rb"(?i:AGENT)(?:;[^:]*)?:[ \t]*")
_QUOTED_PRINTABLE = re.compile(rb"[^:]*(?i:QUOTED-PRINTABLE)")
_LINE_BYTES = 2_000
"""A line of quoted-printable has 76 characters; no line that is longer is looked at."""


class Card(NamedTuple):
    """A card from byte `start` to byte `end`; `ended` is False if END:VCARD is missing."""

    start: int
    end: int
    ended: bool


def cards(text: bytes, *, final: bool = True, inside: bool = False) -> Iterator[Card]:
    """The cards of a text, in order; unless `final`, those that are surely complete.

    With `inside` the text begins in the middle of a card: the first one given is the rest of that, maybe empty.
    """
    start = 0 if inside else -1
    depth = 0
    joined = 0
    for mark in _MARK.finditer(text):
        if mark.end() == len(text) and not final:
            return
        at = mark.start()
        if text[max(at - 5, 0) : at].upper() == b"BEGIN":
            begin = at - 5
            agent = start >= 0 and _belongs_to_agent(text, begin)
            if not (agent or _begins_line(text, begin, joined)) or _is_text(text, begin):
                continue
            if agent:
                depth += 1
                continue
            if start >= 0:
                yield Card(start, begin, ended=False)
            start, depth = begin, 0
        elif text[max(at - 3, 0) : at].upper() == b"END":
            begin = at - 3
            if start < 0 or not _begins_line(text, begin, joined) or _is_text(text, begin):
                continue
            joined = mark.end()
            if depth:
                depth -= 1
                continue
            end = _behind_line_end(text, mark.end())
            if end == len(text) and text.endswith(b"\r") and not final:
                return
            yield Card(start, end, ended=True)
            start = -1
    if final and start >= 0:
        yield Card(start, len(text), ended=False)


def ends(text: bytes, *, final: bool, inside: bool) -> Iterator[int]:
    """Where a text can be cut: behind each card."""
    return (card.end for card in cards(text, final=final, inside=inside))


def begins(text: bytes) -> int:
    """Where the first card begins; -1: there is none."""
    return next((card.start for card in cards(text)), -1)


def count(text: bytes) -> int:
    """How many cards there are."""
    return sum(1 for _ in cards(text))


def _begins_line(text: bytes, at: int, joined: int) -> bool:
    """Whether a line begins here. Files that were put together without a line end go on behind END:VCARD."""
    if at == 0 or text[at - 1] in b"\r\n" or at == joined:
        return True
    return text.endswith(_BOM, 0, at) and (at - 3 in (0, joined) or text[at - 4] in b"\r\n")


def _belongs_to_agent(text: bytes, at: int) -> bool:
    """Whether the card that begins here is the value of AGENT, on the same line or below."""
    before = text[max(at - _LINE_BYTES, 0) : at].rstrip(b"\r\n \t")
    line = before[max(before.rfind(b"\n"), before.rfind(b"\r")) + 1 :]
    return _AGENT.fullmatch(line) is not None


def _is_text(text: bytes, at: int) -> bool:
    """Whether the line that begins here continues a quoted-printable value."""
    while True:
        end = at - 1 - text.endswith(b"\r\n", 0, at)
        if end < 1 or not text.endswith(b"=", 0, end):
            return False
        least = max(end - _LINE_BYTES, 0)
        at = max(text.rfind(b"\n", least, end), text.rfind(b"\r", least, end), least - 1) + 1
        if _QUOTED_PRINTABLE.match(text, at, end):
            return True


def _behind_line_end(text: bytes, at: int) -> int:
    return at + 2 if text.startswith(b"\r\n", at) else at + (text[at : at + 1] in (b"\r", b"\n"))
