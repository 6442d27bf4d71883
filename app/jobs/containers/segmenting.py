"""The texts of a container -> segments of one import, one text after another, with indexes that go on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from app.core.errors import Rejected
from app.core.positions import MAX_INDEX
from app.core.reading.cutting import Cut, Cutter
from app.jobs.containers.contents import Contents, Member, pieces
from app.jobs.outlet import Piece

STEP_BYTES = 512 * 1024


class Segmenter:
    """Cuts everything in `contents`. What was cut so far: `segments`, `size` in bytes of text, `lines`.

    Progress is told in bytes of the uploaded file, `received`: each text stands for its share of them.
    """

    def __init__(self, contents: Contents, received: int) -> None:
        self._contents = contents
        self._received = received
        self._before = 0
        self.segments = 0
        self.size = 0
        self.lines = 0

    def batches(self, texts: IO[bytes]) -> Iterator[list[Piece]]:
        """Segments, as many at a time as a bit of text completes. Raises Rejected `too_many_parts`."""
        for member in self._contents.members:
            yield from self._member(member, texts)
            self._before += member.end - member.start
        if self._contents.unread:
            yield [self._listing()]

    def _member(self, member: Member, texts: IO[bytes]) -> Iterator[list[Piece]]:
        cutter = Cutter(member.plan)
        first, long = self.segments, member.end - member.start
        for text in pieces(texts, member, STEP_BYTES):
            yield [self._piece(cut, member, first, min(cut.end, long)) for cut in cutter.feed(text)]
        cuts = cutter.end()
        ends = [min(cut.end, long) for cut in cuts[:-1]] + [long]
        yield [self._piece(cut, member, first, end) for cut, end in zip(cuts, ends, strict=False)]
        self.size += cutter.state.offset
        self.lines += cutter.state.lines

    def _piece(self, cut: Cut, member: Member, first: int, end: int) -> Piece:
        index = first + cut.index
        if index > MAX_INDEX:
            raise Rejected("too_many_parts", "There is too much in this file to be imported at once; split it.")
        self.segments = index + 1
        start = min(cut.start, member.end - member.start)
        shared = replace(cut, index=index, start=self._share(start), end=self._share(end))
        return Piece(shared, member.plan, member.name, begins=bool(member.name) and cut.index == 0)

    def _listing(self) -> Piece:
        """The segment for what was not read."""
        data = self._contents.listing
        cut = Cut(self.segments, self._share(0), self._share(len(data)), 1, False, False, data)
        self.segments += 1
        self.size += len(data)
        self.lines += len(self._contents.unread)
        return Piece(cut, self._contents.plan)

    def _share(self, offset: int) -> int:
        """Bytes of the uploaded file that stand for the texts before this one and so much of it."""
        return (self._before + offset) * self._received // max(1, self._contents.size)
