"""What is written and told of a block is byte for byte what is written and told of its people."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import fold, hex_ids
from app.core.events import SourceOut
from app.core.positions import position
from app.core.reading import blocks
from app.core.reading.plan import Existing, Plan
from tests.unit.reading.test_blocks import PLANS, ROWS, header, text
from workers.importer import columns, copytext, results
from workers.importer.store import Stored

SOURCE = SourceOut(import_id=str(UUID(int=2)), source="file", at=100)


@settings(max_examples=200)
@given(ROWS, PLANS, st.sampled_from(["fill", "overwrite", "skip"]))
def test_a_block_is_written_and_told_like_its_people(rows: list[list[str]], plan: Plan, existing: Existing) -> None:
    data = text(rows)
    segment = header(plan, len(data))
    read, reading = blocks.read(data, segment)
    block, people = columns.apart(read, reading.people)
    if block is None:
        return
    taken = set(block.keys())
    assert len(taken) == len(block.rows)
    assert taken.isdisjoint(person.match_key for person in people)
    ids = hex_ids(segment.workspace, block.keys())
    staged = fold(segment.workspace, [(each, position(100, 1, each.row)) for each in block.people()], existing)
    assert sorted(columns.lines(block, ids, segment, existing)) == copytext.lines(staged)
    stored = [Stored(id_, contact, 1, 1795443708.25) for id_, contact, _ in staged]
    told = columns.told(block, ids, SOURCE, 1795443708.25)
    assert sorted(told) == sorted(results.told(stored, {100: SOURCE}))
