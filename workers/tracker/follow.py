"""The tracker's consumer group: which partitions are ours, and facts handed to each."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from app import bus, config, telemetry
from app.core.errors import TryAgain
from app.core.topics import FACTS, everywhere
from app.patience import Patience
from workers.tracker.partition import Partition

log = logging.getLogger(__name__)
GROUP = "tracker"
FORGET_SECONDS = 3600


class Follower:
    """Consumes `import.facts` of all sites as a member of the group, anew from what is committed whenever it has to.

    A world that stays away ends the process: `patience` counts from its first failure to the next commit or restore.
    """

    def __init__(self, settings: config.Process, patience: Patience | None = None) -> None:
        self._settings = settings
        self._patience = patience or Patience(FACTS.name, settings.patience_seconds)
        self._tell = bus.Producer(settings, linger_ms=0)
        self._topics = [topic.name for topic in everywhere(FACTS, settings.others)]
        self._partitions: dict[int, Partition] = {}
        self._inputs: list[TopicPartition] = []
        self._failed: BaseException | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self.ready = False
        self.progress: Callable[[], None] = lambda: None
        """Called whenever facts were folded."""

    async def follow(self) -> None:
        """Runs until it is cancelled."""
        while True:
            try:
                await self.run()
            except (KafkaError, TryAgain, OSError) as error:
                await self._patience.wait(error)

    async def run(self) -> None:
        """Raises KafkaError or TryAgain when everything is to be started anew from what is committed."""
        self._failed = None
        consumer = AIOKafkaConsumer(
            **bus.connection(self._settings),
            client_id=self._settings.process_name,
            group_id=GROUP,
            group_instance_id=self._settings.process_name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # By it one member has the same partition of all topics: an import's facts, wherever they were written.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            rebalance_timeout_ms=30_000,
            max_poll_interval_ms=600_000,
        )
        self._consumer = consumer
        try:
            await self._tell.start()
            consumer.subscribe(self._topics, listener=_Rebalances(self, consumer))
            await consumer.start()
            await self._consume(consumer)
        finally:
            self.ready = False
            self._consumer = None
            await self.let_go()
            await consumer.stop()
            await self._tell.stop()

    async def behind(self) -> bool:
        """Whether there are facts in our partitions that are not folded. While Kafka does not answer, nobody knows."""
        consumer, partitions = self._consumer, self._inputs
        if consumer is None or not partitions:
            return False
        try:
            async with asyncio.timeout(5):
                ends = await consumer.end_offsets(partitions)
                return any([await consumer.position(partition) < ends[partition] for partition in partitions])
        except (KafkaError, TimeoutError):
            return False

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        forget_at = time.monotonic() + FORGET_SECONDS
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            self._raise_failure()
            for place, records in batches.items():
                # A rebalance may have taken the partition away while its records were on their way to us.
                if partition := self._partitions.get(place.partition):
                    await partition.take(records)
                    self.progress()
            if time.monotonic() > forget_at:
                forget_at = time.monotonic() + FORGET_SECONDS
                for partition in self._partitions.values():
                    partition.forget_old(time.time())

    async def take_over(self, consumer: AIOKafkaConsumer, assigned: set[TopicPartition]) -> None:
        """Starts the partitions that are ours now; none is consumed before all of them are restored."""
        consumer.pause(*assigned)
        inputs = together(assigned)
        fresh = {number: Partition(self._settings, number, GROUP, self._tell, self._patience.over) for number in inputs}
        try:
            await asyncio.gather(*(partition.start(consumer, inputs[number]) for number, partition in fresh.items()))
        except Exception as error:
            # The client only logs what its listener raises; the consuming loop raises it again.
            self._failed = error
        else:
            self._patience.over()
        self._partitions.update(fresh)
        self._inputs = [place for places in inputs.values() for place in places]
        consumer.resume(*self._inputs)
        self.ready = True
        log.info("partitions restored", extra={"partitions": sorted(inputs)})

    async def let_go(self) -> None:
        """Commits and forgets every partition; the next owner restores it."""
        partitions, self._partitions, self._inputs = self._partitions, {}, []
        await asyncio.gather(*(partition.stop() for partition in partitions.values()), return_exceptions=True)

    def _raise_failure(self) -> None:
        failures = [self._failed, *(partition.failure() for partition in self._partitions.values())]
        for failure in failures:
            if failure is not None:
                raise failure


def together(assigned: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
    """The partitions that are folded as one, by their number.

    While members know of different sites one may be given copies of a number whose own facts another has: those wait.
    """
    found: dict[int, list[TopicPartition]] = {}
    for place in sorted(assigned):
        found.setdefault(place.partition, []).append(place)
    return {number: places for number, places in found.items() if TopicPartition(FACTS.name, number) in places}


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    def __init__(self, follower: Follower, consumer: AIOKafkaConsumer) -> None:
        self._follower = follower
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            telemetry.taken(GROUP)
        await self._follower.let_go()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._follower.take_over(self._consumer, assigned)
        telemetry.assigned(GROUP, assigned)
