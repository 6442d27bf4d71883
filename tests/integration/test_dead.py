"""A segment that is given up, seen and brought back by an operator: its import is right before and after."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app import config
from app.bus import Producer, partitions_of
from app.core.errors import Rejected
from app.core.events import Notice, Requested, Sealed
from app.core.groups import CONSUMER
from app.core.imports import State
from app.core.notices import SINCE
from app.core.topics import BULK, DEAD, FACTS, IMPORTS, NOTICES, spread
from app.dead import Letters, chosen
from app.settings import GLOBAL, Settings
from tests.importing_kafka import Upload, importer
from tests.integration.conftest import Servers
from tests.waiting import eventually
from workers.tracker.follow import Follower

ROWS = 20
_notice = msgspec.json.Decoder(Notice)


@pytest.fixture
def process(servers: Servers) -> config.Process:
    return config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)


@pytest.fixture
async def producer(process: config.Process) -> AsyncIterator[Producer]:
    made = Producer(process)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def tracking(process: config.Process) -> AsyncIterator[None]:
    follower = Follower(process)
    task = asyncio.create_task(follower.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def noticed(servers: Servers, channel: str) -> AsyncIterator[list[State]]:
    """The states that are told to a channel from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(await partitions_of(consumer, NOTICES))
    await consumer.seek_to_end()
    states: list[State] = []

    async def listen() -> None:
        async for record in consumer:
            notice = _notice.decode(record.value)
            if notice.channel == channel:
                assert 1.0 < float(dict(record.headers)[SINCE]) <= record.timestamp / 1000
                states.append(notice.state)

    task = asyncio.create_task(listen())
    try:
        yield states
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


@asynccontextmanager
async def orders(process: config.Process, producer: Producer) -> AsyncIterator[Any]:
    settings = Settings(process)
    await settings.start()

    async def order(**what: object) -> None:
        await settings.put(producer, GLOBAL, f"{CONSUMER}importer", what)

    try:
        yield order
    finally:
        await order()
        await settings.stop()


async def place_of(servers: Servers, upload: Upload, index: int, partitions: int) -> str:
    """Where the segment of this index that was just published lies."""
    partition = TopicPartition(BULK.name, spread(upload.id, index, partitions))
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka)
    await consumer.start()
    end = (await consumer.end_offsets([partition]))[partition]
    await consumer.stop()
    return f"{BULK.name}/{partition.partition}/{end - 1}"


def rows(start: int) -> list[str]:
    return [f"Person {number},p{number}@example.org,,Acme" for number in range(start, start + ROWS)]


