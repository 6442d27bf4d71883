"""Kafka for everybody: a producer that translates errors, and LiveMap, a compacted topic in memory."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.helpers import create_ssl_context

from app import config, trace
from app.core.errors import TryAgain
from app.core.topics import SEGMENT_RECORD_BYTES, Topic, at_home, everywhere

log = logging.getLogger(__name__)
V = TypeVar("V")
Headers = Sequence[tuple[str, bytes]]
_KAFKA = {"messaging.system": "kafka"}


def connection(settings: config.Process) -> dict[str, Any]:
    """Keyword arguments with which any aiokafka client connects."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.endswith("SSL"):
        context: ssl.SSLContext = create_ssl_context(cafile=settings.kafka_ca_file or None)
        arguments["ssl_context"] = context
    if settings.kafka_security.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_username
        arguments["sasl_plain_password"] = settings.kafka_password
    return arguments


class Producer:
    """An idempotent producer, acks=all. Every record carries `traceparent`."""

    def __init__(self, settings: config.Process, *, linger_ms: int = 2) -> None:
        self._arguments = {
            **connection(settings),
            "client_id": settings.process_name,
            "acks": "all",
            "enable_idempotence": True,
            # aiokafka's lz4 is the slow high-compression one: zstd needs a fifth of its time and yields less.
            "compression_type": "zstd",
            "linger_ms": linger_ms,
            "max_request_size": SEGMENT_RECORD_BYTES + 65_536,
            "max_batch_size": 1_048_576,
            "request_timeout_ms": 30_000,
        }
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connects. Raises TryAgain when no broker answers."""
        producer = AIOKafkaProducer(**self._arguments)
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise TryAgain(f"Kafka is away: {error}") from error
        self._producer = producer

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def send(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> "asyncio.Future[object]":
        """Hands a record over; the future resolves once every replica has it. Raises TryAgain."""
        assert self._producer is not None, "start() comes first"
        name = topic if isinstance(topic, str) else topic.name
        assert at_home(name) == name, "what was copied from another data centre is only read"
        span = trace.span(f"send {name}", "producer", _KAFKA)
        try:
            future: asyncio.Future[object] = await self._producer.send(
                name,
                value,
                key=key,
                partition=partition,
                headers=[*headers, ("traceparent", span.traceparent.encode())],
            )
        except MessageSizeTooLargeError:
            raise  # no repetition makes it smaller
        except KafkaError as error:
            raise TryAgain(f"Kafka did not take a record: {error}") from error
        span.until(future)
        return future

    async def publish(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Like `send`, and waits for the acknowledgement. Raises TryAgain."""
        await acknowledged([await self.send(topic, key=key, value=value, headers=headers, partition=partition)])

    async def partitions(self, topic: Topic) -> int:
        """How many partitions `topic` has."""
        assert self._producer is not None, "start() comes first"
        try:
            return len(await self._producer.partitions_for(topic.name))
        except KafkaError as error:
            raise TryAgain(f"Kafka does not know {topic.name}: {error}") from error


async def acknowledged(futures: Sequence["asyncio.Future[object]"]) -> None:
    """Waits until all these records are safe. Raises TryAgain, or MessageSizeTooLargeError if one never will be."""
    try:
        await asyncio.gather(*futures)
    except MessageSizeTooLargeError:
        raise
    except KafkaError as error:
        raise TryAgain(f"Kafka did not acknowledge a record: {error}") from error


_CATCH_UP_SECONDS = 30


