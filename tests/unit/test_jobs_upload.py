"""From bytes to segments, with a store and a producer in memory: whoever cuts, the segments are the same."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import psutil
import pytest
from aiokafka.errors import KafkaConnectionError
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backlog import Backlog
from app.core.errors import Rejected, TryAgain
from app.core.events import AnyFact, Received, Sealed, SegmentHeader, SourceFailed
from app.core.imports import State
from app.core.reading import cutting
from app.core.reading.cutting import MAX_LINE_ENDS
from app.core.reading.plan import Column, Dialect, Plan
from app.core.reading.plans import Completion
from app.core.topics import FACTS, Topic, spread
from app.jobs import upload as uploads
from app.jobs.containers.child import Unpacker
from app.jobs.containers.spool import Spool
from app.jobs.jobs import Job
from app.jobs.outlet import Outlet
from app.jobs.store import Overtaken, Store
from app.jobs.upload import Upload
from app.sealing import Files, Vault
from tests import jobs
from tests.sealing import DATA_KEYS

WORKSPACE = UUID("3e4b0a3c-6f1d-4f0e-9c6b-0f2e8f3a9d11")
IMPORT = UUID("7c1c2a44-1a55-4d0a-8a3f-3d2a5e0c7b22")
PLAN = Plan(
    format="csv",
    dialect=Dialect(delimiter=",", quote='"', escape="doubled"),
    preamble=0,
    header=1,
    signature="0" * 32,
    columns=(Column(index=0, field="emails"),),
)
PARTITIONS = 12
FILES = Files(Vault.parse(DATA_KEYS), "local")


def new_job(**fields: object) -> Job:
    return jobs.new_job(WORKSPACE, IMPORT, order_second=1_800_000_000, **fields)


class Row:
    """A `Store` of one row."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.writes = 0

    async def claim(self, job: Job, now: float) -> Job:
        self.job = replace(self.job, version=self.job.version + 1)
        return self.job

    async def keep(self, job: Job, now: float) -> Job:
        await asyncio.sleep(0)
        if job.version != self.job.version:
            raise Overtaken
        self.writes += 1
        self.job = replace(job, version=job.version + 1)
        return self.job


