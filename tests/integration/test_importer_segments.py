"""Real importers on real servers: exact whatever happens to them."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack
from itertools import count
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from app import config
from app.bus import Producer
from app.core.events import Counts, SegmentDone, SegmentFailed, Setting
from app.core.topics import EXPRESS, SETTINGS
from tests.importing_kafka import Listener, Upload, importer, listening
from tests.integration.conftest import Servers
from tests.waiting import eventually, until
from workers.crash import IMPORTING


@pytest.fixture
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    made = Producer(config.Process(process_name="test", kafka_bootstrap=servers.kafka))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def heard(servers: Servers, producer: Producer) -> AsyncIterator[Listener]:
    async with listening(servers, producer) as listener:
        yield listener


def rows(start: int, count: int, company: str = "Acme") -> list[str]:
    return [f"Person {number},p{number}@example.org,,{company}" for number in range(start, start + count)]


def contacts(servers: Servers, workspace: UUID) -> list[tuple[object, ...]]:
    """All that is stored of a workspace, without what tells when it was written."""
    with psycopg.connect(servers.dsn("importer")) as connection:
        return connection.execute(
            "select match_key, name, company, stamp, stamps, sets::text, sources, born, last"
            " from contacts.contacts where workspace = %s order by match_key",
            [workspace],
        ).fetchall()


def done(heard: Listener, upload: Upload) -> dict[int, Counts]:
    """The counts of each finished segment; told twice they must be the same."""
    found: dict[int, Counts] = {}
    for fact in heard.of(upload):
        if isinstance(fact, SegmentDone):
            assert found.setdefault(fact.index, fact.counts) == fact.counts
    return found


def total(counts: dict[int, Counts]) -> Counts:
    return Counts(**{name: sum(getattr(each, name) for each in counts.values()) for name in Counts.__struct_fields__})


async def ended(process: subprocess.Popen[bytes]) -> None:
    await until(lambda: process.poll() is not None)


async def test_segments_of_both_lanes_arrive_and_are_told(
    servers: Servers, producer: Producer, heard: Listener
) -> None:
    upload = Upload(producer, uuid4(), 1000)
    await upload.segment(0, [*rows(0, 50), "Nobody,not an address,,", "P0 again,P0@example.org,,"], topic=EXPRESS)
    await upload.segment(5, rows(40, 20))
    with importer(servers, "importer.1"), importer(servers, "express.1", lane="express"):
        await until(lambda: len(done(heard, upload)) == 2)
        await until(lambda: len([each for each in heard.changed if each.import_id == upload.id]) == 2)
    assert total(done(heard, upload)) == Counts(created=60, duplicate=11, rejected=1)
    assert len(contacts(servers, upload.workspace)) == 60
    told = {contact.id: contact for each in heard.changed if each.import_id == upload.id for contact in each.contacts}
    first = next(contact for contact in told.values() if contact.name == "Person 0")
    assert first.emails[0].value == "p0@example.org"
    assert first.emails[0].from_ == str(upload.id)
    assert [source.import_id for source in first.sources] == [str(upload.id)]
    await until(lambda: any(each["import_id"] == str(upload.id) for each in heard.problems))
    problem = next(each for each in heard.problems if each["import_id"] == str(upload.id))
    assert problem["problems"][0]["line"] == 52


async def test_a_worker_that_dies_at_any_step_leaves_exact_results(
    servers: Servers, producer: Producer, heard: Listener
) -> None:
    upload = Upload(producer, uuid4(), 1000)
    await upload.segment(7, rows(0, 30))
    for name in IMPORTING:
        with importer(servers, "importer.1", crash_at=name) as process:
            await ended(process)
            assert process.returncode == 137, name
    await upload.segment(8, rows(20, 20))
    with importer(servers, "importer.1"):
        await until(lambda: len(done(heard, upload)) == 2)
    assert total(done(heard, upload)) == Counts(created=40, duplicate=10)
    assert len(contacts(servers, upload.workspace)) == 40
    versions = {contact.version for each in heard.changed for contact in each.contacts if each.index == 7}
    assert versions <= {1, 2}


async def test_a_poisoned_segment_is_buried_and_its_import_still_ends(
    servers: Servers, producer: Producer, heard: Listener
) -> None:
    upload = Upload(producer, uuid4(), 1000)
    await upload.segment(5, rows(0, 7), crc32c=1)
    await upload.segment(6, rows(0, 5))
    with importer(servers, "importer.1"):
        await until(lambda: len(heard.of(upload)) == 2)
    failed = next(fact for fact in heard.of(upload) if isinstance(fact, SegmentFailed))
    assert (failed.index, failed.rows) == (5, 7)
    assert failed.reference.startswith("import.segments.bulk/")
    assert done(heard, upload) == {6: Counts(created=5)}


async def test_one_two_or_four_importers_leave_the_same_contacts(
    servers: Servers, producer: Producer, heard: Listener
) -> None:
    left = []
    for workers in (1, 2, 4):
        workspace = uuid4()
        first, second = Upload(producer, workspace, 1000), Upload(producer, workspace, 2000, "overwrite")
        for index in range(5, 13):
            await first.segment(index, rows(index * 10, 60, f"First {index}"))
            await second.segment(index, rows(index * 10, 60, f"Second {index}"))
        with ExitStack() as stack:
            for number in range(workers):
                stack.enter_context(importer(servers, f"importer.{number + 1}"))
            await both_done(heard, first, second)
        for upload in (first, second):
            counts = total(done(heard, upload))
            assert counts.rows == 480
            assert counts.created + counts.updated + counts.unchanged == 130
        left.append(contacts(servers, workspace))
    assert left[0] == left[1] == left[2]
    assert {row[2] for row in left[0]} == {f"Second {index}" for index in range(5, 13)}


async def both_done(heard: Listener, first: Upload, second: Upload) -> None:
    await until(lambda: len(done(heard, first)) == len(done(heard, second)) == 8)


async def test_of_a_cancelled_import_nothing_more_is_written(
    servers: Servers, producer: Producer, heard: Listener
) -> None:
    """One cancel is in the log before the importer starts, one comes while it runs."""
    upload, later, other = (Upload(producer, uuid4(), 1000) for _ in range(3))
    await cancel(producer, upload)
    await upload.segment(5, rows(0, 10), partition=0)
    await later.segment(5, rows(0, 10), partition=0)
    with importer(servers, "importer.1"):
        await until(lambda: len(done(heard, later)) == 1)
        await cancel(producer, later)
        indexes = count(6)

        async def is_passed_over() -> bool:
            index, before = next(indexes), len(contacts(servers, later.workspace))
            await later.segment(index, rows(10 * index, 10), partition=0)
            await other.segment(index, rows(0, 10), partition=0)  # one partition: once this is done, that was looked at
            await until(lambda: index in done(heard, other))
            return len(contacts(servers, later.workspace)) == before

        await eventually(is_passed_over, bool)  # a running importer hears of it in its own time, and then for good
        assert await is_passed_over()
    assert contacts(servers, upload.workspace) == []
    assert done(heard, upload) == {}
    await until(lambda: 10 * len(done(heard, later)) == len(contacts(servers, later.workspace)))


async def cancel(producer: Producer, upload: Upload) -> None:
    setting = Setting(scope=str(upload.workspace), name=f"cancel:{upload.id}", stamp=1, value=msgspec.Raw(b'"me"'))
    await producer.publish(SETTINGS, key=f"{setting.scope}:{setting.name}".encode(), value=msgspec.json.encode(setting))