class LiveMap(Generic[V]):
    """A compacted topic, with what other data centres copy of theirs, in memory: one dict look-up and no network.

    `decode` turns key and value into (map key, value); a value of None removes the key; a result of
    None means that this map does not keep the record. Readers pass whole keys, which hold the workspace. `travels` says
    whether what another data centre has under a key holds here, too.
    """

    def __init__(
        self,
        settings: config.Process,
        topic: Topic,
        decode: Callable[[bytes, bytes | None], tuple[tuple[str, ...], V | None] | None],
        *,
        changed: Callable[[tuple[str, ...], V | None], None] | None = None,
        keep: Callable[[V | None, V], bool] = lambda old, new: True,
        travels: Callable[[tuple[str, ...]], bool] = lambda name: True,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._topics = everywhere(topic, settings.others)
        self._decode = decode
        self._changed = changed
        self._keep = keep
        self._travels = travels
        self._values: dict[tuple[str, ...], V] = {}
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._moved = asyncio.Event()

    def get(self, *key: str) -> V | None:
        """The value under this key, the workspace first."""
        return self._values.get(key)

    def values(self) -> Mapping[tuple[str, ...], V]:
        """All of it, to be looked through; not a copy."""
        return self._values

    def forget(self, *key: str) -> None:
        """Drops what a topic that is not compacted would otherwise leave here for ever."""
        self._values.pop(key, None)

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    async def start(self) -> None:
        """Follows the topic from now on; returns once the map has caught up with the end as it stands now."""
        self._task = asyncio.create_task(self._run(), name=f"livemap {self._topic.name}")
        waiter = asyncio.create_task(self._ready.wait())
        await asyncio.wait({waiter, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiter.cancel()
            self._task.result()

    async def catch_up(self) -> None:
        """Returns once the map knows all that the topic holds at this moment. Raises TryAgain.

        Whoever was told of a record by way of another topic asks for this before it says that there is none.
        """
        consumer = self._consumer
        if consumer is None or not self._ready.is_set():
            raise TryAgain(f"the topic {self._topic.name} is not followed yet")
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
                while not await _caught_up(consumer, ends):
                    self._moved.clear()
                    with suppress(TimeoutError):  # what compaction left out is passed over without a sign
                        await asyncio.wait_for(self._moved.wait(), 0.1)
        except (KafkaError, TimeoutError) as error:
            raise TryAgain(f"the end of {self._topic.name} is not known: {error!r}") from error

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await forever(self._follow, f"live map of {self._topic.name}")

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **connection(self._settings),
            client_id=f"{self._settings.process_name}-{self._topic.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=1_000,
        )
        await consumer.start()
        try:
            found = [each for topic in self._topics for each in await partitions_of(consumer, topic)]
            # Before anything is fetched: on its connection the question would wait for the answer to a fetch.
            ends: dict[TopicPartition, int] = await consumer.end_offsets(found)
            consumer.assign(found)
            self._consumer = consumer
            await consumer.seek_to_beginning()
            while True:
                if not self._ready.is_set() and await _caught_up(consumer, ends):
                    self._ready.set()
                batches = await consumer.getmany(timeout_ms=100 if not self._ready.is_set() else 60_000)
                for records in batches.values():
                    for record in records:
                        self._take(record.key, record.value, copied=record.topic != self._topic.name)
                self._moved.set()
        finally:
            self._consumer = None
            await consumer.stop()

    def learn(self, key: bytes, value: bytes) -> None:
        """Takes a record that this process has just written, so that it reads its own writes at once.

        Only for maps whose `keep` goes by a stamp: the record comes again, and so may older ones before it.
        """
        self._take(key, value)

    def _take(self, key: bytes, value: bytes | None, *, copied: bool = False) -> None:
        try:
            found = self._decode(key, value)
        except Exception:  # one bad record must not stop the map
            log.exception("record of a live map could not be read", extra={"topic": self._topic.name})
            return
        if found is None or (copied and not self._travels(found[0])):
            return
        name, new = found
        if new is None:
            self._values.pop(name, None)
        elif self._keep(self._values.get(name), new):
            self._values[name] = new
        else:
            return
        if self._changed is not None:
            self._changed(name, new)


async def partitions_of(consumer: AIOKafkaConsumer, topic: Topic) -> list[TopicPartition]:
    """Every partition of `topic`, sorted. Raises TryAgain while the broker does not know it."""
    await consumer._client.force_metadata_update()  # partitions_for_topic() only looks at what is cached
    await consumer._client.add_topic(topic.name)
    numbers = consumer.partitions_for_topic(topic.name)
    if not numbers:
        raise TryAgain(f"the topic {topic.name} does not exist (python -m app.topics creates it)")
    return [TopicPartition(topic.name, number) for number in sorted(numbers)]


async def _caught_up(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True


async def forever(work: Callable[[], Awaitable[None]], name: str) -> None:
    """Repeats `work` with back-off while the world is at fault; anything else ends it."""
    pause = 0.2
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
            return
        except (KafkaError, TryAgain, OSError) as error:
            if asyncio.get_running_loop().time() - started > 30:
                pause = 0.2
            log.warning("waiting for something we depend on", extra={"what": name, "why": str(error)})
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
