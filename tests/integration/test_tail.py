"""A consumer of one's own: any topic from its beginning, a moment or now, alone or as a group with a position."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from app import bus, config
from app.core.errors import Rejected
from app.core.events import CancelRequested
from app.core.topics import FACTS
from app.core.workspaces import workspace_id
from tests.integration.conftest import Servers
from tests.waiting import eventually
from workers import tail
from workers.stretch import Start
from workers.tail import Wanted


@pytest.fixture
def settings(servers: Servers) -> config.Process:
    return config.Process(process_name=f"tail-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)


class Book:
    """A workspace of its own, whose facts this test writes."""

    def __init__(self, settings: config.Process, producer: AIOKafkaProducer) -> None:
        self.settings = settings
        self.slug = f"w{uuid4().hex[:10]}"
        self.workspace = workspace_id(self.slug)
        self._producer = producer

    async def write(self, *by: str, at: float | None = None) -> None:
        for name in by:
            fact = CancelRequested(workspace=self.workspace, import_id=uuid4(), at=0, site="local", by=name)
            key = str(fact.import_id).encode()
            stamp = None if at is None else int(at * 1000)
            await self._producer.send_and_wait(FACTS.name, msgspec.json.encode(fact), key=key, timestamp_ms=stamp)

    async def read(self, start: Start = "beginning", group: str | None = None) -> list[str]:
        """Who is named in the facts of this workspace, up to now."""
        found: list[str] = []
        wanted = Wanted(topic=FACTS, start=start, until_now=True, group=group, workspace=self.workspace)
        async with asyncio.timeout(60):
            await tail.follow(self.settings, wanted, lambda record: found.append(by(record)))
        return sorted(found)


def by(record: ConsumerRecord) -> str:
    return str(json.loads(record.value)["by"])


@pytest.fixture
async def book(settings: config.Process) -> AsyncIterator[Book]:
    producer = AIOKafkaProducer(**bus.connection(settings))
    await producer.start()
    yield Book(settings, producer)
    await producer.stop()


async def test_a_topic_is_read_from_its_beginning_and_of_one_workspace_only(book: Book) -> None:
    await book.write("ann", "bob")
    assert await book.read() == ["ann", "bob"]


async def test_a_topic_is_read_from_a_moment(book: Book) -> None:
    now = time.time()
    await book.write("ann", at=now - 7200)
    await book.write("bob", at=now - 60)
    assert await book.read(tail.start("1h", now)) == ["bob"]
    assert await book.read(tail.start("3h", now)) == ["ann", "bob"]
    assert await book.read(now + 3600) == []


async def test_from_now_only_what_comes_is_read(book: Book) -> None:
    await book.write("before")
    found: list[str] = []
    wanted = Wanted(topic=FACTS, workspace=book.workspace)
    following = asyncio.create_task(tail.follow(book.settings, wanted, lambda record: found.append(by(record))))

    async def look() -> list[str]:
        await book.write("after")
        return found

    await eventually(look, bool)
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert set(found) == {"after"}


async def test_a_group_goes_on_where_it_stopped_and_nobody_else_does(book: Book) -> None:
    group = f"crm-{uuid4().hex[:6]}"
    await book.write("ann")
    assert await book.read(group=group) == ["ann"]
    await book.write("bob")
    assert await book.read(group=group) == ["bob"]
    assert await book.read(group=f"{group}-other") == ["ann", "bob"]
    assert await book.read() == ["ann", "bob"]


async def test_the_command_prints_whole_records_as_json(book: Book, servers: Servers) -> None:
    await book.write("ann")
    command = [sys.executable, "-m", "workers", "tail", "import.facts", "--from", "1h", "--to", "now", "--json"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--workspace", book.slug],
        env={**os.environ, "KAFKA_BOOTSTRAP": servers.kafka},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    record: dict[str, Any] = json.loads(line)
    assert record["topic"] == "import.facts"
    assert UUID(record["key"]) == UUID(record["value"]["import_id"])
    assert (record["value"]["type"], record["value"]["by"]) == ("import.cancel_requested", "ann")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda: tail.topic("contacts"), "no_such_topic"),
        (lambda: tail.start("yesterday", 0), "bad_time"),
        (lambda: tail.workspace("No Slug"), "bad_slug"),
    ],
)
def test_a_wrong_question_is_refused(wrong: Callable[[], object], code: str) -> None:
    with pytest.raises(Rejected) as refused:
        wrong()
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 999_910.0),
        ("2h", 992_800.0),
        ("1d", 913_600.0),
        ("1970-01-01T00:01", 60.0),
        ("1970-01-01T01:01+01:00", 60.0),
    ],
)
def test_moments_are_understood_in_utc(text: str, seconds: float) -> None:
    assert tail.start(text, 1_000_000) == seconds
