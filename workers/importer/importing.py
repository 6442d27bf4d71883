"""A segment's way: read it, merge it, tell what became of it (design.md 4.4)."""

import logging
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import crc32c
import msgspec
from prometheus_client import Counter, Histogram

from app import trace
from app.bus import Producer, acknowledged
from app.core.errors import Rejected
from app.core.events import TELLING, Fact, ProblemOut, SegmentDone, SegmentFailed, SegmentHeader, Telling
from app.core.reading import blocks, segments
from app.core.reading.cardfiles import CARD_FILES
from app.core.reading.text import size_in_file
from app.core.topics import CHANGED, FACTS, PROBLEMS, Topic, spread
from app.keys import KeyNotHere, Keys
from app.sealing import HEADER, Headers, Unreadable
from workers import crash
from workers.harness import Hopeless, Record
from workers.importer import erasing, results
from workers.importer.erasing import Erasures
from workers.importer.store import Cancelled, Conflict, Merged, Older, Store
from workers.importer.understanding import Understood, understand

log = logging.getLogger(__name__)
SEGMENTS = Counter("addressbus_segments_total", "Segments by what became of them", ["result"])
ROWS = Counter("addressbus_rows_total", "Rows by outcome", ["outcome"])
STEP = Histogram(
    "addressbus_segment_seconds",
    "Time of each step of a segment",
    ["step"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
_header = msgspec.json.Decoder(SegmentHeader)
_encode = msgspec.json.Encoder().encode


class Importing:
    """Handles segment records; `stopped(workspace, import id)` says whose segments are not wanted any more.

    What becomes of them is told as of this `site`, wherever they come from.
    """

    def __init__(
        self,
        store: Store,
        producer: Producer,
        keys: Keys,
        erasures: Erasures,
        stopped: Callable[[UUID, UUID], bool],
        site: str,
    ) -> None:
        self._store = store
        self._producer = producer
        self._keys = keys
        self._erasures = erasures
        self._stopped = stopped
        self._site = site

    async def handle(self, record: Record) -> None:
        """Brings one segment in: write, commit, tell. Raises TryAgain, Hopeless, and what Keys raises.

        Of an import that is cancelled nothing more is written, but what was written already is always told; if its
        file was deleted since, how it was counted and no more.
        """
        segment = header_of(record)
        if self._unwanted(segment) and not await self._store.knows(segment):
            SEGMENTS.labels("stopped").inc()
            return
        try:
            data = await self._keys.open(record.headers, record.value or b"")
        except Rejected:
            counts = await self._store.counts(segment)
            if counts is None:
                raise
            await self._report(segment, segment.end - segment.start, Merged({}, counts, None))
            SEGMENTS.labels("deleted").inc()
            return
        if crc32c.crc32c(data) != segment.crc32c:
            raise Hopeless("the bytes of this segment do not match its checksum")
        with STEP.labels("read").time(), trace.span("read"):
            block, reading = blocks.read(data, segment)
            reading = await self._identified(segment, reading)
            understood, told = understand(segment, block, reading), reading.problems
        try:
            with STEP.labels("database").time():
                try:
                    merged = await self._merge(segment, understood, reading)
                except Older:
                    erased = await self._erasures.erased(
                        segment.workspace, segment.order_second, erasing.keys_of(block, reading)
                    )
                    rest = erasing.spared(block, reading, erased)
                    understood, told = understand(segment, rest.block, rest.reading, passed=rest.passed), rest.problems
                    merged = await self._merge(segment, understood, rest.reading, spared=True)
        except Cancelled:
            SEGMENTS.labels("stopped").inc()
            return
        crash.point("committed")
        with STEP.labels("tell").time(), trace.span("tell"):
            problems = await self._problems(segment, told, sealed=HEADER in record.headers)
            await self._tell(segment, understood, merged, problems)
            await self._report(segment, _size(data, segment), merged)
        crash.point("reported")
        _measure(merged)

    async def _merge(
        self, segment: SegmentHeader, understood: Understood, reading: segments.Reading, *, spared: bool = False
    ) -> Merged:
        return await self._store.merge(
            segment,
            understood.existing,
            understood.batch,
            wanted=lambda: not self._unwanted(segment),
            reading=reading,
            spared=spared,
        )

    async def given_up(self, record: Record, error: Exception) -> None:
        """Counts the rows of a buried segment, so that its import still ends. Raises TryAgain."""
        if isinstance(error, Conflict):
            return  # this index is in the database with other bytes and was, or will be, reported done
        try:
            segment = header_of(record)
        except Hopeless:
            return  # nobody can say whose it was; it lies in the dead-letter topic
        size, rows = await self._measured(record, segment)
        fact = SegmentFailed(
            workspace=segment.workspace,
            import_id=segment.import_id,
            at=time.time(),
            site=self._site,
            index=segment.index,
            bytes=size,
            rows=rows,
            reference=record.reference,
        )
        await self._publish(fact)

    async def _measured(self, record: Record, segment: SegmentHeader) -> tuple[int, int]:
        """Bytes of the file, and rows at most, of a segment that was given up; of rows nobody can read, none."""
        try:
            data = await self._keys.open(record.headers, record.value or b"")
        except (Rejected, KeyNotHere, Unreadable):
            return segment.end - segment.start, 0
        return _size(data, segment), rows_at_most(data, segment)

    def _unwanted(self, segment: SegmentHeader) -> bool:
        return self._stopped(segment.workspace, segment.import_id)

    async def _problems(
        self, segment: SegmentHeader, found: Sequence[ProblemOut], *, sealed: bool
    ) -> list[tuple[bytes, Headers]]:
        """The records for `import.problems`; the rows in them are sealed as they were in their segment."""
        values = results.problems(segment, self._site, found, time.time())
        if not sealed:
            return [(value, []) for value in values]
        return [await self._keys.seal(segment.workspace, segment.import_id, value) for value in values]

    async def _tell(
        self,
        segment: SegmentHeader,
        understood: Understood,
        merged: Merged,
        problems: Sequence[tuple[bytes, Headers]],
    ) -> None:
        """Sends what changed and what was wrong, and waits until all of it is safe."""
        now = time.time()
        seconds = {
            segment.order_second,
            *results.seconds(merged.found.values()),
            *results.beside(merged.alike.values()),
        }
        sources = await self._store.sources(segment.workspace, seconds)
        told = [*understood.told(segment, merged, sources), *results.told(merged.found.values(), sources)]
        key = str(segment.import_id).encode()
        partition = spread(segment.import_id, segment.index, await self._producer.partitions(CHANGED))
        records: list[tuple[Topic, bytes, Headers]]
        records = [(CHANGED, value, []) for value in results.changed(segment, self._site, told, now)]
        records += [(PROBLEMS, *problem) for problem in problems]
        sent = []
        for number, (topic, value, headers) in enumerate(records):
            telling = msgspec.json.encode(Telling(segment.index, number, len(records)))
            headers = [*headers, (TELLING, telling)]
            sent.append(await self._producer.send(topic, key=key, value=value, headers=headers, partition=partition))
            crash.point("half told")
        await acknowledged(sent)
        crash.point("told")

    async def _identified(self, segment: SegmentHeader, reading: segments.Reading) -> segments.Reading:
        """With the identity of the rows of a provider's page that bring only what changed."""
        if not any(link.partial for link in reading.links):
            return reading
        keys = await self._store.identities(segment, reading.links)
        people = [person._replace(match_key=keys.get(person.row, person.match_key)) for person in reading.people]
        return reading._replace(people=people)

    async def _report(self, segment: SegmentHeader, size: int, merged: Merged) -> None:
        await self._publish(
            SegmentDone(
                workspace=segment.workspace,
                import_id=segment.import_id,
                at=time.time(),
                site=self._site,
                index=segment.index,
                bytes=size,
                counts=merged.counts,
                gone=merged.gone,
                deleted=merged.deleted,
            )
        )

    async def _publish(self, fact: Fact) -> None:
        await self._producer.publish(FACTS, key=str(fact.import_id).encode(), value=_encode(fact))


def header_of(record: Record) -> SegmentHeader:
    """The segment's own description. Raises Hopeless."""
    try:
        return _header.decode(record.headers["segment"])
    except (KeyError, msgspec.DecodeError) as error:
        raise Hopeless("this segment has no readable header") from error


def rows_at_most(data: bytes, segment: SegmentHeader) -> int:
    """How many rows a segment that cannot be read may have had: its lines, without those of the header.

    A provider's page that is no list was cut by somebody else than us, which is hopeless.
    """
    if segment.page is not None:
        return len(msgspec.json.decode(data, type=list[msgspec.Raw])) if data else 0
    if segment.plan.format in CARD_FILES:
        return CARD_FILES[segment.plan.format].count(data)
    lines = len(data.splitlines())
    passed = (segment.plan.preamble or 0) + (segment.plan.header or 0) if segment.heads else 0
    return max(0, lines - passed)


def _measure(merged: Merged) -> None:
    SEGMENTS.labels("done").inc()
    for outcome in ("created", "updated", "unchanged", "duplicate", "rejected"):
        ROWS.labels(outcome).inc(getattr(merged.counts, outcome))


def _size(data: bytes, segment: SegmentHeader) -> int:
    """How many bytes of the file a segment stands for: of these people see how many were received, and are done."""
    if segment.packed:
        return segment.end - segment.start
    size = size_in_file(data, segment.plan.encoding, segment.plan.repair)
    # Photos of cards do not travel, but are part of the file.
    return size + segment.end - segment.start - len(data) if segment.plan.format in CARD_FILES else size