@dataclass
class Log:
    """A producer that remembers, and acknowledges at once or when it is told to."""

    held: bool = False
    broken: bool = False
    segments: dict[int, bytes] = field(default_factory=dict)
    headers: dict[int, SegmentHeader] = field(default_factory=dict)
    lanes: list[tuple[str, int | None]] = field(default_factory=list)
    facts: list[AnyFact] = field(default_factory=list)
    waiting: list["asyncio.Future[object]"] = field(default_factory=list)

    async def send(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[object]":
        assert isinstance(topic, Topic)
        assert value is not None
        assert key == str(IMPORT).encode()
        if topic is FACTS:
            self.facts.append(msgspec.json.decode(value, type=AnyFact))
        else:
            header = msgspec.json.decode(dict(headers)["segment"], type=SegmentHeader)
            assert self.segments.setdefault(header.index, value) == value
            assert self.headers.setdefault(header.index, header) == header
            self.lanes.append((topic.name, partition))
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.held and topic is not FACTS:
            self.waiting.append(future)
        elif self.broken and topic is not FACTS:
            future.set_exception(KafkaConnectionError("away"))
        else:
            future.set_result(None)
        return future

    async def partitions(self, topic: Topic) -> int:
        return PARTITIONS

    def acknowledge(self, count: int) -> None:
        for future in self.waiting[:count]:
            future.set_result(None)
        del self.waiting[:count]


class Knows:
    """A reader that always finds the same plan, or always refuses."""

    def __init__(self, refuses: Rejected | None = None) -> None:
        self.refuses = refuses
        self.heads: list[tuple[bytes, bool]] = []

    def complete(self, job: Job, head: bytes, whole: bool) -> Plan:
        self.heads.append((head, whole))
        if self.refuses is not None:
            raise self.refuses
        return PLAN

    def look(self, workspace: UUID, head: bytes, *, whole: bool, given: Plan | None) -> Completion:
        raise AssertionError("this is no container")

    async def remember(self, job: Job) -> None:
        return


class Scene:
    """One import with its row, its log, and as many writers as a test wants."""

    def __init__(self, job: Job, log: Log | None = None, reader: Knows | None = None) -> None:
        self.row = Row(job)
        self.log = log or Log()
        self.reader = reader or Knows()
        self.backlog = Backlog()
        # Made when the first container comes; these files are none.
        self.unpacker = Unpacker(Spool(Path("no-spool")))

    async def writer(self) -> Upload:
        job = await self.row.claim(self.row.job, 0.0)
        return Upload(
            job, cast(Store, self.row), Outlet(self.log, FILES, "local"), self.backlog, self.reader, self.unpacker
        )

    async def send(self, data: bytes, *, pieces: Sequence[int] = ()) -> None:
        upload = await self.writer()
        for piece in cut_up(data, pieces):
            await upload.take(piece)
            await asyncio.sleep(0)
        await upload.finish()
        await upload.close()

    def told(self, kind: type[AnyFact]) -> list[AnyFact]:
        return [fact for fact in self.log.facts if isinstance(fact, kind)]


def cut_up(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The data in pieces of these sizes, over and over."""
    found: list[bytes] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)] if sizes else len(data)
        found.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return found


async def take_all(upload: Upload, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        await upload.take(piece)
    await upload.pause()


async def at_rest(condition: Callable[[], bool]) -> None:
    """Waits until this holds, and then lets everything run that still can."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(100):
        await asyncio.sleep(0)


def rows(count: int) -> bytes:
    return b"E-mail,Note\r\n" + b"".join(b'p%d@example.org,"a ""note"",\nof two lines"\r\n' % n for n in range(count))


async def uninterrupted(data: bytes) -> Scene:
    scene = Scene(new_job())
    await scene.send(data)
    return scene


@pytest.fixture(autouse=True)
def _small_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "HEAD_BYTES", 4_000)


async def test_segments_are_the_file_without_gaps_and_sealed_says_how_much_it_was() -> None:
    data = rows(20_000)
    scene = await uninterrupted(b"\xef\xbb\xbf" + data)
    log = scene.log
    assert b"".join(log.segments[index] for index in sorted(log.segments)) == data
    assert sorted(log.segments) == list(range(len(log.segments)))
    for index, header in log.headers.items():
        assert header.end - header.start == len(log.segments[index])
        assert header.crc32c == crc32c(log.segments[index])
        assert header.plan == PLAN
    (sealed,) = scene.told(Sealed)
    assert isinstance(sealed, Sealed)
    assert (sealed.segments, sealed.bytes, sealed.lines) == (len(log.segments), len(data), data.count(b"\n"))
    assert scene.row.job.sealed
    assert scene.row.job.received == len(data) + 3
    assert (scene.row.job.head, scene.row.job.cutter) == (None, None)


async def test_the_first_four_segments_go_to_express_and_the_others_are_spread() -> None:
    lanes = (await uninterrupted(rows(40_000))).log.lanes
    assert lanes[:4] == [("import.segments.express", None)] * 4
    assert lanes[4:] == [("import.segments.bulk", spread(IMPORT, index, PARTITIONS)) for index in range(4, len(lanes))]
    assert len(lanes) > 6


async def test_the_plan_is_stored_before_anything_is_cut_by_it_and_told_once() -> None:
    scene = await uninterrupted(rows(1_000))
    plans = [fact.plan for fact in scene.told(Received) if isinstance(fact, Received)]
    assert plans[0] == PLAN
    assert plans[1:-1] == [None] * len(plans[1:-1])
    assert scene.reader.heads == [(rows(1_000)[:4_000], False)]


@pytest.mark.parametrize(("length", "whole"), [(3_999, True), (4_000, True), (4_001, False)])
async def test_what_is_looked_at_depends_on_the_bytes_only(length: int, whole: bool) -> None:
    data = rows(200)[:length]
    for pieces in ((), (1_000,), (4_000,)):
        scene = Scene(new_job())
        await scene.send(data, pieces=pieces)
        assert scene.reader.heads == [(data[:4_000], whole)]


async def test_a_file_that_cannot_be_understood_fails_its_import_and_is_told() -> None:
    refused = Rejected("nothing_recognised", "No column is a name, an e-mail, a phone or a company.")
    scene = Scene(new_job(), reader=Knows(refused))
    with pytest.raises(Rejected) as error:
        await scene.send(b"x\ny\n")
    assert error.value.code == "nothing_recognised"
    (failed,) = scene.told(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "nothing_recognised"
    assert (scene.row.job.phase, scene.row.job.told) == ("failed", True)
    assert not scene.log.segments


async def test_progress_is_stored_behind_acknowledged_segments_only() -> None:
    scene = Scene(new_job(), Log(held=True))
    upload = await scene.writer()
    for piece in cut_up(rows(20_000), (10_000,)):
        if len(scene.log.waiting) == 3:
            break
        await upload.take(piece)
    assert scene.row.job.received < 5_000 * 3
    scene.log.acknowledge(1)
    before = scene.row.job.received
    await upload.take(b"last@example.org,\n")
    await at_rest(lambda: scene.row.job.received > before)
    stored = scene.row.job
    assert before < stored.received < upload.received
    assert stored.cutter is not None
    scene.log.held = False
    scene.log.acknowledge(99)
    await upload.pause()
    assert scene.row.job.received == upload.received


async def test_no_more_than_a_few_segments_are_on_their_way() -> None:
    scene = Scene(new_job(), Log(held=True))
    upload = await scene.writer()

    async def stream() -> None:
        for piece in cut_up(rows(200_000), (65_536,)):
            await upload.take(piece)

    streaming = asyncio.create_task(stream())
    await at_rest(lambda: len(scene.log.segments) > 6)
    unsafe = sum(len(scene.log.segments[index]) for index in scene.log.segments)
    assert unsafe <= uploads.IN_FLIGHT_BYTES + 512 * 1024
    assert not streaming.done()
    scene.log.held = False
    scene.log.acknowledge(999)
    await asyncio.wait_for(streaming, 10)
    await upload.close()


async def test_a_workspace_with_too_many_unfinished_segments_is_not_read_until_the_tracker_tells_of_progress() -> None:
    scene = Scene(new_job())
    scene.backlog = Backlog(most=5)
    sending = asyncio.create_task(scene.send(rows(30_000), pieces=(10_000,)))
    await at_rest(lambda: len(scene.log.segments) == 5)
    assert len(scene.log.segments) == 5
    assert scene.row.job.received > 0
    for done in range(1, 50):
        state = State(id=IMPORT, workspace=WORKSPACE, status="running", parts_done=done)
        scene.backlog.changed(WORKSPACE, IMPORT, state)
        await asyncio.sleep(0)
    await asyncio.wait_for(sending, 5)
    assert scene.told(Sealed)


async def test_an_acknowledgement_that_does_not_come_is_the_worlds_fault_and_leaves_what_was_safe() -> None:
    scene = Scene(new_job())
    upload = await scene.writer()
    await upload.take(rows(20_000)[:200_000])
    await upload.pause()
    safe = scene.row.job.received
    scene.log.broken = True
    upload = await scene.writer()
    with pytest.raises(TryAgain):
        await take_all(upload, cut_up(rows(20_000)[safe:], (50_000,)))
    await upload.close()
    assert scene.row.job.received == safe
    scene.log.broken = False
    await scene.send(rows(20_000)[safe:])
    assert scene.log.segments == (await uninterrupted(rows(20_000))).log.segments


async def test_the_newer_writer_wins_and_the_older_one_stops() -> None:
    data = rows(20_000)
    scene = Scene(new_job())
    old = await scene.writer()
    await old.take(data[:100_000])
    new = await scene.writer()
    await new.take(data[new.received :])
    with pytest.raises(Overtaken):
        await take_all(old, [data[100_000:]])
    await old.close()
    await new.finish()
    assert scene.row.job.sealed
    assert scene.log.segments == (await uninterrupted(data)).log.segments


async def test_a_small_import_does_not_wait_behind_the_unfinished_segments_of_big_ones() -> None:
    scene = Scene(new_job())
    scene.backlog = Backlog(most=5)
    scene.backlog.produced(WORKSPACE, UUID(int=1), 5)
    await asyncio.wait_for(scene.send(rows(3_000)), 5)
    assert len(scene.log.segments) <= 4
    assert scene.row.job.sealed


async def test_progress_is_told_at_most_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    for seconds in (0.0, 3600.0):
        monkeypatch.setattr(uploads, "TELL_SECONDS", seconds)
        scene = Scene(new_job())
        await scene.send(rows(40_000), pieces=(20_000,))
        told[seconds] = len(scene.told(Received))
    # The plan, and all of it with the seal.
    assert told[3600.0] == 2
    assert told[0.0] > 5


async def test_a_file_with_too_many_segments_fails_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "MAX_INDEX", 2)
    scene = Scene(new_job())
    with pytest.raises(Rejected) as refused:
        await scene.send(rows(20_000), pieces=(50_000,))
    assert refused.value.code == "too_many_parts"
    assert [fact.code for fact in scene.told(SourceFailed)] == ["too_many_parts"]  # type: ignore[union-attr]
    assert not scene.told(Sealed)


async def test_a_writer_that_waits_for_room_stops_when_a_newer_one_comes() -> None:
    scene = Scene(new_job())
    scene.backlog = Backlog(most=5)
    old = await scene.writer()
    sending = asyncio.create_task(take_all(old, cut_up(rows(30_000), (10_000,))))
    await at_rest(lambda: len(scene.log.segments) == 5)
    assert not sending.done()
    old.stop()
    with pytest.raises(Overtaken):
        await asyncio.wait_for(sending, 5)
    await old.close()


async def test_a_writer_that_is_cancelled_between_two_segments_loses_none() -> None:
    data = rows(60_000)
    scene = Scene(new_job(size=len(data)))
    scene.backlog = Backlog(most=5)
    upload = await scene.writer()
    # The last piece completes two segments, and there is room for one.
    sending = asyncio.create_task(take_all(upload, [data[:500_000], data[500_000:2_200_000]]))
    await at_rest(lambda: len(scene.log.segments) == 5)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await upload.pause()
    await upload.close()
    assert scene.row.job.received == 500_000
    scene.backlog = Backlog()
    await scene.send(data[500_000:])
    assert scene.log.segments == (await uninterrupted(data)).log.segments


async def test_an_end_that_is_cancelled_is_not_sealed_before_everything_is_produced() -> None:
    data = rows(30_000)
    scene = Scene(new_job(size=len(data)))
    upload = await scene.writer()
    await take_all(upload, cut_up(data, (100_000,)))
    scene.backlog._most = 0
    ending = asyncio.create_task(upload.finish())
    await at_rest(lambda: scene.row.job.phase == "ended")
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    await upload.pause()
    await upload.close()
    assert not scene.told(Sealed)
    scene.backlog._most = 99
    await scene.send(b"")
    assert scene.log.segments == (await uninterrupted(data)).log.segments
    assert [fact.segments for fact in scene.told(Sealed)] == [len(scene.log.segments)]  # type: ignore[union-attr]


LINES = st.lists(
    st.sampled_from(
        [
            b"a@example.org,x\n",
            b'b@example.org,"y\r\nz"\r\n',
            b'"c"",\n",q\r',
            b'stray "quote" here\n',
            b"\n",
            b'"open\n',
        ]
    ),
    min_size=1,
    max_size=40,
)


class Ends(msgspec.Struct):
    """One stretch of an upload: so many bytes in such pieces, and then cut (`pause`) or killed."""

    bytes: int
    piece: int
    killed: bool


STRETCHES = st.lists(
    st.builds(Ends, bytes=st.integers(0, 90_000), piece=st.integers(100, 40_000), killed=st.booleans()), max_size=6
)


@settings(max_examples=60)
@given(lines=LINES, repeats=st.integers(1, 400), stretches=STRETCHES)
def test_any_interruption_at_any_byte_yields_the_same_segments(
    lines: list[bytes], repeats: int, stretches: list[Ends]
) -> None:
    data = b"E-mail,Note\n" + b"".join(lines) * repeats

    async def story() -> Scene:
        scene = Scene(new_job(size=len(data)))
        for stretch in stretches:
            upload = await scene.writer()
            rest = data[upload.received : upload.received + stretch.bytes]
            for piece in cut_up(rest, (stretch.piece,)):
                await upload.take(piece)
            if not stretch.killed:
                await upload.pause()
            await upload.close()
        await scene.send(data[scene.row.job.received :])
        return scene

    expected, found = asyncio.run(uninterrupted(data)), asyncio.run(story())
    assert found.log.segments == expected.log.segments
    assert found.log.headers == expected.log.headers
    assert [fact.segments for fact in found.told(Sealed)] == [fact.segments for fact in expected.told(Sealed)]  # type: ignore[union-attr]
    assert found.row.job.checksum == crc32c(data)


@pytest.mark.parametrize("at", range(9))
async def test_a_seal_that_was_interrupted_anywhere_is_done_by_whoever_comes_next(at: int) -> None:
    """Fails the `at`-th write of the row, and lets another process take over from what is stored."""
    data = rows(3_000)
    scene = Scene(new_job(size=len(data)))
    keep = scene.row.keep

    async def failing(job: Job, now: float) -> Job:
        if scene.row.writes == at:
            raise TryAgain("killed")
        return await keep(job, now)

    scene.row.keep = failing  # type: ignore[method-assign]
    upload = await scene.writer()
    try:
        for piece in cut_up(data, (50_000,)):
            await upload.take(piece)
        await upload.finish()
    except TryAgain:
        scene.row.keep = keep  # type: ignore[method-assign]
        await upload.close()
        await scene.send(data[scene.row.job.received :])
    assert scene.row.job.sealed
    assert scene.log.segments == (await uninterrupted(data)).log.segments


class Forgetful(Log):
    """A producer that acknowledges at once and keeps nothing but counts."""

    sent = 0
    rows = 0

    async def send(self, topic: Topic | str, **record: Any) -> "asyncio.Future[object]":
        if topic is not FACTS:
            self.sent += 1
            self.rows += record["value"].count(b"\n")
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


async def test_ten_million_rows_stream_through_with_flat_memory() -> None:
    log = Forgetful()
    scene = Scene(new_job(), log)
    scene.backlog = Backlog(most=1_000_000)
    upload = await scene.writer()
    piece = b"a@b.de\n" * 10_000
    process = psutil.Process()
    await upload.take(b"E-mail\n")
    sizes = []
    for turn in range(1_000):
        await upload.take(piece)
        await asyncio.sleep(0)  # as every socket does
        if turn in {199, 999}:
            sizes.append(process.memory_info().rss)
    await upload.finish()
    await upload.close()
    assert log.rows == 10_000_001
    assert log.sent == -(-10_000_001 // MAX_LINE_ENDS)
    assert sizes[1] - sizes[0] < 16 * 2**20
