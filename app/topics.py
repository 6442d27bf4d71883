"""`python -m app.topics` creates every topic of `app.core.topics` and checks the partitions of those that exist.

Those that are copied from other data centres (REMOTE_SITES) are made here, too, so that nobody waits for the copying.

Workers have no right to create topics. Partition counts are equal for all and fixed once, because keys stay where
they are and `imports` is co-partitioned with `import.facts`; a difference is refused, never mended.
"""

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from app import bus, config
from app.core.errors import TryAgain
from app.core.topics import DAY, Topic, every_topic

# What a record needs beside its value: key, headers, the batch around it.
_SLACK_BYTES = 65_536
_ASKING = logging.getLogger("aiokafka.consumer.fetcher")


class WrongPartitions(Exception):
    """Topics exist with another number of partitions; the message is one line that names them."""


def properties(topic: Topic, copies: int = 1) -> dict[str, str]:
    """The broker's settings for `topic`. People's data leaves the disk at most a day after its time.

    With three copies of a record two must be there before it is acknowledged: one broker may be lost, and nothing is.
    """
    settings = {
        "max.message.bytes": str(topic.record_bytes + _SLACK_BYTES),
        "min.insync.replicas": "2" if copies > 2 else "1",
    }
    if topic.keep is None:
        # Small and read whole at every start: compacted early and in small steps.
        settings |= {
            "cleanup.policy": "compact",
            "segment.ms": _milliseconds(timedelta(hours=1)),
            "min.cleanable.dirty.ratio": "0.2",
            "max.compaction.lag.ms": _milliseconds(DAY),
            "delete.retention.ms": _milliseconds(DAY),
        }
    else:
        settings |= {
            "cleanup.policy": "delete",
            "retention.ms": _milliseconds(topic.keep),
            "segment.ms": _milliseconds(min(topic.keep, DAY)),
        }
    return settings


def difference(wanted: Iterable[str], partitions: int, found: Mapping[str, int]) -> str | None:
    """One sentence on the topics that exist with another number of partitions; None when there are none."""
    wrong = {name: found[name] for name in wanted if found.get(name, partitions) != partitions}
    if not wrong:
        return None
    numbers = sorted(set(wrong.values()))
    first = next(iter(wrong))
    return (
        f"PARTITIONS is {partitions}, but {first} and {len(wrong) - 1} other topics exist with"
        f" {' or '.join(map(str, numbers))}: the number is fixed once, set PARTITIONS={numbers[0]}"
    )


async def ensure(settings: config.Topics) -> list[str]:
    """Creates what is missing and returns the names, once every partition is served.

    A broker says "created" before it has made their files: a busy one takes many seconds for that. Raises
    WrongPartitions, TryAgain.
    """
    admin = AIOKafkaAdminClient(**bus.connection(settings), client_id=settings.process_name)
    try:
        await admin.start()
        found = await _found(admin)
        topics = every_topic(settings.others)
        if wrong := difference([topic.name for topic in topics], settings.partitions, found):
            raise WrongPartitions(wrong)
        missing = [topic for topic in topics if topic.name not in found]
        if missing:
            await _create(admin, missing, settings)
        await _served(settings, topics)
        return [topic.name for topic in missing]
    except (KafkaError, OSError) as error:
        raise TryAgain(f"Kafka at {settings.kafka_bootstrap} did not create the topics: {error!r}") from error
    finally:
        await admin.close()


async def ensure_within(settings: config.Topics, seconds: float) -> list[str]:
    """Like `ensure`, and waits this long for a broker that is still starting. Raises WrongPartitions, TryAgain."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await ensure(settings)
        except TryAgain:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _found(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic], settings: config.Topics) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                settings.partitions,
                settings.replication,
                None,
                properties(topic, settings.replication),
            )
            for topic in missing
        ]
    )
    for name, code, why in answer.topic_errors:
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:  # another `app.topics` may have been faster
            raise error(f"{name}: {why}")


async def _served(settings: config.Topics, topics: Iterable[Topic]) -> None:
    consumer = AIOKafkaConsumer(**bus.connection(settings), client_id=settings.process_name)
    # It asks again until a partition is served, and would log an error each time.
    _ASKING.setLevel(logging.CRITICAL)
    await consumer.start()
    try:
        await consumer.end_offsets([each for topic in topics for each in await bus.partitions_of(consumer, topic)])
    finally:
        await consumer.stop()
        _ASKING.setLevel(logging.NOTSET)


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


def main() -> None:
    settings = config.read_or_exit(config.Topics)
    try:
        created = asyncio.run(ensure_within(settings, 60))
    except (WrongPartitions, TryAgain) as error:
        print(f"addressbus: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    print(f"{len(created)} topics created, {len(every_topic(settings.others)) - len(created)} were there")


if __name__ == "__main__":
    main()
