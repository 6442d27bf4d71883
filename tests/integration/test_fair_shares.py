"""Workspaces that want more than there is: who has many imports gets no more of the importers than who has one.

The jobs service and Kafka are real. In place of importers somebody takes segments from the log as they lie there, and
tells that each is done; so what is compared are counts, and no time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from app.core.events import SegmentHeader
from app.core.imports import State
from app.core.topics import BULK, EXPRESS, EXPRESS_SEGMENTS, Topic
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig
from tests.waiting import eventually

LINES = 8_000
"""Line ends of a segment: files of empty lines are cut into small ones, which cost nobody anything."""
GREAT = 60
"""Segments of an import that is not small."""
_header = msgspec.json.Decoder(SegmentHeader)


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[Rig]:
    async with intakes.running(servers) as made:
        yield made


class Line:
    """A lane of the log from now on, and how many segments of each workspace were taken from it and done."""

    def __init__(self, rig: Rig, consumer: AIOKafkaConsumer) -> None:
        self._rig, self._consumer = rig, consumer
        self._waiting: list[ConsumerRecord] = []
        self._imports: Counter[UUID] = Counter()
        self.done: Counter[UUID] = Counter()

    async def next(self, *workspaces: UUID) -> None:
        """The next segment of any of these is done, and the jobs service hears of it."""
        while True:
            record = await self._oldest()
            header = _header.decode(dict(record.headers)["segment"])
            if header.workspace in workspaces:
                break
        self.done[header.workspace] += 1
        self._imports[header.import_id] += 1
        done = self._imports[header.import_id]
        self._rig.tell(
            State(id=header.import_id, workspace=header.workspace, status="running", parts_done=done, version=done)
        )

    async def _oldest(self) -> ConsumerRecord:
        """What was written first of all that lies there: which partition is read first would be chance."""
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        async with asyncio.timeout(60):
            while not self._waiting or [each for each in ends if await self._consumer.position(each) < ends[each]]:
                for records in (await self._consumer.getmany(timeout_ms=200)).values():
                    self._waiting += records
        self._waiting.sort(key=lambda record: record.timestamp)
        return self._waiting.pop(0)


@asynccontextmanager
async def waiting_in(rig: Rig, topic: Topic) -> AsyncIterator[Line]:
    consumer = AIOKafkaConsumer(bootstrap_servers=rig.servers.kafka, enable_auto_commit=False, fetch_max_wait_ms=5)
    await consumer.start()
    try:
        partitions = await rig.intake._outlet._producer.partitions(topic)
        consumer.assign([TopicPartition(topic.name, number) for number in range(partitions)])
        await consumer.seek_to_end()
        yield Line(rig, consumer)
    finally:
        await consumer.stop()


@asynccontextmanager
async def uploading(
    rig: Rig, workspace: UUID, *, imports: int, segments: int
) -> AsyncIterator[list[asyncio.Task[int]]]:
    """As many imports as that at once, each of so many segments; what waits at the end is broken off."""
    data = b"Name,E-mail\n" + b"\n" * (LINES * segments - 1)
    async with rig.client(**{"X-Workspace": str(workspace)}) as client:

        async def upload() -> int:
            made = await client.post("/api/v1/imports", json={"source": "file", "name": "a.csv", "size": len(data)})
            return (await client.put(f"/api/v1/uploads/{made.json()['id']}", content=data)).status_code

        tasks = [asyncio.create_task(upload()) for _ in range(imports)]
        try:
            yield tasks
        finally:
            for writer in rig.intake.uploads.writing.values():
                if writer.job.workspace == workspace:
                    writer.stop()
            await asyncio.gather(*tasks, return_exceptions=True)


def full(rig: Rig, workspace: UUID, *, express: bool = False) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return rig.intake._backlog.full(workspace, express=express)

    return look


async def test_who_starts_ten_imports_does_not_starve_who_starts_one(rig: Rig) -> None:
    many, one = uuid4(), uuid4()
    async with (
        waiting_in(rig, BULK) as line,
        uploading(rig, many, imports=10, segments=GREAT),
    ):
        await eventually(full(rig, many), bool)
        async with uploading(rig, one, imports=1, segments=EXPRESS_SEGMENTS + 16) as uploads:
            assert await asyncio.gather(*uploads) == [204]
            while line.done[one] < 16:
                await line.next(many, one)
    # What was in line before, and little more: there were 600.
    assert line.done[many] <= 128


async def test_two_workspaces_are_served_alike_whoever_has_more_imports(rig: Rig) -> None:
    many, few = uuid4(), uuid4()
    async with (
        waiting_in(rig, BULK) as line,
        uploading(rig, many, imports=10, segments=GREAT),
        uploading(rig, few, imports=2, segments=250),
    ):
        await eventually(full(rig, many), bool)
        await eventually(full(rig, few), bool)
        # Whose turn it was at the end must not count for much: each has about 60 in line.
        while line.done.total() < 500:
            await line.next(many, few)
    assert 2 / 3 <= line.done[few] / line.done[many] <= 3 / 2


async def test_great_imports_leave_the_express_lane_to_small_ones(rig: Rig) -> None:
    many, one = uuid4(), uuid4()
    async with waiting_in(rig, EXPRESS) as line, uploading(rig, many, imports=10, segments=GREAT):
        await eventually(full(rig, many), bool)
        async with uploading(rig, one, imports=1, segments=2) as uploads:
            assert await asyncio.gather(*uploads) == [204]
            while line.done[one] < 2:
                await line.next(many, one)
    # The first segment of each import.
    assert line.done[many] <= 10


async def test_many_small_imports_leave_the_express_lane_to_others(rig: Rig) -> None:
    many, one = uuid4(), uuid4()
    async with waiting_in(rig, EXPRESS) as line, uploading(rig, many, imports=10, segments=EXPRESS_SEGMENTS) as theirs:
        await eventually(full(rig, many, express=True), bool)
        async with uploading(rig, one, imports=1, segments=2) as ours:
            assert await asyncio.gather(*ours) == [204]
            while line.done[one] < 2:
                await line.next(many, one)
        before = line.done[many]
        while line.done[many] < 10 * EXPRESS_SEGMENTS:
            await line.next(many)
        assert await asyncio.gather(*theirs) == [204] * 10
    # The first segment of each import, and those that took the places of what was done.
    assert before <= 20
