"""One partition of `import.facts`: its imports in memory, its notices at once, its state in transactions.

With it goes the same partition of what other data centres tell, whose imports are done here as well.

The order of start is what makes it exact (design.md section 4.5): the transactional producer first, which fences a
former owner and ends what it left open; then the committed offset; then everything that was committed to this
partition of `imports`; only then facts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from prometheus_client import Counter, Histogram

from app import bus, config, trace
from app.core.events import AnyFact
from app.core.folding import fold, holds_everywhere, kind_of_change, unknown
from app.core.imports import TERMINAL, ImportRecord, decode_record
from app.core.notices import SINCE, notices
from app.core.topics import FACTS, IMPORTS, NOTICES
from workers import crash
from workers.harness import Record, set_aside

log = logging.getLogger(__name__)

FOLDED = Counter("addressbus_facts_total", "Facts folded into states, repeats included")
COMMIT = Histogram(
    "addressbus_tracker_commit_seconds",
    "From the last word on a batch of facts to its commit",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
COMMIT_SECONDS = 0.1
STOP_SECONDS = 5
KEPT_SECONDS = 8 * 86_400
"""An import that ended longer ago leaves memory and the topic; its history is in the read model."""

_decode_fact = msgspec.json.Decoder(AnyFact).decode


class Partition:
    """The tracker of the partition `number`; `committed` is called whenever what was folded is safe."""

    def __init__(
        self,
        settings: config.Process,
        number: int,
        group: str,
        tell: bus.Producer,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._number = number
        self._group = group
        self._tell = tell
        self._is_committed = committed
        self._producer = AIOKafkaProducer(
            **bus.connection(settings),
            client_id=f"{settings.process_name}-{number}",
            transactional_id=f"{group}-{FACTS.name}-{number}",
            transaction_timeout_ms=20_000,
            compression_type="zstd",
        )
        self._records: dict[UUID, ImportRecord] = {}
        self._uncommitted: dict[UUID, ImportRecord | None] = {}
        self._told: list[asyncio.Future[object]] = []
        self._next: dict[TopicPartition, OffsetAndMetadata] = {}
        self._work = asyncio.Event()
        self._stopping = False
        self._committing: asyncio.Task[None] | None = None

    async def start(self, consumer: AIOKafkaConsumer, inputs: Collection[TopicPartition]) -> None:
        """Fences, seeks, restores. `inputs`, of this number each, must be paused. Raises KafkaError, TryAgain."""
        await self._producer.start()
        committed = {place: await consumer.committed(place) for place in inputs}
        await self._restore()
        for place, offset in committed.items():
            if offset is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, offset)
        self._committing = asyncio.create_task(self._commit_forever(), name=f"commit {self._number}")

    async def stop(self) -> None:
        """Commits what is folded, if that is still ours to do, and lets go."""
        self._stopping = True
        self._work.set()
        if self._committing is not None:
            await asyncio.wait({self._committing}, timeout=STOP_SECONDS)
            self._committing.cancel()
            await asyncio.gather(self._committing, return_exceptions=True)
        await self._producer.stop()

    def failure(self) -> BaseException | None:
        """Why this partition stopped committing, if it did."""
        if self._committing is not None and self._committing.done() and not self._committing.cancelled():
            return self._committing.exception()
        return None

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds facts of one input in order and tells at once; the commit follows in the background. Raises TryAgain.

        A fact that cannot be read or folded is set aside, as its topic says: its neighbours go on.
        """
        crash.point("polled")
        place = TopicPartition(records[0].topic, records[0].partition)
        folded: dict[UUID, ImportRecord | None] = {}
        news: list[News] = []
        told: list[asyncio.Future[object]] = []
        for record in records:
            try:
                with trace.received("fold", _traceparent(record)) as span:
                    fact = _decode_fact(record.value or b"")
                    if place.topic != FACTS.name and not holds_everywhere(fact):
                        continue
                    old = self._records.get(fact.import_id) or unknown(fact.workspace, fact.import_id)
                    new = fold(old, fact)
                    if new is not old:
                        self._records[fact.import_id] = folded[fact.import_id] = new
                        news.append(News(old, new, span.traceparent, record.timestamp / 1000))
            except Exception as error:  # folding waits for nobody, so this is a fault of ours or of the fact
                await set_aside(_record(record), error, self._tell, FACTS.retries)
        crash.point("folded")
        for item in worth_telling(news):
            trace.enter(item.traceparent)
            for notice in notices(kind_of_change(item.old, item.new), item.new.state):
                value = msgspec.json.encode(notice)
                since = [(SINCE, f"{item.at:.3f}".encode())]
                told.append(await self._tell.send(NOTICES, key=notice.channel.encode(), value=value, headers=since))
        # A commit sees only what was told: state, notices and offset of whole batches.
        self._uncommitted.update(folded)
        self._told += told
        self._next[place] = OffsetAndMetadata(records[-1].offset + 1, "")
        self._work.set()
        FOLDED.inc(len(records))

    def forget_old(self, now: float) -> None:
        """Drops imports that ended, or were last heard of, more than eight days before `now`."""
        for import_id, record in list(self._records.items()):
            if _last_heard(record) < now - KEPT_SECONDS:
                del self._records[import_id]
                self._uncommitted[import_id] = None
        self._work.set()

    async def _commit_forever(self) -> None:
        while not self._stopping or self._work.is_set():
            await self._work.wait()
            self._work.clear()
            await self._commit()
            if not self._stopping:
                await asyncio.sleep(COMMIT_SECONDS)

    async def _commit(self) -> None:
        """State and offset in one transaction, after everything that was told is safe."""
        states, self._uncommitted = self._uncommitted, {}
        told, self._told = self._told, []
        offsets = dict(self._next)
        if not offsets and not states:
            return
        began = time.monotonic()
        await bus.acknowledged(told)
        crash.point("told")
        async with self._producer.transaction():
            sent = [
                await self._producer.send(
                    IMPORTS.name,
                    None if record is None else msgspec.json.encode(record),
                    key=str(import_id).encode(),
                    partition=self._number,
                )
                for import_id, record in states.items()
            ]
            await asyncio.gather(*sent)
            crash.point("written")
            if offsets:
                await self._producer.send_offsets_to_transaction(offsets, self._group)
            crash.point("offered")
        crash.point("committed")
        COMMIT.observe(time.monotonic() - began)
        self._is_committed()

    async def _restore(self) -> None:
        consumer = AIOKafkaConsumer(
            **bus.connection(self._settings),
            client_id=f"{self._settings.process_name}-restore-{self._number}",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            source = TopicPartition(IMPORTS.name, self._number)
            await bus.partitions_of(consumer, IMPORTS)
            consumer.assign([source])
            await consumer.seek_to_beginning(source)
            end = (await consumer.end_offsets([source]))[source]
            while await consumer.position(source) < end:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self._restore_one(record)
        finally:
            await consumer.stop()

    def _restore_one(self, record: ConsumerRecord) -> None:
        import_id = UUID((record.key or b"").decode())
        if record.value is None:
            self._records.pop(import_id, None)
        else:
            self._records[import_id] = decode_record(record.value)


class News(NamedTuple):
    """One step of one import, the trace that led to it, and when its fact was written (Unix seconds)."""

    old: ImportRecord
    new: ImportRecord
    traceparent: str | None
    at: float = 0.0


def worth_telling(news: list[News]) -> Iterator[News]:
    """Of each import: every turn of its life, and the last of the steps between. Nothing before its `Requested`."""
    last = {item.new.state.id: number for number, item in enumerate(news)}
    for number, item in enumerate(news):
        if not item.new.requested:
            continue
        turn = kind_of_change(item.old, item.new) != "progress" or not item.old.requested
        if turn or last[item.new.state.id] == number:
            yield item


def _last_heard(record: ImportRecord) -> float:
    """When an import ended; for one that runs, now and for ever; for one never requested, its last fact."""
    if not record.requested:
        return record.last_at or float("inf")
    ended = record.state.finished_at if record.state.status in TERMINAL else None
    return float("inf") if ended is None else ended


def _record(record: ConsumerRecord) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
    )


def _traceparent(record: ConsumerRecord) -> str | None:
    return next((value.decode() for name, value in record.headers if name == "traceparent"), None)
