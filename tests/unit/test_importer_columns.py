"""What is written and told of a block is byte for byte what is written and told of its people."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import fold, hex_ids
from app.core.events import Counts, SourceOut
from app.core.positions import position
from app.core.reading import blocks
from app.core.reading.plan import Existing, Plan
from tests.unit.reading.test_blocks import PLANS, ROWS, header, text
from workers.importer import columns, copytext
from workers.importer.store import Alike, Batch, Merged
from workers.importer.understanding import Understood

AT = 1795443708.25
SOURCES = {
    second: SourceOut(import_id=str(UUID(int=second)), source=kind, at=second)
    for second, kind in ((50, "google"), (100, "file"))
}
KNOWN = st.one_of(
    st.none(),
    st.builds(
        Alike,
        version=st.integers(2, 3),
        sources=st.sampled_from([(100,), (50, 100), (50, 70, 100)]),
        stamp=st.sampled_from([-position(50, 0, 7), -position(70, 0, 0), position(100, 1, 1)]),
    ),
)


@settings(max_examples=200)
@given(ROWS, PLANS, st.sampled_from(["fill", "overwrite", "skip"]), st.data())
def test_a_block_is_written_and_told_like_its_people(
    rows: list[list[str]], plan: Plan, existing: Existing, known: st.DataObject
) -> None:
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
    fields = {each.id: any(each.contact.values) for each in staged}
    alike = {id_: each._replace(stamp=each.stamp * fields[id_]) for id_ in ids if (each := known.draw(KNOWN))}
    merged = Merged({}, Counts(), AT, alike)
    by_columns = Understood(existing, ids, block, [], Batch([])).told(segment, merged, SOURCES)
    one_by_one = Understood(existing, [], None, staged, Batch([])).told(segment, merged, SOURCES)
    assert sorted(by_columns) == sorted(one_by_one)
