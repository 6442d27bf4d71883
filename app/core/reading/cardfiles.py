"""vCard and LDIF for whoever handles files of any format: where to cut them, and how to read a segment of them.

Neither has columns or a dialect. Their pictures are left out before they are cut (`pictures.py`), so that a record of
more than 512 KB has that much of text: it is one problem, like an oversized row.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from app.core.contacts import Person
from app.core.events import ProblemOut, SegmentHeader
from app.core.reading import cards, ldif, vcard
from app.core.reading.pictures import without_pictures
from app.core.reading.plan import Format
from app.core.reading.problems import problem
from app.core.reading.records import line_ends
from app.core.reading.text import told

MAX_RECORDS = 8_000
"""A segment has at most so many cards or entries, fewer than there are positions for (8,192)."""


class Ends(Protocol):
    """The places where a text can be cut, in order; unless `final`, those that are certain. With `inside` the text
    begins in the middle of a record."""

    def __call__(self, text: bytes, *, final: bool, inside: bool) -> Iterator[int]: ...


class CardFile(NamedTuple):
    """What is done with a format. `begins` tells where the first record does in a text that has no end of one; -1: none
    is there. `count` tells how many records there are at most, even of what cannot be read."""

    ends: Ends
    begins: Callable[[bytes], int]
    count: Callable[[bytes], int]
    read: Callable[[bytes, SegmentHeader], tuple[list[Person], list[ProblemOut]]]


CARD_FILES: dict[Format, CardFile] = {
    "vcard": CardFile(cards.ends, cards.begins, cards.count, vcard.read),
    "ldif": CardFile(ldif.ends, ldif.begins, ldif.count, ldif.read),
}


def whole_records(text: bytes, format_: Format, *, final: bool, inside: bool = False, most: int = MAX_RECORDS) -> int:
    """How far the whole records go that a text begins with, `most` of them; 0: none ends there.

    If `final`, what is behind the last of them, and no record, is taken along.
    """
    ends = list(islice(CARD_FILES[format_].ends(text, final=final, inside=inside), most))
    if final and len(ends) < most:
        return len(text)
    return ends[-1] if ends else 0


def beginning(text: bytes, format_: Format, *, whole: bool, most: int) -> bytes:
    """The first records of the head of a file, without pictures. Of a record that is longer it is what there is."""
    slim = without_pictures(text, format_, whole=whole)
    return slim[: whole_records(slim, format_, final=whole, most=most)] or slim[: slim.rfind(b"\n") + 1]


def edge(text: bytes) -> int:
    """Where a record is cut that is too long: behind its last line, or else anywhere but inside a character."""
    size = text.rfind(b"\n") + 1 or len(text) - text.endswith(b"\r")
    while size and text[size - 1] & 0xC0 == 0x80 and len(text) - size < 4:
        size -= 1
    return size - (text[size - 1] >= 0xC0)


def read(data: bytes, header: SegmentHeader) -> tuple[list[Person], list[ProblemOut]]:
    """The people and the problems of a segment, both in order."""
    assert header.plan.format is not None
    file = CARD_FILES[header.plan.format]
    if not header.opens:
        return file.read(data, header)
    begins = -1 if header.continues else file.begins(data)
    if begins < 0:
        return [], []
    line = header.first_line + line_ends(data[:begins])
    return [], [problem("row_too_long", 0, line, (told(data[begins : begins + 1000]),))]
