"""The projector as a process: what it says in the log, and that a death between any two steps loses nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app import config, sql
from app.bus import Producer
from app.core.events import ContactsChanged, ImportProblems, ProblemOut, Projected
from app.core.imports import ImportRecord, State
from app.core.topics import CHANGED, FACTS, IMPORTS, PROBLEMS
from app.web.lookup import Lookup
from tests.integration.conftest import Servers
from tests.integration.projections import contact
from tests.sealing import DATA_KEYS
from tests.waiting import eventually


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(config.Process(process_name=f"test.{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def lookup(servers: Servers) -> AsyncIterator[Lookup]:
    async with sql.make_pool(servers.dsn("lookup_reader"), "test") as pool:
        yield Lookup(pool)


@asynccontextmanager
async def projecting(servers: Servers, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One projector process, ended with SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "projector"),
        env={
            "PATH": os.environ["PATH"],
            "PROCESS_NAME": "projector.test",
            "KAFKA_BOOTSTRAP": servers.kafka,
            "PROJECTOR_DATABASE_URL": servers.dsn("projector"),
            "DATA_KEYS": DATA_KEYS,
            **environment,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.wait()


@asynccontextmanager
async def facts(servers: Servers) -> AsyncIterator[AIOKafkaConsumer]:
    """What is said from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.add_topic(FACTS.name)
        parts = [TopicPartition(FACTS.name, number) for number in consumer.partitions_for_topic(FACTS.name) or ()]
        consumer.assign(parts)
        await consumer.seek_to_end(*parts)
        for part in parts:
            await consumer.position(part)
        yield consumer
    finally:
        await consumer.stop()


async def projected(consumer: AIOKafkaConsumer, import_id: UUID, indexes: set[int]) -> None:
    """Waits until all these segments of the import were said to be shown."""
    missing = set(indexes)
    async with asyncio.timeout(60):
        async for record in consumer:
            if msgspec.json.decode(record.value)["type"] != "import.projected":
                continue
            fact = msgspec.json.decode(record.value, type=Projected)
            if fact.import_id == import_id:
                missing.difference_update(fact.indexes)
            if not missing:
                return


def changed(workspace: UUID, import_id: UUID, index: int, part: int, parts: int) -> bytes:
    people = tuple(contact(f"Person {index} {part} {number}", labels=("VIP",)) for number in range(20))
    return msgspec.json.encode(
        ContactsChanged(
            workspace=workspace,
            import_id=import_id,
            index=index,
            part=part,
            parts=parts,
            at=1.0,
            site="local",
            contacts=people,
        )
    )


async def produce(producer: Producer, workspace: UUID, import_id: UUID, segments: int) -> None:
    key = str(import_id).encode()
    for index in range(segments):
        for part in range(3):
            value = changed(workspace, import_id, index, part, 3)
            await producer.publish(CHANGED, key=key, value=value, partition=index % 3)


async def _is_kept(lookup: Lookup, workspace: UUID, import_id: UUID) -> bool:
    problems = await lookup.problems(workspace, import_id)
    return await lookup.import_(workspace, import_id) is not None and bool(problems.problems)


async def test_what_the_log_says_can_be_read_and_is_said_to_be_visible(
    servers: Servers, producer: Producer, lookup: Lookup
) -> None:
    workspace, import_id = uuid4(), uuid4()
    problem = ProblemOut(row=1, line=2, column=0, code="no_identity", message="m", suggestion="", cells=("x",))
    problems = ImportProblems(
        workspace=workspace, import_id=import_id, index=0, part=0, parts=1, at=1.0, site="local", problems=(problem,)
    )
    state = State(id=import_id, workspace=workspace, version=3, name="people.csv", requested_at=5.0)
    async with facts(servers) as said, projecting(servers) as process:
        key = str(import_id).encode()
        await producer.publish(PROBLEMS, key=key, value=msgspec.json.encode(problems), partition=0)
        await producer.publish(IMPORTS, key=key, value=msgspec.json.encode(ImportRecord(state=state)))
        await produce(producer, workspace, import_id, segments=4)
        await projected(said, import_id, set(range(4)))
        page = await lookup.contacts(workspace, label="VIP", limit=500)
        assert (page.total, len(page.docs)) == (240, 240)
        await eventually(lambda: _is_kept(lookup, workspace, import_id), bool)
        assert (await lookup.imports(workspace)).imports == [state]
    assert process.returncode == 0


@pytest.mark.parametrize("place", ["committed:2", "reported:1"])
async def test_a_projector_that_dies_between_two_steps_loses_nothing_and_doubles_nothing(
    servers: Servers, producer: Producer, lookup: Lookup, place: str
) -> None:
    workspace, import_id = uuid4(), uuid4()
    async with facts(servers) as said:
        async with projecting(servers, CRASH_AT=place) as process:
            await produce(producer, workspace, import_id, segments=3)
            async with asyncio.timeout(60):
                assert await process.wait() == 137
        async with projecting(servers):
            await projected(said, import_id, {0, 1, 2})
    page = await lookup.contacts(workspace, label="VIP", limit=500)
    assert (page.total, len(page.docs)) == (180, 180)
