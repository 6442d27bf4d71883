"""The merge in PostgreSQL: the same rule as in the core, once per segment, for one workspace only."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from app.core.contacts import SCALARS, Contact, Email, Outcome, Person, Phone, absorb, contact_id, fold, match_key
from app.core.errors import TryAgain
from app.core.events import Counts, SegmentHeader, SourceOut
from app.core.positions import position
from app.core.reading.plan import Existing, Plan
from tests.importing import Segment, batch, imports
from tests.integration.conftest import Servers
from workers.importer import copytext, results
from workers.importer.store import SETTINGS, Cancelled, Conflict, Merged, Store, Stored
from workers.importer.understanding import as_staged


@pytest.fixture(scope="module")
async def store(servers: Servers) -> AsyncIterator[Store]:
    made = Store(servers.dsn("importer"), "test")
    await made.open()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def beside(servers: Servers) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection that looks at what is stored."""
    with psycopg.connect(servers.dsn("importer"), autocommit=True) as connection:
        yield connection


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
    """Merges a segment; what did not come back because it is as it was staged is there as if it had."""
    staged = fold(workspace, segment.rows, segment.existing)
    merged = await store.merge(header(workspace, segment), segment.existing, batch(staged))
    there = {each.id: each for each in await store.find(workspace, list(merged.alike))}
    sources = {second: SourceOut(import_id=str(second), source="file", at=second) for second in (100, 200, 300)}
    told = [as_staged(each, merged.alike[each.id], merged.at or 0.0) for each in staged if each.id in there]
    assert results.told(told, sources) == results.told(there.values(), sources)
    return merged._replace(found={**merged.found, **there})


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


def counted(outcomes: Counter[Outcome]) -> Counts:
    return Counts(**{str(outcome): count for outcome, count in outcomes.items()})


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_core_and_database_agree_in_any_order_repetition_and_cut(
    store: Store, beside: psycopg.Connection[TupleRow], data: st.DataObject
) -> None:
    """Whatever came how, equal contacts are also stored equally."""
    workspace = uuid4()
    segments = data.draw(imports(modes=("fill", "overwrite", "skip")))
    order = data.draw(st.permutations(segments + data.draw(st.lists(st.sampled_from(segments), max_size=2))))
    expected, outcomes = in_core(workspace, order)
    for segment in order:
        merged = await bring(store, workspace, segment)
        assert merged.counts == counted(outcomes[segment.second, segment.index])
    found = {stored.id: stored.contact for stored in await store.find(workspace, list(expected))}
    assert found == expected
    stamps = beside.execute(
        "select contact_id, stamp::text, coalesce(lower(stamps::text), %s) from contacts.contacts where workspace = %s",
        [copytext.NULL, workspace],
    ).fetchall()
    assert {id_.hex: (one, each) for id_, one, each in stamps} == {
        id_: copytext.stamps(each) for id_, each in expected.items()
    }


def one_row(second: int, index: int = 0, existing: Existing = "fill", **fields: str) -> Segment:
    return Segment(second, index, existing, ((person(**fields), position(second, index, 0)),))


def person(email: str = "ada@x.org", **fields: str) -> Person:
    scalars = tuple(fields.get(name, "") for name in SCALARS)
    emails = (Email(email),)
    return Person(row=0, line=1, match_key=match_key(scalars, emails) or "", scalars=scalars, emails=emails)


async def stored(store: Store, workspace: UUID, key: str = "e:ada@x.org") -> Stored:
    (found,) = await store.find(workspace, [contact_id(workspace, key).hex])
    return found


async def test_a_segment_seen_again_changes_nothing_and_answers_the_same(store: Store) -> None:
    workspace = uuid4()
    first = await bring(store, workspace, one_row(100, name="Ada"))
    await bring(store, workspace, one_row(200, name="X", title="Dr"))
    before = await stored(store, workspace)
    again = await bring(store, workspace, one_row(100, name="Ada"))
    assert again.counts == first.counts == Counts(created=1)
    assert [each.version for each in again.found.values()] == [2]
    assert await stored(store, workspace) == before


def of(person: Person, second: int, existing: Existing) -> Segment:
    return Segment(second, 0, existing, ((person, position(second, 0, 0)),))


OWN = (("k", "v"),)
PLAIN = person(name="Ada", title="Dr")._replace(labels=("vip",), phones=(Phone("+4912", "012", "work"),))


