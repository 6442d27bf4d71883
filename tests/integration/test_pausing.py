"""Pause, go on, skip: what an operator orders a running consumer, through `settings`, without a restart."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app import config
from app.bus import Producer
from app.core.groups import CONSUMER
from app.core.topics import Topic
from app.settings import GLOBAL, Settings
from tests.integration.conftest import Servers
from tests.waiting import until
from workers import faustapp
from workers.harness import Record


@pytest.fixture
async def topic(servers: Servers) -> AsyncIterator[Topic]:
    name = f"test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    yield Topic(name=name, key="", carries=(), keep=None)
    await admin.delete_topics([name])
    await admin.close()


class Operator:
    """Gives orders to the group that reads a topic."""

    def __init__(self, group: str, producer: Producer, settings: Settings) -> None:
        self.group, self.producer, self.settings = group, producer, settings

    async def order(self, **orders: object) -> None:
        await self.settings.put(self.producer, GLOBAL, f"{CONSUMER}{self.group}", orders)


@pytest.fixture
async def operator(servers: Servers, topic: Topic) -> AsyncIterator[Operator]:
    process = config.Process(process_name=f"operator-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)
    producer, settings = Producer(process), Settings(process)
    await producer.start()
    await settings.start()
    yield Operator(f"g.{topic.name}", producer, settings)
    await settings.stop()
    await producer.stop()


@asynccontextmanager
async def consuming(servers: Servers, operator: Operator, topic: Topic, seen: list[str]) -> AsyncIterator[None]:
    stop = asyncio.Event()

    async def keep(record: Record) -> None:
        seen.append((record.value or b"").decode())

    running = asyncio.create_task(
        faustapp.run(
            config.Process(process_name=f"test.{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka),
            group=operator.group,
            subscriptions={topic: keep},
            outlet=operator.producer,
            stop=stop,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await running


async def test_a_running_consumer_pauses_and_goes_on_and_nothing_is_lost(
    servers: Servers, operator: Operator, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    async with consuming(servers, operator, topic, seen):
        await operator.producer.publish(topic, key=None, value=b"0")
        await until(lambda: seen == ["0"])
        await operator.order(paused=True)
        # It is on its way to a consumer that says so when it has come.
        await until(lambda: any(record.getMessage() == "orders changed" for record in caplog.records))
        for number in range(1, 30):
            await operator.producer.publish(topic, key=None, value=b"%d" % number)
        await asyncio.sleep(1.0)
        assert seen == ["0"]
        await operator.order(paused=False)
        await until(lambda: len(seen) == 30)
    assert seen == [str(number) for number in range(30)]


async def test_a_record_that_is_skipped_goes_to_the_dead_letters_and_its_neighbours_are_handled(
    servers: Servers, operator: Operator, topic: Topic
) -> None:
    seen: list[str] = []
    await operator.order(skip=[f"{topic.name}/0/1"])
    for number in range(3):
        await operator.producer.publish(topic, key=None, value=b"%d" % number)
    async with consuming(servers, operator, topic, seen):
        await until(lambda: "2" in seen)
    assert seen == ["0", "2"]


WORKER = """
import asyncio, sys
from app import config
from app.bus import Producer
from app.core.topics import Topic
from workers import faustapp
from tests.waiting import until

async def keep(record):
    print(record.value.decode(), flush=True)

async def main(kafka, group, topic):
    settings = config.Process(process_name="paused.1", kafka_bootstrap=kafka)
    producer = Producer(settings)
    await producer.start()
    topic = Topic(name=topic, key="", carries=(), keep=None)
    await faustapp.run(settings, group=group, subscriptions={topic: keep}, outlet=producer,
                       ready=lambda ready: print("ready", flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_paused_process_stops_at_once_and_the_record_in_its_hand_is_handled_by_the_next(
    servers: Servers, operator: Operator, topic: Topic
) -> None:
    await operator.order(paused=True)
    await operator.producer.publish(topic, key=None, value=b"in hand")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER, servers.kafka, operator.group, topic.name),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(1.5)  # long enough to have taken the record
        process.send_signal(signal.SIGTERM)
        said = await process.stdout.read()
        assert (await process.wait(), said.replace(b"ready\n", b"")) == (0, b"")  # ready again after a rebalance
    await operator.order(paused=False)
    seen: list[str] = []
    async with consuming(servers, operator, topic, seen):
        await until(lambda: seen == ["in hand"])
