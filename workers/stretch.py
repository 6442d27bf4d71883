"""A stretch of the log, from wherever one likes to its end as it stands, read by a consumer of nobody's group."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from app import bus, config
from app.core.errors import TryAgain
from app.core.topics import Topic

Start = float | Literal["beginning", "now"]
"""Where to begin; a number is a time in Unix seconds."""

BATCH = 64
"""Records in memory at a time."""


@asynccontextmanager
async def consuming(settings: config.Process) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that leaves nothing behind and reads committed records only.

    Raises TryAgain for whatever Kafka says inside; also when records leave the log before they were read.
    """
    consumer = AIOKafkaConsumer(
        **bus.connection(settings),
        client_id=settings.process_name,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        yield consumer
    except OffsetOutOfRangeError as error:
        raise TryAgain("records left the log before they were read: begin anew, and keep more of it") from error
    except (KafkaError, OSError) as error:
        raise TryAgain(f"Kafka is away: {error}") from error
    finally:
        await consumer.stop()


async def begin(consumer: AIOKafkaConsumer, starts: Mapping[Topic, Start]) -> dict[str, int]:
    """Assigns all of these topics, each from its start on. Says of each how many records before that left the log."""
    offsets: dict[TopicPartition, int] = {}
    left: dict[str, int] = {}
    for topic, start in starts.items():
        found, left[topic.name] = await located(consumer, await bus.partitions_of(consumer, topic), start)
        offsets.update(found)
    consumer.assign(list(offsets))
    for place, offset in offsets.items():
        consumer.seek(place, offset)
    return left


async def located(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], start: Start
) -> tuple[dict[TopicPartition, int], int]:
    """The offset of `start` in each partition, and how many records in front of it are not in the log any more."""
    if not places:
        return {}, 0
    begins: dict[TopicPartition, int] = await consumer.beginning_offsets(places)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
    if start == "now":
        return ends, 0
    if start == "beginning":
        return begins, sum(begins.values())
    found = await consumer.offsets_for_times(dict.fromkeys(places, max(0, int(start * 1000))))
    offsets = {place: ends[place] if at is None else at.offset for place, at in found.items()}
    return offsets, sum(begin for place, begin in begins.items() if begin == offsets[place])


async def ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Where each assigned partition ends as it stands."""
    found: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
    return found


async def left(consumer: AIOKafkaConsumer, to: Mapping[TopicPartition, int]) -> int:
    """How many records there are between here and there."""
    return sum([max(0, end - await consumer.position(place)) for place, end in to.items()])


async def batches(consumer: AIOKafkaConsumer, to: Mapping[TopicPartition, int]) -> AsyncIterator[list[ConsumerRecord]]:
    """What there is from here to there, and perhaps some more, in the order of each partition."""
    while await left(consumer, to):
        found = await consumer.getmany(timeout_ms=500, max_records=BATCH)
        yield [record for records in found.values() for record in records]
