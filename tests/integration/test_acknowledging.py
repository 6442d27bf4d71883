"""No offset is committed before its effect is: committed offsets are held against the ledger, under load."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from app import config
from app.bus import Producer, partitions_of
from app.core.events import SegmentHeader
from app.core.topics import BULK
from tests.importing_kafka import Upload, importer
from tests.integration.conftest import Servers
from tests.waiting import until

SEGMENTS, HELD_BACK, ROWS = 60, 12, 200
EVERY = 0.1
_header = msgspec.json.Decoder(SegmentHeader)
Places = Mapping[int, Mapping[int, int]]
"""partition -> offset -> index of the segment that lies there."""


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(config.Process(process_name="test", kafka_bootstrap=servers.kafka))
    await made.start()
    yield made
    await made.stop()


async def places(servers: Servers, import_id: UUID) -> Places:
    """Where the segments of an import lie."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    found: dict[int, dict[int, int]] = defaultdict(dict)
    partitions = await partitions_of(consumer, BULK)
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    ends = await consumer.end_offsets(partitions)
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        for partition, records in (await consumer.getmany(timeout_ms=200)).items():
            for record in records:
                header = dict(record.headers).get("segment", b"")
                with contextlib.suppress(msgspec.DecodeError):
                    segment = _header.decode(header)
                    if segment.import_id == import_id:
                        found[partition.partition][record.offset] = segment.index
    await consumer.stop()
    return found


class Sampler:
    """Looks at what is committed, and only then at what is in the ledger."""

    def __init__(self, servers: Servers, import_id: UUID, where: Places) -> None:
        self._servers, self._import, self.where = servers, import_id, where
        self.early: set[int] = set()
        self.acknowledged: set[int] = set()
        self.samples_underway = 0

    async def sample(self, admin: AIOKafkaAdminClient, connection: psycopg.AsyncConnection[tuple[int]]) -> None:
        committed = await admin.list_consumer_group_offsets("importer")
        self.acknowledged = {
            index
            for partition, at in committed.items()
            if partition.topic == BULK.name
            for offset, index in self.where.get(partition.partition, {}).items()
            if offset < at.offset
        }
        cursor = await connection.execute("select index from contacts.ledger where import_id = %s", [self._import])
        there = {index for (index,) in await cursor.fetchall()}
        self.early |= self.acknowledged - there
        self.samples_underway += 0 < len(self.acknowledged) < SEGMENTS

    async def run(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers.kafka)
        await admin.start()
        try:
            async with await psycopg.AsyncConnection.connect(
                self._servers.dsn("importer"), autocommit=True
            ) as connection:
                while True:
                    with contextlib.suppress(GroupCoordinatorNotAvailableError):  # nobody was ever a member
                        await self.sample(admin, connection)
                    await asyncio.sleep(EVERY)
        finally:
            await admin.close()


async def test_no_offset_is_committed_before_its_segment_is_in_the_database(
    servers: Servers, producer: Producer
) -> None:
    upload = Upload(producer, uuid4(), 1000)

    async def bring(first: int, last: int) -> Places:
        for index in range(first, last):
            rows = [f"Person {n},p{n}@example.org,,Acme" for n in range(index * ROWS, (index + 1) * ROWS)]
            await upload.segment(index, rows)
        return await places(servers, upload.id)

    # Some are held back, so that nobody is done with all of them before they were looked at on the way.
    sampler = Sampler(servers, upload.id, await bring(0, SEGMENTS - HELD_BACK))
    sampling = asyncio.create_task(sampler.run())

    def acknowledged(count: int) -> bool:
        if sampling.done():
            sampling.result()
        return len(sampler.acknowledged) >= count

    # One dies in the middle of its work: what it had not acknowledged comes again, and not a record is passed over.
    with importer(servers, "importer.1") as process:
        await until(lambda: acknowledged(SEGMENTS // 4), within=90)
        process.kill()
        process.wait()
    await until(lambda: acknowledged(0) and sampler.samples_underway >= 3)
    sampler.where = await bring(SEGMENTS - HELD_BACK, SEGMENTS)
    with importer(servers, "importer.1"):
        await until(lambda: acknowledged(SEGMENTS), within=90)
    sampling.cancel()
    await asyncio.gather(sampling, return_exceptions=True)
    assert sampler.early == set()
