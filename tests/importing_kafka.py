"""Segments on a real Kafka, real importers as processes, and what they tell: for the importer's tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import crc32c
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.bus import Producer
from app.core.events import AnyFact, ContactsChanged, SegmentHeader
from app.core.reading.plan import Column, Dialect, Existing, Plan, Values
from app.core.topics import BULK, CHANGED, FACTS, PROBLEMS, Topic, spread
from app.sealing import HEADER as SEALED
from tests.integration.conftest import Servers
from tests.sealing import DATA_KEYS

HEADER = "Name,E-mail,Phone,Company\r\n"
_facts = msgspec.json.Decoder(AnyFact)
_changed = msgspec.json.Decoder(ContactsChanged)


def plan(existing: Existing = "fill") -> Plan:
    return Plan(
        format="csv",
        encoding="utf-8",
        dialect=Dialect(delimiter=",", quote='"', escape="doubled"),
        preamble=0,
        header=1,
        columns=(
            Column(index=0, field="name", header="Name", part="full"),
            Column(index=1, field="emails", header="E-mail", part="value", slot=1),
            Column(index=2, field="phones", header="Phone", part="value", slot=1),
            Column(index=3, field="company", header="Company"),
        ),
        values=Values(phone_region="DE", date_order="dmy"),
        existing=existing,
        labels=(),
    )


class Upload:
    """One import: `segment` puts rows into the log as intake would."""

    def __init__(self, producer: Producer, workspace: UUID, second: int, existing: Existing = "fill") -> None:
        self.producer, self.workspace, self.second = producer, workspace, second
        self.id = uuid4()
        self.plan = plan(existing)

    def header(self, index: int, data: bytes, **changes: Any) -> SegmentHeader:
        return msgspec.structs.replace(
            SegmentHeader(
                workspace=self.workspace,
                import_id=self.id,
                index=index,
                order_second=self.second,
                start=0,
                end=len(data),
                first_line=1 + index,
                crc32c=crc32c.crc32c(data),
                plan=self.plan,
            ),
            **changes,
        )

    async def segment(
        self, index: int, rows: list[str], *, topic: Topic = BULK, partition: int | None = None, **changes: Any
    ) -> None:
        data = ((HEADER if index == 0 else "") + "".join(f"{row}\r\n" for row in rows)).encode()
        await self.producer.publish(
            topic,
            key=str(self.id).encode(),
            value=data,
            headers=[("segment", msgspec.json.encode(self.header(index, data, **changes)))],
            partition=spread(self.id, index, await self.producer.partitions(topic)) if partition is None else partition,
        )


class Listener:
    """Everything that is told from now on about facts, changed contacts and problems."""

    def __init__(self) -> None:
        self.facts: list[AnyFact] = []
        self.changed: list[ContactsChanged] = []
        self.problems: list[dict[str, Any]] = []

    def of(self, upload: Upload) -> list[Any]:
        return [fact for fact in self.facts if fact.import_id == upload.id]

    def take(self, topic: str, value: bytes) -> None:
        if topic == FACTS.name:
            self.facts.append(_facts.decode(value))
        elif topic == CHANGED.name:
            self.changed.append(_changed.decode(value))
        else:
            self.problems.append(msgspec.json.decode(value))


@asynccontextmanager
async def listening(servers: Servers, producer: Producer) -> AsyncIterator[Listener]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(
        [
            TopicPartition(topic.name, number)
            for topic in (FACTS, CHANGED, PROBLEMS)
            for number in range(await producer.partitions(topic))
        ]
    )
    await consumer.seek_to_end()
    listener = Listener()

    async def listen() -> None:
        async for record in consumer:
            # Other tests leave sealed segments behind; what an importer tells of those is nothing for this listener.
            if SEALED not in dict(record.headers):
                listener.take(record.topic, record.value)

    task = asyncio.create_task(listen())
    try:
        yield listener
    finally:
        task.cancel()
        await consumer.stop()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def importer(
    servers: Servers, name: str, *, lane: str = "bulk", crash_at: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """A real importer process; ended in order if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", "importer"],
        env={
            **os.environ,
            "PROCESS_NAME": name,
            "KAFKA_BOOTSTRAP": servers.kafka,
            "IMPORTER_DATABASE_URL": servers.dsn("importer"),
            "DATA_KEYS": DATA_KEYS,
            "LANE": lane,
            "CRASH_AT": crash_at,
            "LOG_LEVEL": "warning",
        },
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
