"""How far consumer groups are behind: in records, and in the age of the oldest record that is not finished.

Measured from outside, so that it is known of a group that has no living member, too. What is committed is finished.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.errors import TryAgain
from app.core.groups import GROUPS
from app.core.telemetry import Behind
from app.core.topics import Topic, every_topic, everywhere

_PATIENCE = 60.0
_MARKS = 600
"""Looks remembered of each partition; what has waited for longer is read once to learn its age."""

Offsets = Mapping[TopicPartition, int]


class Lag(NamedTuple):
    """Of one group on one topic. `oldest`: seconds, 0.0 where nothing waits."""

    group: str
    topic: str
    records: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the log: the first and the next offset of each partition, and how far each group is."""

    begins: Offsets
    ends: Offsets
    groups: Mapping[str, Mapping[str, tuple[Behind, ...]]]

    def lags(self) -> list[Lag]:
        return [lag for group, topics in self.groups.items() for lag in lags(group, topics)]


def lags(group: str, topics: Mapping[str, Sequence[Behind]]) -> list[Lag]:
    """A group's lag on each of its topics, all partitions together."""
    return [
        Lag(group, topic, sum(one.waiting for one in all_), max((one.oldest for one in all_), default=0.0))
        for topic, all_ in topics.items()
    ]


class Lags:
    """Stays connected from one look to the next, and remembers where the log ended at each: so the age of a record is
    mostly known without reading it. Of each partition only the oldest that waits is ever read."""

    def __init__(
        self,
        settings: config.Process,
        groups: Mapping[str, Sequence[Topic]] = GROUPS,
        topics: Sequence[Topic] | None = None,
    ) -> None:
        self._settings = settings
        self._groups = {
            group: [each for topic in read for each in everywhere(topic, settings.others)]
            for group, read in groups.items()
        }
        self._topics = topics if topics is not None else every_topic(settings.others)
        # There, offsets stand for what was compacted away, too, or for the mark of a transaction.
        self._compacted = {topic.name for topic in self._topics if topic.keep is None}
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._marks: dict[TopicPartition, deque[tuple[float, int]]] = {}
        self._times: dict[TopicPartition, tuple[int, float | None]] = {}

    async def look(self) -> Look:
        """Raises TryAgain."""
        try:
            async with asyncio.timeout(_PATIENCE):
                admin, consumer = await self._connected()
                return await self._looked(admin, consumer)
        except (KafkaError, OSError, TimeoutError, TryAgain) as error:
            await self.close()
            raise TryAgain(f"Kafka did not say how far consumers are: {error}") from error

    async def close(self) -> None:
        """The next look connects anew."""
        if self._clients is not None:
            (admin, consumer), self._clients = self._clients, None
            await consumer.stop()
            await admin.close()

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            name = f"{self._settings.process_name}-lag"
            async with AsyncExitStack() as stack:
                admin = AIOKafkaAdminClient(**bus.connection(self._settings), client_id=name)
                stack.push_async_callback(admin.close)
                await admin.start()
                consumer = AIOKafkaConsumer(
                    **bus.connection(self._settings),
                    client_id=name,
                    enable_auto_commit=False,
                    isolation_level="read_committed",
                    fetch_max_wait_ms=100,
                    max_partition_fetch_bytes=65_536,
                )
                stack.push_async_callback(consumer.stop)
                await consumer.start()
                await consumer._client.set_topics([topic.name for topic in self._topics])
                self._partitions = {
                    topic.name: [
                        TopicPartition(topic.name, number)
                        for number in sorted(consumer.partitions_for_topic(topic.name) or ())
                    ]
                    for topic in self._topics
                }
                if missing := [name for name, found in self._partitions.items() if not found]:
                    raise TryAgain(f"there is no topic {missing[0]} (python -m app.topics creates it)")
                stack.pop_all()
            self._clients = admin, consumer
        return self._clients

    async def _looked(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> Look:
        everything = [partition for found in self._partitions.values() for partition in found]
        done: dict[str, dict[TopicPartition, int]] = {}
        for group, topics in self._groups.items():
            here = [partition for topic in topics for partition in self._partitions[topic.name]]
            committed: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=here)
            done[group] = {each: committed[each].offset if each in committed else 0 for each in here}
        begins: Offsets = await consumer.beginning_offsets(everything)
        # After the positions: nobody is ahead of the end.
        ends: Offsets = await consumer.end_offsets(everything)
        now = time.time()
        for partition, end in ends.items():
            marks = self._marks.setdefault(partition, deque(maxlen=_MARKS))
            if not marks or marks[-1][1] != end:
                marks.append((now, end))
            else:
                marks[-1] = (now, end)
        groups: dict[str, Mapping[str, tuple[Behind, ...]]] = {}
        for group, positions in done.items():
            positions = {each: max(begins[each], offset) for each, offset in positions.items()}
            times = await self._times_of(consumer, positions, ends)
            behind = [(each, _behind(offset, ends[each], times.get(each), now)) for each, offset in positions.items()]
            groups[group] = {
                topic: tuple(one for _, one in found) for topic, found in groupby(behind, lambda entry: entry[0].topic)
            }
        return Look(begins, ends, groups)

    async def _times_of(
        self, consumer: AIOKafkaConsumer, positions: Offsets, ends: Offsets
    ) -> Mapping[TopicPartition, float | None]:
        """When the first record from each position on was written; None where only marks of transactions are left."""
        offsets = {partition: offset for partition, offset in positions.items() if offset < ends[partition]}
        found: dict[TopicPartition, float | None] = {}
        for partition, offset in offsets.items():
            known = self._times.get(partition)
            if (at := self._seen_at(partition, offset)) is not None:
                found[partition] = at
            elif known is not None and known[0] == offset and known[1] is not None:
                found[partition] = known[1]
        missing = {partition for partition in offsets if partition not in found}
        if missing:
            consumer.assign(list(missing))
            for partition in missing:
                consumer.seek(partition, offsets[partition])
        while missing:
            for partition, records in (await consumer.getmany(*missing, timeout_ms=200, max_records=1)).items():
                found[partition] = records[0].timestamp / 1000
            for partition in list(missing):
                if partition not in found and await consumer.position(partition) >= ends[partition]:
                    found[partition] = None
            missing -= found.keys()
        self._times.update({partition: (offsets[partition], at) for partition, at in found.items()})
        return found

    def _seen_at(self, partition: TopicPartition, offset: int) -> float | None:
        """The last look at which this record was not there yet: it is at most so old."""
        if partition.topic in self._compacted:
            return None
        before = [at for at, end in self._marks.get(partition, ()) if end <= offset]
        return before[-1] if before else None


def _behind(done: int, end: int, at: float | None, now: float) -> Behind:
    if done >= end or at is None:
        return Behind(end=end, done=done)
    return Behind(end=end, done=done, waiting=end - done, oldest=round(max(0.0, now - at), 3))
