"""What another data centre copies here is worked on as if it had been asked for here; MirrorMaker's part is played."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import crc32c
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app import config, membership, topics
from app.bus import LiveMap, Producer
from app.core.errors import Rejected
from app.core.events import (
    AnyFact,
    Counts,
    ImportKey,
    Projected,
    Received,
    Requested,
    Sealed,
    SegmentDone,
    SegmentFailed,
    Setting,
)
from app.core.imports import State, decode_record
from app.core.topics import COPIED, FACTS, IMPORTS, KEYS, SETTINGS, Topic, copy_of, segment_topic, spread
from app.keys import KeyNotHere, Keys
from app.sealing import Files, Vault
from app.settings import Settings
from tests.importing_kafka import HEADER, Listener, Upload, importer, listening
from tests.integration.again import Said
from tests.integration.conftest import Servers
from tests.integration.test_importer_segments import contacts, done, rows
from tests.sealing import DATA_KEYS
from tests.waiting import eventually, until
from workers.operating import Databases
from workers.replay import replay
from workers.tracker.follow import GROUP, Follower

EAST = "east"
VAULT = Vault.parse(DATA_KEYS)
FILES = Files(VAULT, EAST)


def west(servers: Servers, name: str) -> config.Tracker:
    return config.Tracker(process_name=name, kafka_bootstrap=servers.kafka, site="west", remote_sites=EAST)


def databases(servers: Servers) -> Databases:
    return Databases(
        process_name="operator-1",
        kafka_bootstrap=servers.kafka,
        site="west",
        remote_sites=EAST,
        importer_database_url=servers.dsn("importer"),
        projector_database_url=servers.dsn("projector"),
    )


class Mirror:
    """Writes what was written at `east` to where MirrorMaker would have copied it, and remembers how much."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self.written = 0

    async def copy(self, topic: Topic, key: object, value: bytes | None, **record: Any) -> None:
        name = copy_of(topic, EAST).name
        await self._producer.send_and_wait(name, value, key=str(key).encode(), **record)
        self.written += 1

    async def key(self, workspace: UUID, import_id: UUID) -> bytes:
        wrapped = FILES.new_key(import_id)
        key = ImportKey(workspace=workspace, import_id=import_id, at=1.0, site=EAST, wrapped=wrapped)
        await self.copy(KEYS, import_id, msgspec.json.encode(key))
        return wrapped

    async def fact(self, fact: AnyFact) -> None:
        await self.copy(FACTS, fact.import_id, msgspec.json.encode(fact))

    async def setting(self, workspace: UUID, name: str, stamp: int, value: object, **record: Any) -> None:
        raw = msgspec.Raw(msgspec.json.encode(value))
        setting = Setting(scope=str(workspace), name=name, stamp=stamp, value=raw)
        await self.copy(SETTINGS, f"{workspace}:{name}", msgspec.json.encode(setting), **record)

    async def segment(self, upload: Upload, wrapped: bytes, index: int, lines: list[str], **headers: bytes) -> None:
        data = ((HEADER if index == 0 else "") + "".join(f"{line}\r\n" for line in lines)).encode()
        header = upload.header(index, data, site=EAST, crc32c=0 if headers else crc32c.crc32c(data))
        sealed, told = FILES.seal(
            wrapped, upload.workspace, upload.id, data, [("segment", msgspec.json.encode(header)), *headers.items()]
        )
        partition = spread(upload.id, index, 12)
        await self.copy(segment_topic(index), upload.id, sealed, headers=told, partition=partition)


@pytest.fixture(scope="module", autouse=True)
async def copied(servers: Servers) -> None:
    """The copies' topics, with as many partitions as ours."""
    await topics.ensure(config.Topics(kafka_bootstrap=servers.kafka, site="west", remote_sites=EAST))


@pytest.fixture
async def mirror(servers: Servers) -> AsyncIterator[Mirror]:
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka)
    await producer.start()
    yield Mirror(producer)
    await producer.stop()


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(west(servers, f"test-{uuid4().hex[:6]}"), linger_ms=0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def heard(servers: Servers, producer: Producer) -> AsyncIterator[Listener]:
    async with listening(servers, producer) as listener:
        yield listener


async def lengths(servers: Servers) -> int:
    """How many records all copies hold together."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka)
    await consumer.start()
    try:
        places = [TopicPartition(copy_of(topic, EAST).name, number) for topic in COPIED for number in range(12)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()


async def unfolded(servers: Servers) -> int:
    """How many copied facts the trackers have not committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, group_id=GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(copy_of(FACTS, EAST).name, number) for number in range(12)])
        return sum([end - (await consumer.committed(place) or 0) for place, end in ends.items()])
    finally:
        await consumer.stop()


