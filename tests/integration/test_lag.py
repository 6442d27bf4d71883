"""How far a group is behind, as Kafka tells it from outside."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app import config
from app.core.errors import TryAgain
from app.core.topics import DAY, Topic
from app.lag import Lag, Lags
from tests.integration.conftest import Servers
from tests.waiting import eventually


@pytest.fixture
async def topic(servers: Servers) -> AsyncIterator[Topic]:
    name = f"test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    yield Topic(name=name, key="", carries=(), keep=None)
    await admin.delete_topics([name])
    await admin.close()


async def commit(servers: Servers, topic: Topic, offsets: dict[int, int]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, group_id=f"g.{topic.name}", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic.name, number) for number in offsets])
    await consumer.commit({TopicPartition(topic.name, number): offset for number, offset in offsets.items()})
    await consumer.stop()


@asynccontextmanager
async def looking(servers: Servers, topic: Topic) -> AsyncIterator[Lags]:
    process = config.Process(process_name="test", kafka_bootstrap=servers.kafka)
    made = Lags(process, {f"g.{topic.name}": (topic,)}, (topic,))
    try:
        await eventually(lambda: _looked(made), bool)  # a new broker makes the place for offsets when asked
        yield made
    finally:
        await made.close()


async def _looked(lags: Lags) -> bool:
    try:
        await lags.look()
    except TryAgain:
        return False
    return True


async def only(lags: Lags) -> Lag:
    [lag] = (await lags.look()).lags()
    return lag


async def test_lag_is_what_is_not_committed_and_as_old_as_its_oldest_record(servers: Servers, topic: Topic) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka)
    await producer.start()
    now = time.time()
    for number, age in enumerate((300, 200, 100)):
        await producer.send_and_wait(topic.name, b"x", partition=0, timestamp_ms=int((now - age) * 1000))
        await producer.send_and_wait(topic.name, b"x", partition=1, timestamp_ms=int((now - age + number) * 1000))
    await producer.stop()
    async with looking(servers, topic) as measured:
        lag = await only(measured)
        assert lag.records == 6
        assert 300 <= lag.oldest <= 300 + time.time() - now + 0.1
        await commit(servers, topic, {0: 2, 1: 1})
        lag = await only(measured)
        assert lag.records == 3
        assert 199 <= lag.oldest <= 199 + time.time() - now + 0.1
        await commit(servers, topic, {0: 3, 1: 3})
        assert await only(measured) == Lag(f"g.{topic.name}", topic.name, 0, 0.0)


async def test_the_marks_of_transactions_are_no_records(servers: Servers, topic: Topic) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka, transactional_id=uuid4().hex)
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(topic.name, b"x", partition=0)
    await producer.stop()
    async with looking(servers, topic) as measured:
        await eventually(lambda: only(measured), lambda lag: lag.records > 0)  # the mark comes after the answer
        await commit(servers, topic, {0: 1})
        assert (await only(measured)).records == 0


async def test_the_age_of_what_came_while_we_looked_is_known_without_reading_it(servers: Servers, topic: Topic) -> None:
    kept = replace(topic, keep=DAY)
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka)
    await producer.start()
    async with looking(servers, kept) as measured:
        assert (await only(measured)).records == 0
        long_ago = int((time.time() - 5000) * 1000)  # what is read would say so
        await producer.send_and_wait(topic.name, b"x", partition=0, timestamp_ms=long_ago)
        lag = await only(measured)
        assert lag.records == 1
        assert 0 < lag.oldest < 60
    await producer.stop()