@pytest.mark.parametrize(
    ("before", "now", "existing", "outcome", "comes_back"),
    [
        (PLAIN, PLAIN, "fill", "unchanged", False),
        (PLAIN, PLAIN, "overwrite", "unchanged", False),
        (PLAIN, PLAIN, "skip", "unchanged", True),
        (PLAIN._replace(custom=OWN), PLAIN._replace(custom=OWN), "fill", "unchanged", False),
        (PLAIN._replace(custom=OWN), PLAIN._replace(custom=OWN), "overwrite", "unchanged", False),
        (
            PLAIN,
            person(name="Eve", title="Prof")._replace(labels=("vip",), phones=PLAIN.phones),
            "overwrite",
            "updated",
            False,
        ),
        (
            PLAIN,
            person(name="Eve", title="Prof")._replace(labels=("vip",), phones=PLAIN.phones),
            "fill",
            "unchanged",
            True,
        ),
        (PLAIN, PLAIN._replace(labels=("VIP",)), "overwrite", "updated", True),
        (PLAIN, PLAIN._replace(phones=(Phone("+4912", "012", "home"),)), "overwrite", "updated", True),
        (PLAIN, PLAIN._replace(custom=OWN), "overwrite", "updated", True),
        (PLAIN, PLAIN._replace(labels=()), "overwrite", "unchanged", True),
        (PLAIN, person(name="Ada"), "overwrite", "unchanged", True),
        (person(name='a "quote"'), person(name='a "quote"'), "overwrite", "unchanged", False),
        (PLAIN._replace(labels=('"',)), PLAIN._replace(labels=('"',)), "overwrite", "unchanged", True),
    ],
)
async def test_only_what_is_not_as_it_was_staged_comes_back_to_be_told(
    store: Store, before: Person, now: Person, existing: Existing, outcome: Outcome, comes_back: bool
) -> None:
    workspace = uuid4()
    await bring(store, workspace, of(before, 100, existing))
    segment = of(now, 200, existing)
    staged = fold(workspace, segment.rows, existing)
    merged = await store.merge(header(workspace, segment), existing, batch(staged))
    assert merged.counts == Counts(**{outcome: 1})
    assert (len(merged.found), len(merged.alike)) == ((1, 0) if comes_back else (0, 1))


async def test_a_text_that_looks_like_the_start_of_a_mark_is_not_taken_for_one(store: Store) -> None:
    """What differs is where the positions of the rows stand that wrote the marks."""
    workspace = uuid4()
    for second, outcome in ((100, "created"), (200, "updated"), (300, "updated")):
        label = f'x": [{position(second, 0, 0)}, '
        segment = of(person()._replace(emails=(Email("ada@x.org", label),)), second, "overwrite")
        assert (await bring(store, workspace, segment)).counts == Counts(**{outcome: 1})


async def test_the_same_index_with_other_bytes_is_refused_for_good(store: Store) -> None:
    workspace, segment = uuid4(), one_row(100, name="Ada")
    await bring(store, workspace, segment)
    with pytest.raises(Conflict):
        await store.merge(header(workspace, segment, crc=2), "fill", batch([]))


async def test_a_cancelled_segment_leaves_nothing_behind(store: Store) -> None:
    workspace, segment = uuid4(), one_row(100, name="Ada")
    staged = fold(workspace, segment.rows, "fill")
    with pytest.raises(Cancelled):
        await store.merge(header(workspace, segment), "fill", batch(staged), wanted=lambda: False)
    assert await store.find(workspace, [each.id for each in staged]) == []
    assert not await store.knows(header(workspace, segment))
    assert (await bring(store, workspace, segment)).counts == Counts(created=1)
    assert await store.knows(header(workspace, segment))


async def test_nobody_elses_contact_is_read_or_written(store: Store, servers: Servers) -> None:
    """The foreign row is planted under the very id that this workspace's contact has."""
    workspace, foreign = uuid4(), uuid4()
    await bring(store, foreign, one_row(100, name="Foreign", title="Keep"))
    planted = contact_id(workspace, "e:ada@x.org")
    with psycopg.connect(servers.dsn("importer")) as connection:
        connection.execute("update contacts.contacts set contact_id = %s where workspace = %s", [planted, foreign])
    assert await store.find(workspace, [planted.hex]) == []
    merged = await bring(store, workspace, one_row(300, existing="overwrite", name="Mine"))
    assert merged.counts == Counts(created=1)
    (kept,) = await store.find(foreign, [planted.hex])
    assert (kept.contact.values[0], kept.version, kept.contact.sources) == ("Foreign", 1, (100,))
    assert await store.sources(workspace, [100]) == {}
    assert not await store.knows(header(workspace, one_row(100)))


async def test_two_importers_with_one_segment_bring_it_in_once(store: Store, servers: Servers) -> None:
    workspace, segment = uuid4(), one_row(100, name="Ada")
    other = Store(servers.dsn("importer"), "other")
    await other.open()
    try:
        both = await asyncio.gather(bring(store, workspace, segment), bring(other, workspace, segment))
    finally:
        await other.close()
    assert [merged.counts for merged in both] == [Counts(created=1)] * 2
    assert (await stored(store, workspace)).version == 1


async def test_many_importers_on_the_same_people_do_not_deadlock(servers: Servers) -> None:
    workspace = uuid4()
    stores = [Store(servers.dsn("importer"), f"parallel {number}") for number in range(4)]

    async def work(number: int, store: Store) -> Counter[str]:
        await store.open()
        counts: Counter[str] = Counter()
        for index in range(5):
            second, at = 100 + number, position(100 + number, index, 0)
            people = [(person(f"p{key}@x.org", name=f"{number}"), at + key) for key in range(200)]
            merged = await bring(
                store, workspace, Segment(second, index, "overwrite", tuple(people[:: -1 if number % 2 else 1]))
            )
            counts.update(
                {name: getattr(merged.counts, name) for name in ("created", "updated", "unchanged", "duplicate")}
            )
        await store.close()
        return counts

    total: Counter[str] = Counter()
    for counts in await asyncio.gather(*(work(number, store) for number, store in enumerate(stores))):
        total.update(counts)
        assert counts["created"] + counts["updated"] + counts["unchanged"] == 200
    assert (total["created"], total["duplicate"]) == (200, 4 * 4 * 200)