async def test_an_import_that_was_asked_for_elsewhere_is_finished_here(
    servers: Servers, producer: Producer, heard: Listener, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE", "west")
    monkeypatch.setenv("REMOTE_SITES", EAST)
    before = await lengths(servers)
    there, here = Upload(producer, uuid4(), 1000), Upload(producer, uuid4(), 1000)
    parts = [[*rows(0, 20), "Nobody,no address,,"], rows(10, 20), rows(25, 10, "Other"), rows(40, 5), rows(50, 5)]
    # The same import, once from another data centre and once our own.
    wrapped = await mirror.key(there.workspace, there.id)
    for index, lines in enumerate(parts):
        await here.segment(index, lines, topic=segment_topic(index))
        await mirror.segment(there, wrapped, index, lines)
        # There it failed, and what was tried again was copied, too.
        await mirror.segment(there, wrapped, index, lines, origin=b"import.segments.bulk/0/1", attempts=b"1")
    where: dict[str, Any] = {"workspace": there.workspace, "import_id": there.id, "at": 1000.0, "site": EAST}
    told: list[AnyFact] = [
        Requested(**where, source="file", name="a.csv", order_second=1000, requested_by="me", channel="c" * 22),
        Received(**where, bytes=90),
        *(SegmentDone(**where, index=index, bytes=1, counts=Counts(updated=999)) for index in range(len(parts))),
        Projected(**where, indexes=(0, 1, 2, 3, 4)),
        Sealed(**where, segments=len(parts), bytes=90, lines=62),
    ]
    for fact in told:
        await mirror.fact(fact)
    states: dict[UUID, State] = {}

    def keep(key: bytes, value: bytes | None) -> None:
        if value is not None:
            states[UUID(key.decode())] = decode_record(value).state

    known: LiveMap[None] = LiveMap(west(servers, "test"), IMPORTS, keep)
    follower = Follower(west(servers, "tracker.west"))
    tracking = asyncio.create_task(follower.run())
    try:
        with importer(servers, "importer.1"), importer(servers, "express.1", lane="express"):
            await known.start()
            await until(lambda: len(done(heard, here)) == len(done(heard, there)) == len(parts), within=100)
            await until(lambda: there.id in states and states[there.id].status == "finished", within=100)
            await eventually(lambda: unfolded(servers), lambda left: left == 0, within=60)
            replayed = await replay(databases(servers), there.id, Said())
    finally:
        tracking.cancel()
        await asyncio.gather(tracking, return_exceptions=True)
        await membership.leave(west(servers, "tracker.west"), GROUP)  # other tests' trackers know nothing of `east`
        await known.stop()
    assert replayed.told()[0] == "nothing changed: 61 rows are counted as before"
    state = states[there.id]
    assert (state.created, state.duplicate, state.rejected, state.updated) == (45, 15, 1, 0)
    assert state.name == "a.csv"
    assert {fact.site for fact in heard.of(there)} == {"west"}
    assert [fact for fact in heard.of(there) if isinstance(fact, SegmentFailed)] == []
    assert {each.site for each in heard.changed if each.import_id == there.id} == {"west"}
    assert len(contacts(servers, here.workspace)) == 45
    assert contacts(servers, there.workspace) == contacts(servers, here.workspace)
    assert await lengths(servers) == before + mirror.written


async def deleted(keys: Keys, value: bytes, headers: dict[str, bytes]) -> bool:
    try:
        await keys.open(headers, value)
    except KeyNotHere:
        return False
    except Rejected as error:
        return error.code == "file_deleted"
    return False


async def test_a_file_that_was_deleted_elsewhere_is_read_by_nobody_here(servers: Servers, mirror: Mirror) -> None:
    workspace, import_id = uuid4(), uuid4()
    keys = Keys(west(servers, "test"), VAULT)
    await keys.start()
    wrapped = await mirror.key(workspace, import_id)
    value, headers = FILES.seal(wrapped, workspace, import_id, b"Ada")
    assert await keys.open(dict(headers), value) == b"Ada"
    await mirror.copy(KEYS, import_id, None)
    await eventually(lambda: deleted(keys, value, dict(headers)), bool)
    assert import_id in keys.deleted()
    await keys.stop()


async def test_a_key_that_is_read_after_its_tombstone_opens_nothing(
    servers: Servers, producer: Producer, mirror: Mirror
) -> None:
    workspace, import_id = uuid4(), uuid4()
    keys = Keys(west(servers, "test"), VAULT)
    await keys.start()
    wrapped = FILES.new_key(import_id)
    value, headers = FILES.seal(wrapped, workspace, import_id, b"Ada")
    await mirror.copy(KEYS, import_id, None)
    await eventually(lambda: deleted(keys, value, dict(headers)), bool)
    key = ImportKey(workspace=workspace, import_id=import_id, at=1.0, site=EAST, wrapped=wrapped)
    await producer.publish(KEYS, key=str(import_id).encode(), value=msgspec.json.encode(key))
    # Whoever asks for a key that is not here reads up to the end first: what was put back is among that.
    assert await deleted(keys, value, dict(headers))
    await keys.stop()


async def test_a_setting_of_either_side_is_believed_here_if_it_is_the_later_one(
    servers: Servers, producer: Producer, mirror: Mirror
) -> None:
    workspace, believed = uuid4(), set()

    def changed(scope: str, name: str) -> None:
        if scope == str(workspace):
            believed.add(dynamic.get(workspace, name))

    dynamic = Settings(west(servers, "test"), changed=changed)
    await dynamic.start()
    await dynamic.put(producer, workspace, "locale", "de")
    await mirror.setting(workspace, "locale", 1, "fr")
    await mirror.setting(workspace, "locale", 2**50, "it")

    async def locale() -> object:
        return dynamic.get(workspace, "locale")

    await eventually(locale, lambda found: found == "it")
    # What is put now is later than that, however far ahead the other side's clock is.
    await dynamic.put(producer, workspace, "locale", "es")
    assert await locale() == "es"
    assert believed == {"de", "it", "es"}
    await dynamic.stop()


async def test_an_order_to_consumers_holds_at_the_site_where_it_was_given(servers: Servers, mirror: Mirror) -> None:
    workspace = uuid4()
    dynamic = Settings(west(servers, "test"))
    await dynamic.start()
    await mirror.setting(workspace, "consumer:importer", 2, {"paused": True}, partition=3)
    await mirror.setting(workspace, "locale", 1, "fr", partition=3)

    async def locale() -> object:
        return dynamic.get(workspace, "locale")

    await eventually(locale, lambda found: found == "fr")
    assert not dynamic.has(workspace, "consumer:importer")
    await dynamic.stop()
