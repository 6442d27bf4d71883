"""The topics of both sites, read as they stand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

Kept = tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""A record as it is copied: time, key, value, headers."""


def kept(record: ConsumerRecord) -> Kept:
    return record.timestamp, record.key, record.value, tuple(record.headers)


@asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group and no topic yet."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def topics(bootstrap: str) -> set[str]:
    """What there is, Kafka's own topics left out."""
    async with reading(bootstrap) as consumer:
        return {str(name) for name in await consumer.topics() if not name.startswith("__")}


async def records(bootstrap: str, topic: str) -> dict[int, list[ConsumerRecord]]:
    """All that a topic holds now, by partition."""
    async with reading(bootstrap) as consumer:
        places = await _places(consumer, topic)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[ConsumerRecord]] = {place.partition: [] for place in places}
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, batch in (await consumer.getmany(timeout_ms=200)).items():
                found[place.partition] += [record for record in batch if record.offset < ends[place]]
        return found


@asynccontextmanager
async def delays(bootstrap: str, topic: str) -> AsyncIterator[list[float]]:
    """Seconds from a record's time to its being read here, of all that come while the body runs."""
    found: list[float] = []
    async with reading(bootstrap) as consumer:
        places = await _places(consumer, topic)
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

        async def listen() -> None:
            async for record in consumer:
                found.append(time.time() - record.timestamp / 1000)  # noqa: PERF401  # seen as they come

        listening = asyncio.create_task(listen())
        try:
            yield found
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


async def _places(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    await consumer._client.add_topic(topic)  # what is not asked for is not known
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
