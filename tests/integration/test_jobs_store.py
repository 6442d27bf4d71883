"""The schema `jobs` on a real PostgreSQL: requests, order seconds, compare-and-set, and who sees what."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from uuid import UUID, uuid4, uuid5

import pytest

from app import sql
from app.core.errors import Rejected
from app.core.imports import Failure
from app.core.reading.plan import Plan
from app.jobs.jobs import Job
from app.jobs.store import Overtaken, Store
from tests.integration.conftest import Servers
from tests.jobs import new_job

NOW = 1_900_000_000.5


@pytest.fixture
async def pool(servers: Servers) -> AsyncIterator[sql.Pool]:
    made = sql.make_pool(servers.dsn("jobs"), "test")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def store(pool: sql.Pool) -> Store:
    return Store(pool)


@pytest.fixture
async def workspace(pool: sql.Pool) -> AsyncIterator[UUID]:
    made = uuid4()
    yield made
    async with sql.tenant(pool, made) as connection:
        await connection.execute("delete from jobs.imports")


def job(workspace: UUID, key: str = "k", **fields: object) -> Job:
    asked: dict[str, object] = {"size": 10, "channel": "c", "given": Plan(existing="skip"), "requested_at": NOW}
    return new_job(workspace, uuid5(workspace, key), **{**asked, **fields})


async def create(store: Store, made: Job, *, open_uploads: int = 99, active_since: float = 0.0) -> Job:
    return await store.create(made, open_uploads=open_uploads, active_since=active_since)


async def test_what_is_written_is_read(store: Store, workspace: UUID) -> None:
    created = await create(store, job(workspace))
    assert await store.find(workspace, created.id) == created
    claimed = await store.claim(created, NOW)
    kept = await store.keep(
        replace(
            claimed,
            phase="failed",
            received=7,
            checksum=2**32 - 1,
            plan=Plan(format="csv"),
            head=b"head",
            cutter=b"\x00cutter",
            failure=Failure(code="empty", detail="Nothing."),
        ),
        NOW,
    )
    assert await store.claim(kept, NOW) == replace(kept, version=kept.version + 1)
    light = await store.find(workspace, created.id)
    assert light is not None
    assert (light.head, light.cutter) == (None, None)


async def test_order_seconds_are_unique_and_never_before_now(store: Store, workspace: UUID) -> None:
    made = await asyncio.gather(*(create(store, job(workspace, f"k{n}")) for n in range(20)))
    seconds = sorted(each.order_second for each in made)
    assert seconds == [int(NOW) + n for n in range(20)]
    later = await create(store, job(workspace, "later", requested_at=NOW + 1000))
    assert later.order_second == int(NOW) + 1000
    clock_went_back = await create(store, job(workspace, "back", requested_at=NOW - 5000))
    assert clock_went_back.order_second == int(NOW) + 1001


@pytest.mark.parametrize("site", range(3))
async def test_each_data_centre_has_its_own_order_seconds(pool: sql.Pool, workspace: UUID, site: int) -> None:
    store = Store(pool, site=site, sites=3)
    seconds = [(await create(store, job(workspace, f"k{n}"))).order_second for n in range(4)]
    assert [second % 3 for second in seconds] == [site] * 4
    assert seconds[0] - int(NOW) in range(3)
    assert [later - earlier for earlier, later in pairwise(seconds)] == [3, 3, 3]


async def test_the_same_key_fifty_times_at_once_is_one_import(store: Store, workspace: UUID) -> None:
    made = await asyncio.gather(*(create(store, job(workspace)) for _ in range(50)))
    assert made == [made[0]] * 50


async def test_the_same_key_for_another_request_is_refused(store: Store, workspace: UUID) -> None:
    await create(store, job(workspace))
    with pytest.raises(Rejected) as refused:
        await create(store, job(workspace, request_hash=b"other"))
    assert refused.value.code == "idempotency_mismatch"


async def test_so_many_uploads_of_a_workspace_may_be_open(store: Store, workspace: UUID) -> None:
    first = await create(store, job(workspace, "1"), open_uploads=1)
    with pytest.raises(Rejected) as refused:
        await create(store, job(workspace, "2"), open_uploads=1)
    assert refused.value.code == "too_many_uploads"
    assert refused.value.extra["retry_after"]
    await create(store, job(workspace, "1"), open_uploads=1)
    await create(store, job(uuid4()), open_uploads=1)
    await create(store, job(workspace, "2"), open_uploads=1, active_since=NOW)
    await store.cancel(workspace, first.id, "ada")
    await create(store, job(workspace, "3"), open_uploads=2)


async def test_whoever_wrote_without_having_read_is_overtaken(store: Store, workspace: UUID) -> None:
    read = await store.claim(await create(store, job(workspace)), NOW)
    await store.keep(replace(read, received=3), NOW)
    with pytest.raises(Overtaken):
        await store.keep(replace(read, received=4), NOW)
    again = await store.claim(read, NOW)
    assert again.received == 3
    await store.cancel(workspace, read.id, "ada")
    with pytest.raises(Overtaken):
        await store.keep(again, NOW)
    cancelled = await store.find(workspace, read.id)
    assert cancelled is not None
    assert cancelled.cancelled_by == "ada"


async def test_the_sweep_finds_what_has_ended_untold_and_what_nobody_continues(store: Store, workspace: UUID) -> None:
    old = time.time() - 90_000

    async def made(key: str, **fields: object) -> UUID:
        claimed = await store.claim(await create(store, job(workspace, key)), old)
        await store.keep(replace(claimed, **fields), old)  # type: ignore[arg-type]
        return claimed.id

    full = await made("full", received=10)
    ended = await made("ended", phase="ended")
    failed = await made("failed", phase="failed")
    await made("sealed", phase="ended", told=True)
    idle = await made("idle", received=3)

    def ours(found: object) -> set[UUID]:
        return {import_id for of, import_id in found if of == workspace}  # type: ignore[attr-defined]

    assert ours(await store.unsettled(old + 1)) == {full, ended, failed}
    assert ours(await store.unsettled(old - 1)) == set()
    assert idle in ours(await store.idle(old + 1))
    assert idle not in ours(await store.idle(old - 1))


async def test_a_foreign_workspace_sees_and_writes_nothing(pool: sql.Pool, store: Store, workspace: UUID) -> None:
    planted = await create(store, job(uuid4()))
    assert await store.find(workspace, planted.id) is None
    with pytest.raises(Overtaken):
        await store.claim(replace(planted, workspace=workspace), NOW)
    with pytest.raises(Overtaken):
        await store.keep(replace(planted, workspace=workspace), NOW)
    async with sql.tenant(pool, workspace) as connection:
        for statement in ("select id from jobs.imports", "delete from jobs.imports returning id"):
            cursor = await connection.execute(statement)
            assert await cursor.fetchall() == []
    async with sql.transaction(pool) as connection:
        cursor = await connection.execute("select id from jobs.imports")
        assert await cursor.fetchall() == []
        await connection.execute("select set_config('app.sweep', 'on', true)")
        cursor = await connection.execute("delete from jobs.imports returning id")
        assert await cursor.fetchall() == []
