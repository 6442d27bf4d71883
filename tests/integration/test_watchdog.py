"""Processes that are stuck end themselves, and whoever comes next finds everything; those that wait stay."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app import config, watchdog
from app.bus import Producer
from app.core.topics import Topic
from tests.integration.conftest import Servers

WORKER = """
import asyncio, sys, time
from app import config
from app.bus import Producer
from app.core.errors import TryAgain
from app.core.topics import Topic
from workers import faustapp
from workers.harness import Policy

async def hang(record):
    await asyncio.Event().wait()

async def block(record):
    time.sleep(3600)

async def away(record):
    print("away", flush=True)
    raise TryAgain("PostgreSQL is away")

async def work(record):
    print(record.value.decode(), flush=True)

async def main(kafka, group, topic, handler, patience):
    settings = config.Process(process_name="stuck.1", kafka_bootstrap=kafka)
    producer = Producer(settings)
    await producer.start()
    topic = Topic(name=topic, key="", carries=(), keep=None)
    await faustapp.run(settings, group=group, subscriptions={topic: globals()[handler]}, outlet=producer,
                       patience=float(patience), policy=Policy(patience=20.0))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def topic(servers: Servers) -> AsyncIterator[Topic]:
    """A topic with one record."""
    name = f"test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    made = Topic(name=name, key="", carries=(), keep=None)
    producer = Producer(config.Process(process_name="test", kafka_bootstrap=servers.kafka))
    await producer.start()
    await producer.publish(made, key=None, value=b"done at last")
    await producer.stop()
    yield made
    await admin.delete_topics([name])
    await admin.close()


async def start(servers: Servers, topic: Topic, handler: str, patience: float = 3.0) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER, servers.kafka, f"g.{topic.name}", topic.name, handler, str(patience)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


async def committed(servers: Servers, topic: Topic) -> int | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, group_id=f"g.{topic.name}", enable_auto_commit=False)
    await consumer.start()
    found: int | None = await consumer.committed(TopicPartition(topic.name, 0))
    await consumer.stop()
    return found


@pytest.mark.parametrize("handler", ["hang", "block"])
async def test_a_worker_that_is_stuck_ends_itself_and_the_next_one_does_its_work(
    servers: Servers, topic: Topic, handler: str
) -> None:
    stuck = await start(servers, topic, handler)
    async with asyncio.timeout(60):
        assert await stuck.wait() == watchdog.STUCK
    assert not await committed(servers, topic)
    fresh = await start(servers, topic, "work", patience=60)
    assert fresh.stdout is not None
    async with asyncio.timeout(60):
        assert await fresh.stdout.readline() == b"done at last\n"
    fresh.terminate()
    assert await fresh.wait() == 0
    assert await committed(servers, topic) == 1


async def test_a_worker_that_waits_for_the_world_stays_a_member_and_leaves_when_its_patience_ends(
    servers: Servers, topic: Topic
) -> None:
    """It waits for longer than a session lasts without heartbeats (10 s), and nobody takes its partition away."""
    waiting = await start(servers, topic, "away", patience=30)
    assert waiting.stdout is not None
    async with asyncio.timeout(60):
        assert await waiting.stdout.readline() == b"away\n"
        began = time.monotonic()
        admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
        await admin.start()
        members = set()
        while time.monotonic() - began < 12:
            [response] = await admin.describe_consumer_groups([f"g.{topic.name}"])
            [group] = response.groups
            members.add((group[2], *(member[0] for member in group[5])))
            await asyncio.sleep(0.5)
        await admin.close()
        assert len(members) == 1
        assert next(iter(members))[0] == "Stable"
        assert await waiting.wait() == 75
    assert not await committed(servers, topic)