def command(servers: Servers, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        env={**os.environ, "KAFKA_BOOTSTRAP": servers.kafka},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def run(servers: Servers, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same while a tracker in this process goes on, whom its group would miss otherwise."""
    return await asyncio.to_thread(command, servers, *arguments)


def contacts(servers: Servers, workspace: UUID) -> list[tuple[Any, ...]]:
    with psycopg.connect(servers.dsn("importer")) as connection:
        return connection.execute(
            "select match_key, name, version from contacts.contacts where workspace = %s order by match_key",
            [workspace],
        ).fetchall()


async def told(states: list[State], good: Any) -> State:
    async def look() -> list[State]:
        return list(states)

    found = await eventually(look, lambda states: any(good(state) for state in states))
    return next(state for state in reversed(found) if good(state))


async def test_a_buried_segment_counts_touches_no_neighbour_and_comes_in_when_it_is_replayed(
    servers: Servers, process: config.Process, producer: Producer
) -> None:
    upload, channel = Upload(producer, uuid4(), 1000), uuid4().hex
    where: dict[str, Any] = {"workspace": upload.workspace, "import_id": upload.id, "at": 1.0, "site": "here"}
    requested = Requested(**where, source="file", name="a.csv", order_second=1000, requested_by="me", channel=channel)
    sealed = Sealed(**where, segments=2, bytes=9, lines=2 * ROWS)
    async with noticed(servers, channel) as states, orders(process, producer) as order:
        await order(paused=True)
        for fact in (requested, sealed):
            await producer.publish(FACTS, key=str(upload.id).encode(), value=msgspec.json.encode(fact))
        await upload.segment(0, rows(0))
        await upload.segment(1, rows(ROWS))
        reference = await place_of(servers, upload, 1, await producer.partitions(BULK))
        await order(skip=[reference])
        async with tracking(process):
            with importer(servers, "importer.1"):
                buried = await told(states, lambda state: state.status == "finished")
                assert (buried.rows, buried.created, buried.rejected) == (2 * ROWS, ROWS, ROWS)
                assert buried.error is not None
                assert (buried.error.code, buried.error.detail) == (
                    "internal",
                    f"20 rows not imported: internal error ({reference})",
                )
                before = contacts(servers, upload.workspace)
                assert len(before) == ROWS

                listed = await run(servers, "dead", "list", "--import", str(upload.id), "--reason", "skipped")
                assert [line.split()[0] for line in listed.stdout.splitlines()] == [reference], listed.stderr
                shown = await run(servers, "dead", "show", reference)
                assert f"import: {upload.id}" in shown.stdout
                assert "header reason: Skipped: ordered by an operator" in shown.stdout
                assert "p21@example.org" not in shown.stdout + listed.stdout
                data = await run(servers, "dead", "show", reference, "--bytes")
                assert data.stdout.startswith("Person 20,p20@example.org")
                assert '"bytes of a dead letter were shown"' in data.stderr

                replayed = await run(servers, "dead", "replay", reference)
                assert replayed.returncode == 0, replayed.stderr
                mended = await told(states, lambda state: state.version > buried.version and state.rejected == 0)
                assert (mended.status, mended.rows, mended.created, mended.error) == ("finished", 40, 40, None)
    after = contacts(servers, upload.workspace)
    assert len(after) == 2 * ROWS
    assert set(before) <= set(after)
    letters = await Letters(process).read()
    letter = next(letter for letter in letters if letter.reference == reference)
    assert letter.replayed_at is not None
    assert chosen(letters, import_id=upload.id, waiting=True) == []
    assert reference in command(servers, "dead", "list", "--all").stdout


async def bury(producer: Producer, origin: str, value: bytes, **headers: str) -> None:
    sent = {"origin": origin, "reason": "ValueError at here:1 of x.py", "attempts": "3", **headers}
    await producer.publish(DEAD, key=b"k", value=value, headers=[(name, said.encode()) for name, said in sent.items()])


async def test_what_fails_again_after_a_replay_is_a_letter_that_waits(
    process: config.Process, producer: Producer
) -> None:
    letters, origin = Letters(process), f"{FACTS.name}/0/{uuid4().int}"
    await bury(producer, origin, b"{}")
    await letters.replay(producer, await letters.find(origin), by="me@here")
    replayed = await letters.find(origin)
    assert (replayed.replayed_by, replayed.attempts) == ("me@here", 3)
    await bury(producer, origin, b"{}", reason="KeyError at there:2 of y.py")
    again = await letters.find(origin)
    assert (again.replayed_at, again.kind) == (None, "KeyError")


async def test_the_mark_of_a_replay_does_not_hide_a_failure_that_came_before_it_was_written(
    process: config.Process, producer: Producer
) -> None:
    letters, origin = Letters(process), f"{FACTS.name}/0/{uuid4().int}"
    await bury(producer, origin, b"{}")
    first = await letters.find(origin)
    await bury(producer, origin, b"{}")
    await letters.replay(producer, first, by="me@here")
    assert (await letters.find(origin)).replayed_at is None


async def test_a_replayed_record_is_as_it_was_with_all_attempts_before_it(
    servers: Servers, process: config.Process, producer: Producer
) -> None:
    letters, origin = Letters(process), f"{BULK.name}/3/{uuid4().int}"
    import_id = uuid4()
    about = {"workspace": str(uuid4()), "import_id": str(import_id)}
    await bury(producer, origin, b"some bytes", segment=msgspec.json.encode(about).decode(), due="1.0")
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(await partitions_of(consumer, BULK))
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    letter = await letters.find(origin)
    assert letter.import_id == import_id
    await letters.replay(producer, letter, by="me@here")
    async with asyncio.timeout(60):
        record = await consumer.getone()
    await consumer.stop()
    headers = {name: value for name, value in record.headers if name != "traceparent"}
    assert (record.key, record.value) == (b"k", b"some bytes")
    assert headers == {"segment": msgspec.json.encode(about), "origin": origin.encode(), "replayed": b"me@here"}


async def test_old_states_are_never_brought_back_over_newer_ones(process: config.Process, producer: Producer) -> None:
    letters, origin = Letters(process), f"{IMPORTS.name}/0/{uuid4().int}"
    await bury(producer, origin, b"{}")
    with pytest.raises(Rejected) as refused:
        await letters.replay(producer, await letters.find(origin), by="me@here")
    assert refused.value.code == "not_replayable"


async def test_reading_again_reads_only_what_is_new(process: config.Process, producer: Producer) -> None:
    letters, origin = Letters(process), f"{FACTS.name}/0/{uuid4().int}"
    await letters.read()
    taken = []
    take = letters._take
    letters._take = lambda record: (taken.append(record), take(record))[1]  # type: ignore[method-assign,func-returns-value]
    await bury(producer, origin, b"{}")
    assert (await letters.read())[0].reference == origin
    assert len(taken) == 1


def test_a_reference_that_nobody_knows_is_one_clear_line(servers: Servers) -> None:
    asked = command(servers, "dead", "show", "no/such/letter")
    assert (asked.returncode, asked.stderr) == (2, "addressbus: No dead letter has the reference no/such/letter.\n")


def test_a_group_that_takes_no_orders_is_refused_and_others_follow(servers: Servers) -> None:
    refused = command(servers, "pause", "tracker")
    assert refused.returncode == 2
    assert "importer, express, projector, fetcher" in refused.stderr
    assert command(servers, "pause", "express").stdout == "express: paused, 0 to skip\n"
    assert command(servers, "skip", "express", "no/such/1").stdout == "express: paused, 1 to skip\n"
    assert command(servers, "resume", "express").stdout == "express: running, 1 to skip\n"


def test_without_kafka_the_command_says_so(servers: Servers) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers", "dead", "list"],
        env={"PATH": os.environ["PATH"], "DATA_DIR": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, "addressbus: KAFKA_BOOTSTRAP is missing (see .env.example)\n")
