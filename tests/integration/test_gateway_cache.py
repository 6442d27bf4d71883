"""notice.lua and what is read back, on a real Valkey."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest

from app.core.errors import TryAgain
from app.gateway import cache
from app.gateway.cache import CONNECTIONS, Cache, Notice, room_name
from app.gateway.hub import ENDED_SHOWN, Kind
from tests.integration.conftest import Servers


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Cache]:
    made = Cache(servers.redis)
    yield made
    await made.close()


@pytest.fixture
def name() -> str:
    return room_name(uuid4(), secrets.token_hex(11))


def notice(name: str, version: int, kind: Kind = "progress", import_id: str = "i") -> Notice:
    over = kind != "progress"
    state = {
        "id": import_id,
        "version": version,
        "status": "finished" if over else "running",
        "visible": kind == "visible",
        "finished_at": float(version) if over else None,
    }
    return Notice(name, import_id, version, kind, 1.5, msgspec.json.encode(state))


async def test_a_notice_that_is_not_newer_writes_nothing(redis: Cache, name: str) -> None:
    await redis.write([notice(name, 2), notice(name, 2), notice(name, 1, "finished"), notice(name, 3, "finished")])
    position = await redis.read(name)
    assert position.offset == 2
    assert [(event.offset, event.kind, event.version) for event in position.events] == [(2, "finished", 3)]
    assert [state.version for state in position.states] == [3]


async def test_versions_are_compared_as_numbers(redis: Cache, name: str) -> None:
    await redis.write([notice(name, 9), notice(name, 10), notice(name, 100), notice(name, 99)])
    assert [state.version for state in (await redis.read(name)).states] == [100]


async def test_progress_is_read_back_as_its_newest_state_and_endings_as_they_were(redis: Cache, name: str) -> None:
    await redis.write(
        [
            notice(name, 1),
            notice(name, 2, "finished"),
            notice(name, 1, import_id="j"),
            notice(name, 2, import_id="j"),
            notice(name, 3, "visible"),
        ]
    )
    position = await redis.read(name)
    assert [(event.offset, event.import_id, event.kind, event.version) for event in position.events] == [
        (2, "i", "finished", 2),
        (4, "j", "progress", 2),
        (5, "i", "visible", 3),
    ]
    assert (position.offset, position.floor) == (5, 0)


async def test_a_new_channel_begins_an_epoch_that_stays(redis: Cache, name: str) -> None:
    first = await redis.read(name)
    assert (first.offset, first.floor, first.states, first.events) == (0, 0, [], [])
    await redis.write([notice(name, 1)])
    assert (await redis.read(name)).epoch == first.epoch
    assert await redis.positions([name, room_name(uuid4(), "x")]) == [(first.epoch, 1), None]


async def test_what_an_earlier_life_of_the_server_left_is_a_new_epoch_with_the_states_kept(
    redis: Cache, name: str
) -> None:
    await redis.write([notice(name, 1), notice(name, 2)])
    before = await redis.read(name)
    await redis.client.hset(cache._hash(name), "run", "another")
    assert await redis.positions([name]) == [None]
    after = await redis.read(name)
    assert after.epoch != before.epoch
    assert (after.offset, after.floor, after.events) == (0, 0, [])
    assert [state.version for state in after.states] == [2]


async def test_a_stream_that_expired_leaves_a_floor_and_no_half_truth(redis: Cache, name: str) -> None:
    await redis.write([notice(name, 1), notice(name, 2, "finished")])
    await redis.client.delete(cache._stream(name))
    position = await redis.read(name)
    assert (position.offset, position.floor, position.events) == (2, 2, [])
    await redis.write([notice(name, 3, "visible")])
    position = await redis.read(name)
    assert (position.offset, position.floor) == (3, 2)


async def test_a_long_stream_is_trimmed_and_says_so(redis: Cache, name: str) -> None:
    await redis.write([notice(name, version) for version in range(1, 1001)])
    position = await redis.read(name)
    assert position.offset == 1000
    assert 1000 - 2 * cache.STREAM_EVENTS < position.floor <= 1000 - cache.STREAM_EVENTS
    assert len(position.events) == 1


async def test_everything_expires(redis: Cache, name: str) -> None:
    await redis.write([notice(name, 1)])
    assert 0 < await redis.client.ttl(cache._stream(name)) <= cache.STREAM_SECONDS
    assert cache.STREAM_SECONDS < await redis.client.ttl(cache._hash(name)) <= cache.HASH_SECONDS


async def test_a_hash_that_outgrows_its_use_forgets_old_endings(redis: Cache, name: str) -> None:
    many = cache.FIELDS_KEPT // 2
    written = [notice(name, number + 1, "finished", f"i{number}") for number in range(many)]
    assert await redis.write([*written, notice(name, 1, import_id="running")]) == {name}
    await redis.trim(name)
    states = (await redis.read(name)).states
    assert len(states) == ENDED_SHOWN + 1
    assert {state.import_id for state in states} == {"running", *(f"i{many - 1 - back}" for back in range(ENDED_SHOWN))}


async def test_a_server_that_forgot_the_script_is_taught_again(redis: Cache, name: str) -> None:
    await redis.write([notice(name, 1)])
    await redis.client.script_flush()
    await redis.write([notice(name, 2)])
    assert (await redis.read(name)).offset == 2


async def test_a_crowd_takes_turns_on_few_connections(redis: Cache) -> None:
    before = (await redis.client.info("clients"))["connected_clients"]
    positions = await asyncio.gather(*(redis.read(room_name(uuid4(), "c")) for _ in range(300)))
    assert len({position.epoch for position in positions}) == 300
    after = (await redis.client.info("clients"))["connected_clients"]
    assert after < before + CONNECTIONS


async def test_a_redis_that_is_away_is_the_world_at_fault(name: str) -> None:
    away = Cache("redis://127.0.0.1:1/0")
    with pytest.raises(TryAgain):
        await away.write([notice(name, 1)])
    with pytest.raises(TryAgain):
        await away.positions([name])
    await away.close()
