"""Brings records that wait in a retry topic back to their origin when they are due.

A pump holds no rule of its own: handling happens in one place, the origin's consumer, which sees the number
of attempts in the headers. It is a plain consumer, because a Faust agent that sleeps would hold up rebalances.
"""

import asyncio
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from app import bus, config, trace
from app.core.errors import TryAgain
from app.core.topics import Topic, retry_topic
from workers.harness import Outlet


async def pump(settings: config.Process, origin: Topic, delay: str, outlet: Outlet) -> None:
    """Follows one retry topic for ever; waits out what is the world's fault."""
    await bus.forever(
        lambda: _follow(settings, origin, retry_topic(origin, delay), outlet), f"retries of {origin.name}"
    )


def pumps(settings: config.Process, origins: Iterable[Topic], outlet: Outlet) -> list[asyncio.Task[None]]:
    """A running pump for each retry topic of these."""
    return [
        asyncio.create_task(pump(settings, origin, delay, outlet), name=f"{origin.name} again after {delay}")
        for origin in origins
        for delay in origin.retries
    ]


async def _follow(settings: config.Process, origin: Topic, waiting: Topic, outlet: Outlet) -> None:
    consumer = AIOKafkaConsumer(
        waiting.name,
        **bus.connection(settings),
        group_id=waiting.name,
        client_id=f"{settings.process_name}-{waiting.name}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_interval_ms=600_000,
    )
    await consumer.start()
    try:
        async for record in consumer:
            headers = dict(record.headers)
            due = float(headers.pop("due", b"0"))
            await asyncio.sleep(max(0.0, due - time.time()))
            came = headers.pop("traceparent", None)
            trace.enter(came.decode() if came else None)
            await outlet.publish(origin, key=record.key, value=record.value, headers=list(headers.items()))
            await _commit(consumer, record.topic, record.partition, record.offset + 1)
    finally:
        await consumer.stop()


async def _commit(consumer: AIOKafkaConsumer, topic: str, partition: int, offset: int) -> None:
    try:
        await consumer.commit({TopicPartition(topic, partition): offset})
    except CommitFailedError:
        return  # the partition moved while we slept: its new owner brings the record back once more, which is harmless
    except KafkaError as error:
        raise TryAgain(f"Kafka did not take an offset: {error}") from error
