"""A segment before it meets the database: who is in it, and what is to be written. Pure."""

from itertools import compress
from typing import NamedTuple

from app.core.contacts import Staged, fold, hex_ids
from app.core.events import SegmentHeader
from app.core.positions import position
from app.core.reading.blocks import Block
from app.core.reading.plan import Existing
from app.core.reading.segments import Reading
from workers.importer import columns, copytext, results
from workers.importer.store import Batch, Merged, Stored


class Understood(NamedTuple):
    """The contacts of a segment: those of one plain row each, with their ids, and all others, folded."""

    existing: Existing
    ids: list[str]
    block: Block | None
    staged: list[Staged]
    batch: Batch

    def created(self, segment: SegmentHeader, merged: Merged, sources: results.Sources) -> list[bytes]:
        """Those that the merge created, as they are told."""
        if merged.at is None:
            return []
        new = [Stored(id_, contact, 1, merged.at) for id_, contact, _ in self.staged if id_ not in merged.found]
        told = results.told(new, sources)
        chosen = [id_ not in merged.found for id_ in self.ids]
        if self.block is not None and any(chosen):
            block = self.block if all(chosen) else self.block.only(chosen)
            ids = list(compress(self.ids, chosen))
            told += columns.told(block, ids, sources[segment.order_second], merged.at)
        return told


def understand(segment: SegmentHeader, block: Block | None, reading: Reading, *, passed: int = 0) -> Understood:
    """Folds the rows of each contact, and writes down what is to be staged; `passed` rows were left out."""
    existing: Existing = segment.plan.existing or "fill"
    block, people = columns.apart(block, reading.people)
    placed = [(person, position(segment.order_second, segment.index, person.row)) for person in people]
    staged = fold(segment.workspace, placed, existing)
    lines = copytext.lines(staged)
    ids: list[str] = []
    if block is not None:
        ids = hex_ids(segment.workspace, block.keys())
        lines += columns.lines(block, ids, segment, existing)
    batch = Batch(lines, duplicate=len(people) - len(staged), rejected=len(reading.problems), passed=passed)
    return Understood(existing, ids, block, staged, batch)
