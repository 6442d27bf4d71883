"""What the worker runtime promises, on a real broker: order, retries, and no aborted records."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app import config
from app.bus import Producer
from app.core.topics import DEAD, Topic
from tests.integration.conftest import Servers
from tests.waiting import eventually, until
from workers import faustapp
from workers.harness import Handler, Hopeless, Record


@pytest.fixture
async def topic(servers: Servers) -> AsyncIterator[Topic]:
    """A topic of its own for each test, with two partitions and a retry topic."""
    name = f"test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    names = [name, f"{name}.retry.5s", f"{name}.retry.30s"]
    await admin.create_topics([NewTopic(each, 2, 1) for each in names])
    yield Topic(name=name, key="", carries=(), keep=None, retries=("5s", "30s"))
    await admin.delete_topics(names)
    await admin.close()


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(settings(servers))
    await made.start()
    yield made
    await made.stop()


def settings(servers: Servers) -> config.Process:
    return config.Process(process_name=f"test.{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)


@asynccontextmanager
async def consuming(
    servers: Servers, producer: Producer, topic: Topic, handle: Handler, *, committed: bool = False, by_key: int = 0
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(
        faustapp.run(
            settings(servers),
            group=f"g.{topic.name}",
            subscriptions={topic: handle},
            outlet=producer,
            committed=committed,
            by_key=by_key,
            stop=stop,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await running


async def test_each_record_of_a_partition_comes_once_and_in_order(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    seen: list[Record] = []

    async def keep(record: Record) -> None:
        seen.append(record)

    for number in range(40):
        await producer.send(
            topic, key=b"k", value=str(number).encode(), partition=number % 2, headers=[("segment", b"{}")]
        )
    async with consuming(servers, producer, topic, keep):
        await until(lambda: len(seen) == 40)
    for partition in (0, 1):
        values = [int(record.value or b"") for record in seen if record.partition == partition]
        assert values == list(range(partition, 40, 2))
    assert seen[0].headers["segment"] == b"{}"
    assert "traceparent" in seen[0].headers


async def test_after_an_orderly_stop_nothing_is_handled_again(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    seen: list[bytes | None] = []

    async def keep(record: Record) -> None:
        seen.append(record.value)

    await producer.publish(topic, key=None, value=b"1", partition=0)
    await producer.publish(topic, key=None, value=b"2", partition=0)
    async with consuming(servers, producer, topic, keep):
        await until(lambda: len(seen) == 2)
    await producer.publish(topic, key=None, value=b"3", partition=0)
    async with consuming(servers, producer, topic, keep):
        await until(lambda: len(seen) == 3)
    assert seen == [b"1", b"2", b"3"]


async def test_a_failing_record_steps_aside_comes_back_when_due_and_the_others_go_on(
    servers: Servers, producer: Producer, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bytes | None, int]] = []

    async def fail_once(record: Record) -> None:
        seen.append((record.value, record.attempts))
        if record.value == b"bad" and not record.attempts:
            raise ZeroDivisionError

    await producer.publish(topic, key=b"k", value=b"bad", partition=0)
    await producer.publish(topic, key=b"k", value=b"good", partition=0)
    async with consuming(servers, producer, topic, fail_once):
        await until(lambda: len(seen) == 3)
    assert seen == [(b"bad", 0), (b"good", 0), (b"bad", 1)]


async def test_a_hopeless_record_is_found_in_the_dead_letter_topic(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    done: list[bytes | None] = []

    async def refuse(record: Record) -> None:
        if record.value == b"poison":
            raise Hopeless("cannot be read")
        done.append(record.value)

    await producer.publish(topic, key=b"k", value=b"poison", partition=1)
    await producer.publish(topic, key=b"k", value=b"fine", partition=1)
    async with consuming(servers, producer, topic, refuse):
        await until(lambda: done == [b"fine"])
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition(DEAD.name, number) for number in range(await producer.partitions(DEAD))]
    consumer.assign(partitions)
    async with asyncio.timeout(60):
        async for record in consumer:
            headers = dict(record.headers)
            if headers.get("origin", b"").startswith(topic.name.encode()):
                break
    await consumer.stop()
    assert record.value == b"poison"
    assert headers["origin"] == f"{topic.name}/1/0".encode()
    assert headers["reason"].startswith(b"Hopeless: cannot be read")


async def test_records_of_an_aborted_transaction_are_never_seen(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    seen: list[bytes | None] = []

    async def keep(record: Record) -> None:
        seen.append(record.value)

    teller = AIOKafkaProducer(bootstrap_servers=servers.kafka, transactional_id=uuid4().hex)
    await teller.start()
    await teller.begin_transaction()
    await teller.send_and_wait(topic.name, b"aborted", partition=0)
    await teller.abort_transaction()
    async with teller.transaction():
        await teller.send_and_wait(topic.name, b"committed", partition=0)
    async with consuming(servers, producer, topic, keep, committed=True):
        await until(lambda: bool(seen))
    await teller.stop()
    assert seen == [b"committed"]


async def test_by_key_hundreds_are_in_hand_and_each_key_keeps_its_order(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    seen: list[tuple[bytes | None, bytes | None]] = []
    together = most = 0
    all_there = asyncio.Event()

    async def wait(record: Record) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        if most == 100:
            all_there.set()
        async with asyncio.timeout(60):
            await all_there.wait()
        together -= 1
        seen.append((record.key, record.value))

    for number in range(200):
        await producer.send(topic, key=b"%d" % (number % 100), value=b"%d" % (number // 100))
    async with consuming(servers, producer, topic, wait, by_key=1_000):
        await until(lambda: len(seen) == 200)
    assert most == 100
    for key in range(100):
        assert [value for each, value in seen if each == b"%d" % key] == [b"0", b"1"]


async def test_by_key_what_was_done_before_a_slow_one_comes_again_and_the_slow_one_is_not_lost(
    servers: Servers, producer: Producer, topic: Topic
) -> None:
    slow = asyncio.Event()
    first: list[bytes | None] = []

    async def hang(record: Record) -> None:
        if record.key == b"slow":
            await slow.wait()
        first.append(record.value)

    for number, key in enumerate([b"a", b"slow", b"b", b"c", b"d"]):
        await producer.publish(topic, key=key, value=b"%d" % number, partition=0)
    async with consuming(servers, producer, topic, hang, by_key=100):
        await until(lambda: len(first) == 4)
        consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, group_id=f"g.{topic.name}")
        await consumer.start()
        await eventually(lambda: consumer.committed(TopicPartition(topic.name, 0)), lambda offset: offset is not None)
        await asyncio.sleep(1.5)  # two more commits, which must not pass the slow one
        committed = await consumer.committed(TopicPartition(topic.name, 0))
        await consumer.stop()
        slow.set()
    assert committed == 1
    seen: list[bytes | None] = []

    async def keep(record: Record) -> None:
        seen.append(record.value)

    await producer.publish(topic, key=b"e", value=b"5", partition=0)
    async with consuming(servers, producer, topic, keep, by_key=100):
        await until(lambda: b"5" in seen)
    assert seen == [b"5"]