@pytest.mark.parametrize("text", ["tab\t", "line\nbreak\r\n", "back\\slash \\N \\.", 'quote"', "’ 😀 \u2028", "{}"])
async def test_every_text_is_stored_as_it_came(store: Store, text: str) -> None:
    workspace = uuid4()
    rows = [(person(name=text, notes=text)._replace(labels=(text,), custom=((text, text),)), position(100, 0, 0))]
    await bring(store, workspace, Segment(100, 0, "fill", tuple(rows)))
    assert (await stored(store, workspace)).contact == fold(workspace, rows, "fill")[0].contact


async def test_what_people_removed_or_deleted_is_respected_by_both_alike(store: Store, servers: Servers) -> None:
    """Removals and deletions are made elsewhere; their marks are planted here."""
    workspace = uuid4()
    await bring(store, workspace, one_row(100, name="Ada"))
    planted = (await stored(store, workspace)).contact
    removed = planted._replace(sets={**planted.sets, "-eada@x.org": (position(200, 0, 0), "", 0)})
    deleted = planted._replace(
        values=("",) * 12, stamps=(None,) * 12, sets={}, deletion=position(200, 0, 0), last=position(200, 0, 0)
    )
    for start in (removed, deleted):
        core, target = start, uuid4()
        id_ = contact_id(target, "e:ada@x.org")
        with psycopg.connect(servers.dsn("importer")) as connection:
            connection.execute(
                "insert into contacts.contacts select (jsonb_populate_record(c, %s)).* from contacts.contacts c"
                " where workspace = %s",
                [
                    Jsonb(
                        {
                            "workspace": str(target),
                            "contact_id": str(id_),
                            "sets": core.sets,
                            "deletion": core.deletion,
                            "last": core.last,
                            **({"name": "", "stamp": 0} if core.deletion else {}),
                        }
                    ),
                    workspace,
                ],
            )
        for second in (150, 300):
            segment = one_row(second, existing="overwrite", name=f"from {second}", title="Dr")
            (staged,) = fold(target, segment.rows, "overwrite")
            core, outcome = absorb(core, staged.contact, "overwrite")
            merged = await bring(store, target, segment)
            assert merged.counts == Counts(**{outcome: 1})
            assert (await stored(store, target)).contact == core


async def test_imports_are_found_by_their_order_second(store: Store) -> None:
    workspace = uuid4()
    await bring(store, workspace, one_row(100))
    found = await store.sources(workspace, [100, 999])
    assert found == {100: SourceOut(import_id=str(UUID(int=workspace.int ^ 100)), source="file", at=100)}


def test_nothing_that_an_import_changes_is_in_an_index(servers: Servers) -> None:
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        indexed = connection.execute(
            "select a.attname from pg_index i"
            " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)"
            " where i.indrelid = 'contacts.contacts'::regclass order by 1"
        ).fetchall()
    assert [row[0] for row in indexed] == ["contact_id", "workspace"]


@pytest.mark.parametrize("limit", ["transaction_timeout", "idle_in_transaction_session_timeout"])
async def test_a_worker_paused_in_mid_transaction_loses_it_and_may_try_again(servers: Servers, limit: str) -> None:
    workspace, segment = uuid4(), one_row(100, name="Ada")
    staged = fold(workspace, segment.rows, "fill")
    paused = Store(servers.dsn("importer"), "paused", {**SETTINGS, limit: "1500ms"})
    await paused.open()

    def pause() -> bool:
        time.sleep(2)
        return True

    with pytest.raises(TryAgain):
        await paused.merge(header(workspace, segment), "fill", batch(staged), wanted=pause)
    assert await paused.find(workspace, [staged[0].id]) == []
    assert (await paused.merge(header(workspace, segment), "fill", batch(staged))).counts == Counts(created=1)
    await paused.close()


async def test_who_waits_too_long_for_a_lock_may_try_again(
    store: Store, beside: psycopg.Connection[TupleRow], servers: Servers
) -> None:
    workspace = uuid4()
    await bring(store, workspace, one_row(100, name="Ada"))
    waiting = Store(servers.dsn("importer"), "waiting", {**SETTINGS, "lock_timeout": "100ms"})
    await waiting.open()
    with beside.transaction():
        beside.execute("select from contacts.contacts where workspace = %s for update", [workspace])
        with pytest.raises(TryAgain):
            await bring(waiting, workspace, one_row(200, title="Dr"))
    assert (await bring(waiting, workspace, one_row(200, title="Dr"))).counts == Counts(updated=1)
    await waiting.close()
