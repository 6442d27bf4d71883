"""How far consumer groups are behind: in records, and in the age of the oldest record that is not finished.

Measured from outside, so that it is known of a group that has no living member, too. What is committed is finished.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from app import bus, config
from app.core.errors import TryAgain
from app.core.groups import GROUPS
from app.core.topics import Topic

log = logging.getLogger(__name__)
RECORDS = Gauge("addressbus_lag_records", "Records that are not finished", ["group", "topic"])
OLDEST = Gauge("addressbus_lag_oldest_seconds", "Age of the oldest record that is not finished", ["group", "topic"])
SECONDS = 15.0
"""Between two looks."""
_PATIENCE = 10.0


class Lag(NamedTuple):
    """Of one group on one topic. `oldest`: seconds, 0.0 where nothing waits."""

    group: str
    topic: str
    records: int
    oldest: float


class Lags:
    """Remembers the times of the records it has looked at: of each partition only the oldest is ever read."""

    def __init__(self, settings: config.Process, groups: Mapping[str, Sequence[Topic]] = GROUPS) -> None:
        self._settings = settings
        self._groups = groups
        self._times: dict[TopicPartition, tuple[int, float | None]] = {}

    async def measure(self) -> list[Lag]:
        """Raises TryAgain."""
        admin = AIOKafkaAdminClient(**bus.connection(self._settings), client_id=f"{self._settings.process_name}-lag")
        consumer = AIOKafkaConsumer(
            **bus.connection(self._settings),
            client_id=f"{self._settings.process_name}-lag",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=65_536,
        )
        try:
            async with asyncio.timeout(_PATIENCE * len(self._groups)):
                await admin.start()
                await consumer.start()
                return [
                    await self._measured(admin, consumer, group, topic)
                    for group, topics in self._groups.items()
                    for topic in topics
                ]
        except (KafkaError, OSError, TimeoutError) as error:
            raise TryAgain(f"Kafka did not say how far consumers are: {error}") from error
        finally:
            await consumer.stop()
            await admin.close()

    async def watch(self) -> None:
        """Keeps the two gauges true until it is cancelled."""
        while True:
            try:
                for lag in await self.measure():
                    RECORDS.labels(lag.group, lag.topic).set(lag.records)
                    OLDEST.labels(lag.group, lag.topic).set(lag.oldest)
            except TryAgain as error:
                log.warning("lag is not known", extra={"why": str(error)})
            await asyncio.sleep(SECONDS)

    async def _measured(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topic: Topic) -> Lag:
        partitions = await bus.partitions_of(consumer, topic)
        committed: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=partitions)
        begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        done = {
            partition: max(begins[partition], committed[partition].offset if partition in committed else 0)
            for partition in partitions
        }
        behind = {partition: offset for partition, offset in done.items() if offset < ends[partition]}
        times = await self._times_of(consumer, behind, ends)
        waiting = [partition for partition in behind if times[partition] is not None]
        now = time.time()
        return Lag(
            group,
            topic.name,
            sum(ends[partition] - behind[partition] for partition in waiting),
            max((now - (times[partition] or now) for partition in waiting), default=0.0),
        )

    async def _times_of(
        self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, float | None]:
        """When the first record from each offset on was written; None where only the marks of transactions are left."""
        found: dict[TopicPartition, float | None] = {}
        for partition, offset in offsets.items():
            known = self._times.get(partition)
            if known is not None and known[0] == offset and known[1] is not None:
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
