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
from workers.importer.store import Alike, Batch, Merged, Stored


class Understood(NamedTuple):
    """The contacts of a segment: those of one plain row each, with their ids, and all others, folded."""

    existing: Existing
    ids: list[str]
    block: Block | None
    staged: list[Staged]
    batch: Batch

    def told(self, segment: SegmentHeader, merged: Merged, sources: results.Sources) -> list[bytes]:
        """Those that are as they were staged, created or known before, as they are told."""
        if merged.at is None:
            return []
        found, alike = merged.found, merged.alike
        same = [as_staged(each, alike.get(each.id), merged.at) for each in self.staged if each.id not in found]
        told = results.told(same, sources)
        chosen = [id_ not in found for id_ in self.ids]
        if self.block is not None and any(chosen):
            block = self.block if all(chosen) else self.block.only(chosen)
            ids = list(compress(self.ids, chosen))
            beside = list(map(alike.get, ids)) if alike else [None] * len(ids)
            told += columns.told(block, ids, segment.order_second, beside, sources, merged.at)
        return told


def as_staged(staged: Staged, alike: Alike | None, at: float) -> Stored:
    """A contact as it now is, which is as it was staged."""
    id_, contact, _ = staged
    if alike is None:
        return Stored(id_, contact, 1, at)
    stamps = tuple([alike.stamp if value else None for value in contact.values])
    # `born` was lower still, but is only asked for whether anything is from another import.
    contact = contact._replace(stamps=stamps, sources=alike.sources, born=abs(alike.stamp))
    return Stored(id_, contact, alike.version, at)


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
