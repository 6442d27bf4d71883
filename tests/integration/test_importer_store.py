"""The merge in PostgreSQL: the same rule as in the core, once per segment, for one workspace only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.contacts import Contact, Outcome, Staged, absorb, fold
from app.core.events import Counts, SegmentHeader
from app.core.reading.plan import Existing, Plan
from tests.importing import Segment, imports
from tests.integration.conftest import Servers
from workers.harness import Hopeless
from workers.importer.store import Cancelled, Merged, Store


@pytest.fixture(scope="module")
async def store(servers: Servers) -> AsyncIterator[Store]:
    made = Store(servers.dsn("importer"), "test")
    await made.open()
    yield made
    await made.close()


def header(workspace: UUID, segment: Segment, *, crc: int = 1) -> SegmentHeader:
    return SegmentHeader(
        workspace=workspace,
        import_id=UUID(int=workspace.int ^ segment.second),
        index=segment.index,
        order_second=segment.second,
        start=0,
        end=0,
        first_line=1,
        crc32c=crc,
        plan=Plan(existing=segment.existing),
    )


async def bring(store: Store, workspace: UUID, segment: Segment) -> Merged:
    staged = fold(workspace, segment.rows, segment.existing)
    return await store.merge(header(workspace, segment), segment.existing, staged, 0)


def in_core(
    workspace: UUID, segments: Iterable[Segment]
) -> tuple[dict[str, Contact], dict[tuple[int, int], Counter[Outcome]]]:
    """What the core makes of these segments, and the outcomes of each."""
    stored: dict[str, Contact] = {}
    outcomes: dict[tuple[int, int], Counter[Outcome]] = {}
    for segment in segments:
        if (segment.second, segment.index) in outcomes:
            continue
        counts = outcomes[segment.second, segment.index] = Counter()
        for staged in fold(workspace, segment.rows, segment.existing):
            stored[staged.id], outcome = absorb(stored.get(staged.id), staged.contact, segment.existing)
            counts[outcome] += 1
            counts["duplicate"] += staged.rows - 1
    return stored, outcomes


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_core_and_database_agree_in_any_order_repetition_and_cut(store: Store, data: st.DataObject) -> None:
    workspace = uuid4()
    segments = data.draw(imports(modes=("fill", "overwrite", "skip")))
    order = data.draw(st.permutations(segments + data.draw(st.lists(st.sampled_from(segments), max_size=2))))
    expected, outcomes = in_core(workspace, order)
    for segment in order:
        merged = await bring(store, workspace, segment)
        assert merged.counts == Counts(**outcomes[segment.second, segment.index])
    found = {stored.id: stored.contact for stored in await store.find(workspace, list(expected))}
    assert found == expected
