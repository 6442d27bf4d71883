"""The tracker on a real Kafka: notices at once, state and offsets together, exact after any death."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from app import config
from app.bus import Producer, partitions_of
from app.core.channels import workspace_channel
from app.core.events import AnyFact, Counts, Notice, Projected, Requested, Sealed, SegmentDone
from app.core.imports import ImportRecord, State, decode_record
from app.core.topics import FACTS, IMPORTS, NOTICES, Topic
from tests.integration.conftest import Servers
from workers.tracker.follow import GROUP, Follower

WITHIN = 90


def settings(servers: Servers, name: str) -> config.Tracker:
    return config.Tracker(process_name=name, kafka_bootstrap=servers.kafka)


@asynccontextmanager
async def tracking(servers: Servers, name: str) -> AsyncIterator[Follower]:
    follower = Follower(settings(servers, name))
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(settings(servers, f"test-{uuid4().hex[:6]}"))
    await made.start()
    yield made
    await made.stop()


async def tell(producer: Producer, *facts: AnyFact) -> None:
    for fact in facts:
        await producer.publish(FACTS, key=str(fact.import_id).encode(), value=msgspec.json.encode(fact))


def history(import_id: UUID, workspace: UUID, segments: int) -> list[AnyFact]:
    where: dict[str, Any] = {"workspace": workspace, "import_id": import_id, "at": time.time(), "site": "here"}
    return [
        Requested(**where, source="file", name="a.csv", order_second=1, requested_by="me", channel="c" * 22),
        *(SegmentDone(**where, index=index, bytes=10, counts=Counts(created=3)) for index in range(segments)),
        Sealed(**where, segments=segments, bytes=10 * segments, lines=3 * segments),
        *(Projected(**where, indexes=(index,)) for index in range(segments)),
    ]


async def read_until(servers: Servers, topic: Topic, done: Callable[[list[tuple[bytes, bytes]]], bool]) -> None:
    """Reads a topic from its beginning, committed records only, until `done` with what was read."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers.kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found: list[tuple[bytes, bytes]] = []
    try:
        consumer.assign(await partitions_of(consumer, topic))
        await consumer.seek_to_beginning()
        async with asyncio.timeout(WITHIN):
            while not done(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.key, record.value) for record in records]
    finally:
        await consumer.stop()


async def final_states(servers: Servers, *imports: UUID) -> list[State]:
    """The states of these imports once all of them are visible."""
    newest: dict[UUID, ImportRecord] = {}

    def visible(found: Sequence[tuple[bytes, bytes]]) -> bool:
        newest.update((UUID(key.decode()), decode_record(value)) for key, value in found if value)
        return all(import_id in newest and newest[import_id].state.visible for import_id in imports)

    await read_until(servers, IMPORTS, visible)
    return [newest[import_id].state for import_id in imports]


async def final_state(servers: Servers, import_id: UUID) -> State:
    return (await final_states(servers, import_id))[0]


async def notices_for(servers: Servers, import_id: UUID, channel: str) -> list[Notice]:
    newest: list[Notice] = []

    def visible(found: Sequence[tuple[bytes, bytes]]) -> bool:
        decoded = (msgspec.json.decode(value, type=Notice) for key, value in found if key == channel.encode())
        newest[:] = [notice for notice in decoded if notice.state.id == import_id]
        return bool(newest) and newest[-1].state.visible

    await read_until(servers, NOTICES, visible)
    return newest


async def test_an_import_is_told_to_its_channel_and_its_workspace(servers: Servers, producer: Producer) -> None:
    workspace, import_id = uuid4(), uuid4()
    async with tracking(servers, "tracker.1"):
        await tell(producer, *history(import_id, workspace, 3))
        state = await final_state(servers, import_id)
        assert (state.status, state.rows, state.created, state.parts) == ("finished", 9, 9, 3)
        for channel in ("c" * 22, workspace_channel(workspace)):
            told = await notices_for(servers, import_id, channel)
            versions = [notice.state.version for notice in told]
            assert versions == sorted(set(versions))
            assert [notice.kind for notice in told if notice.kind != "progress"] == ["finished", "visible"]


async def test_a_tracker_that_is_killed_is_followed_by_one_that_counts_exactly(
    servers: Servers, producer: Producer
) -> None:
    workspace, imports = uuid4(), [uuid4() for _ in range(20)]
    environment = {
        **os.environ,
        "PROCESS_NAME": "tracker.1",
        "KAFKA_BOOTSTRAP": servers.kafka,
    }
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers", "tracker", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    first = [history(import_id, workspace, 4) for import_id in imports]
    await asyncio.gather(*(tell(producer, *facts[:3]) for facts in first))
    await read_until(servers, IMPORTS, lambda found: any(key == str(imports[0]).encode() for key, _ in found))
    command.send_signal(signal.SIGKILL)
    await command.wait()
    await asyncio.gather(*(tell(producer, *facts[2:]) for facts in first))
    async with tracking(servers, "tracker.1"):
        for state in await final_states(servers, *imports):
            assert (state.status, state.rows, state.visible) == ("finished", 12, True)


async def test_a_zombie_cannot_commit_once_its_partition_has_a_new_owner(servers: Servers, producer: Producer) -> None:
    zombie = AIOKafkaProducer(
        bootstrap_servers=servers.kafka,
        transactional_id=f"{GROUP}-{FACTS.name}-0",
    )
    await zombie.start()
    await zombie.begin_transaction()
    await zombie.send_and_wait(IMPORTS.name, b"{}", key=str(uuid4()).encode(), partition=0)
    import_id = uuid4()
    async with tracking(servers, "tracker.1"):
        await tell(producer, *history(import_id, uuid4(), 1))
        assert (await final_state(servers, import_id)).visible
        with pytest.raises(ProducerFenced):
            await zombie.commit_transaction()
    await zombie.stop()


async def test_a_fact_that_cannot_be_read_is_buried_and_its_neighbours_go_on(
    servers: Servers, producer: Producer
) -> None:
    workspace, import_id = uuid4(), uuid4()
    key = str(import_id).encode()
    async with tracking(servers, "tracker.1"):
        await producer.publish(FACTS, key=key, value=b"not json")
        await tell(producer, *history(import_id, workspace, 1))
        assert (await final_state(servers, import_id)).status == "finished"
