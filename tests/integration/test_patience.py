"""A worker that holds a record while PostgreSQL stays away lets it go: its process ends, nothing is acknowledged."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from app import config
from app.bus import Producer, partitions_of
from app.core.events import FetchRequested
from app.core.imports import ImportRecord, State
from app.core.reading.plan import Plan
from app.core.topics import BULK, EXPRESS, FETCHES, IMPORTS, Topic
from app.patience import WORLD_AWAY
from tests.faults.proxy import Proxy
from tests.importing_kafka import Upload
from tests.integration.conftest import Servers
from tests.integration.test_gateway_faults import free_port
from tests.waiting import eventually

WORKERS: Mapping[str, Topic] = {"importer": BULK, "express": EXPRESS, "projector": IMPORTS, "fetcher": FETCHES}
"""Each with a topic that it reads, which is a group of the same name."""
ROLES = ("importer", "projector", "fetcher", "connections")


@asynccontextmanager
async def between(servers: Servers) -> AsyncIterator[Proxy]:
    """What stands between the workers and PostgreSQL."""
    port = urlsplit(servers.dsn("importer")).port
    assert port is not None
    proxy = Proxy(0, port)
    await proxy.up()
    yield proxy
    await proxy.stop()


async def started(servers: Servers, kind: str, proxy: Proxy) -> asyncio.subprocess.Process:
    """A worker that has its partitions and is ready."""
    health = free_port()
    dsns = {
        f"{role.upper()}_DATABASE_URL": servers.dsn(role).replace(f":{proxy.server}/", f":{proxy.port}/")
        for role in ROLES
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", kind),
        env={
            **os.environ,
            **dsns,
            "PROCESS_NAME": f"{kind}.{uuid4().hex[:6]}",
            "KAFKA_BOOTSTRAP": servers.kafka,
            "LANE": {"importer": "bulk"}.get(kind, kind),
            "DATA_KEYS": f"test:{'5a' * 32}",
            "HEALTH_PORT": str(health),
            "PATIENCE_SECONDS": "0",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def ready() -> int:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code
        except httpx.TransportError:
            return 0

    await eventually(ready, lambda status: status == 200, within=60)
    return process


async def ends(servers: Servers) -> dict[str, dict[TopicPartition, int]]:
    """Where the topic of each worker ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        return {
            kind: await consumer.end_offsets(await partitions_of(consumer, topic)) for kind, topic in WORKERS.items()
        }
    finally:
        await consumer.stop()


async def committed(servers: Servers, group: str, partition: TopicPartition) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(partition) or 0
    finally:
        await consumer.stop()


async def give_each_a_record(producer: Producer) -> None:
    workspace = uuid4()
    for topic in (BULK, EXPRESS):
        await Upload(producer, workspace, int(time.time())).segment(0, ["Ada,ada@example.org,,"], topic=topic)
    state = State(id=uuid4(), workspace=workspace, requested_at=time.time())
    values = {
        IMPORTS: ImportRecord(state=state),
        FETCHES: FetchRequested(
            workspace=workspace,
            connection=uuid4(),
            import_id=uuid4(),
            source="google",
            order_second=1,
            plan=Plan(),
        ),
    }
    for topic, value in values.items():
        await producer.publish(topic, key=str(state.id).encode(), value=msgspec.json.encode(value))


async def test_every_worker_ends_itself_when_what_its_record_needs_stays_away(servers: Servers) -> None:
    producer = Producer(config.Process(process_name="test", kafka_bootstrap=servers.kafka))
    await producer.start()
    async with between(servers) as proxy:
        processes = await asyncio.gather(*(started(servers, kind, proxy) for kind in WORKERS))
        try:
            before = await ends(servers)
            await proxy.down()
            await give_each_a_record(producer)
            async with asyncio.timeout(60):
                codes = await asyncio.gather(*(process.wait() for process in processes))
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            await producer.stop()
    assert dict(zip(WORKERS, codes, strict=True)) == dict.fromkeys(WORKERS, WORLD_AWAY)
    after = await ends(servers)
    for kind in WORKERS:
        # A transaction that another test left open may end meanwhile, and its mark be written beside our record.
        grown = [partition for partition, end in after[kind].items() if end > before[kind][partition]]
        assert grown, kind
        for partition in grown:
            assert await committed(servers, kind, partition) <= before[kind][partition], kind
