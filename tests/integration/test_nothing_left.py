"""Of somebody who was erased nothing can be read: in no topic, no table, under no key of Redis, in no line of a log."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis.asyncio as redis
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from app import config
from app.bus import Producer, partitions_of
from app.core.channels import workspace_channel
from app.core.errors import Rejected
from app.core.topics import CHANGED, DEAD, EXPRESS, PROBLEMS, TOPICS, retry_topic
from app.keys import Keys
from app.log import JsonLines
from app.sealing import HEADER, Vault
from tests.forgetting import forget
from tests.integration.conftest import Servers, started
from tests.integration.house import House, Person, house
from tests.integration.listening import client, gateway, settings
from tests.integration.test_traces import working
from tests.waiting import eventually, until
from workers.harness import Record, set_aside
from workers.projector.burying import Burying

TRACES = ("zebedee", "quxley", "98765432", "elderflower")
"""None of them is anything but a part of this person's name, address, number, firm and note."""

RETRIED = retry_topic(CHANGED, "5m").name
"""Where contacts wait that could not be shown; the longest wait, so that none comes back meanwhile."""

FILE = (
    "Name,E-mail,Phone,Company,Notes\r\n"
    "Zebedee Quxley,zebedee@quxley.example,+49 30 98765432,Quxley Works,likes elderflower\r\n"
    "Bob,bob@example.org,,,\r\n"
    "Nobody,not an address,,see zebedee@quxley.example,\r\n"
    "Nobody,not an address either,,,\r\n"
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """All that is in them is read, and some of it deleted: so they are nobody else's."""
    with started() as found:
        yield found


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line of ours, and what all others warn of."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    handler, ours = Lines(), {name: logging.getLogger(name).level for name in ("app", "workers")}
    logging.getLogger().addHandler(handler)
    for name in ours:
        logging.getLogger(name).setLevel("DEBUG")
    yield lines
    logging.getLogger().removeHandler(handler)
    for name, level in ours.items():
        logging.getLogger(name).setLevel(level)


async def test_nothing_readable_is_left_of_an_erased_person_once_the_log_has_forgotten(
    servers: Servers, logged: list[str]
) -> None:
    made = settings(servers, f"gateway-{uuid4().hex[:6]}")
    async with (
        house(servers) as app,
        working(servers),
        gateway(made, f"g-{uuid4().hex}") as listening,
        client(listening) as page,
    ):
        person = await app.join(await app.workspace())
        await page.subscribe(person.principal.workspace, workspace_channel(person.principal.workspace))
        import_id = await imported(person)
        await until(lambda: any(kind == "visible" for kind, _ in page.kinds), within=60)
        await problems(person, import_id, 2)
        assert {"topic contacts.changed", "table contacts.contacts", "table lookup.contacts"} <= await found(servers)
        await everything_fails(servers, app)

        (contact,) = (await person.program.get("/api/v1/contacts", params={"q": "zebedee"})).json()["contacts"]
        assert (await person.program.delete(f"/api/v1/contacts/{contact['id']}")).status_code == 202
        await eventually(lambda: status(person, f"/api/v1/contacts/{contact['id']}"), lambda code: code == 404)
        await problems(person, import_id, 1)
        # At once: nothing but what the log told before it knew.
        told = {CHANGED.name, RETRIED}
        await eventually(lambda: found(servers), lambda where: where == {f"topic {name}" for name in told})
        assert await readable(servers, app) == {
            DEAD.name,
            *(name for topic in (EXPRESS, PROBLEMS) for name in (topic.name, retry_topic(topic, "5m").name)),
        }

        # After FILE_RETENTION_DAYS, or now; and after the 30 days of contacts.changed.
        assert (await person.program.delete(f"/api/v1/imports/{import_id}/file")).status_code == 200
        await forget(servers.kafka, *told)
        assert await found(servers) == set()
        assert await readable(servers, app) == set()
        assert (await person.program.get("/api/v1/contacts")).json()["total"] == 1, "others are still there"
    assert [line for line in logged if "a contact was erased" in line], "all of them are heard here"
    assert [line for line in logged if speaks(line)] == []


async def everything_fails(servers: Servers, app: House) -> None:
    """All that was told of files and contacts waits for its next attempt, once more, and is among the dead, too."""
    async with opened(servers, app) as keys:
        producer = Producer(config.Process(process_name="failing", kafka_bootstrap=servers.kafka))
        await producer.start()
        for record in await records(servers):
            place = (record.topic, record.partition, record.offset, record.key, record.value, dict(record.headers))
            if record.topic in (EXPRESS.name, PROBLEMS.name, CHANGED.name):
                for delays in ((), ("5m",)):
                    await set_aside(Record(*place), ZeroDivisionError(), Burying(producer, keys), delays)
        await producer.stop()


async def imported(person: Person) -> str:
    answer = await person.program.post("/api/v1/imports?name=people.csv", content=FILE.encode())
    assert answer.status_code == 202, answer.text
    import_id: str = answer.json()["id"]
    return import_id


async def problems(person: Person, import_id: str, many: int) -> None:
    """Waits until so many rejected rows can be read."""

    async def count() -> int:
        return len((await person.program.get(f"/api/v1/imports/{import_id}/problems")).json()["problems"])

    await eventually(count, lambda counted: counted == many)


async def status(person: Person, path: str) -> int:
    answer: httpx.Response = await person.program.get(path)
    return answer.status_code


async def found(servers: Servers) -> set[str]:
    """Where a trace of the person can be read as it stands."""
    places = {f"topic {record.topic}" for record in await records(servers) if speaks(_told(record))}
    places |= {f"table {name}" for name, rows in tables(servers).items() if speaks(rows)}
    return places | {f"key {name}" for name, value in (await keys(servers)).items() if speaks(name + value)}


def speaks(text: str) -> bool:
    lowered = text.lower()
    return any(trace in lowered for trace in TRACES)


async def readable(servers: Servers, app: House) -> set[str]:
    """The topics in which a sealed value speaks of the person to whoever has all keys there are."""
    places = set()
    async with opened(servers, app) as keys:
        for record in await records(servers):
            if HEADER in dict(record.headers) and record.value is not None:
                try:
                    if speaks((await keys.open(dict(record.headers), record.value)).decode()):
                        places.add(record.topic)
                except Rejected:
                    continue
    return places


@asynccontextmanager
async def opened(servers: Servers, app: House) -> AsyncIterator[Keys]:
    """All keys there are."""
    process = config.Process(process_name=f"reader-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)
    made = Keys(process, Vault.parse(app.services.config.data_keys))
    await made.start()
    yield made
    await made.stop()


async def records(servers: Servers) -> Sequence[ConsumerRecord]:
    """All that lies in any topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        places = [place for topic in TOPICS for place in await partitions_of(consumer, topic)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning()
        read: list[ConsumerRecord] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                read += batch
        return read
    finally:
        await consumer.stop()


def _told(record: ConsumerRecord) -> str:
    parts = [record.key, record.value, *(value for _, value in record.headers)]
    return "\n".join((part or b"").decode(errors="replace") for part in parts)


def tables(servers: Servers) -> Mapping[str, str]:
    """Every table of every schema of ours, as text."""
    with psycopg.connect(servers.postgres) as connection:
        names = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        return {
            f"{schema}.{table}": "\n".join(
                str(row) for (row,) in connection.execute(f'select it::text from "{schema}"."{table}" as it')
            )
            for schema, table in names
        }


async def keys(servers: Servers) -> Mapping[str, str]:
    """Every key of Redis, whatever its kind."""
    cache: Any = redis.from_url(servers.redis, decode_responses=True)
    kinds = {
        "string": cache.get,
        "hash": cache.hgetall,
        "stream": cache.xrange,
        "set": cache.smembers,
        "list": lambda name: cache.lrange(name, 0, -1),
        "zset": lambda name: cache.zrange(name, 0, -1),
    }
    values = {name: str(await kinds[await cache.type(name)](name)) async for name in cache.scan_iter()}
    await cache.aclose()
    return values
