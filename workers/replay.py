"""`python -m workers replay import ID`: the segments of an import, run once more from the log.

python -m workers replay import ID

Importers find each segment in their ledger, change nothing, and tell again what they told: contacts, problems, counts.
That mends whoever did not hear it, and it is a proof: every count and every version must be as before, and the command
says whether they are. Segments that a database brought back from a backup does not know are merged. Segments that have
left the log are told, not guessed. Broken off, it has changed nothing either.
"""

import argparse
import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from app.bus import Producer
from app.core.errors import Rejected, TryAgain
from app.core.events import AnyFact, Counts, SegmentDone, SegmentFailed, SegmentHeader
from app.core.imports import ImportRecord, State
from app.core.topics import BULK, EXPRESS, FACTS, IMPORTS, at_home, everywhere
from app.dead import OURS, REPLAYED
from workers import operating, stretch
from workers.importer.again import Again
from workers.operating import Databases
from workers.progress import Progress, Step

MOST = 256
"""Segments that are on their way at a time, as many as one workspace may have in the log unfinished."""
PATIENCE = 90.0
"""Seconds without a word from the importers; a segment that fails is tried again for 35 s."""
CLOCKS = 600.0
"""Seconds by which the clocks of machines may differ."""

_segment = msgspec.json.Decoder(SegmentHeader)
_fact = msgspec.json.Decoder(AnyFact)
_import = msgspec.json.Decoder(ImportRecord)


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What came of it: of each index that was run again what its segment had become before, and what is said now."""

    state: State
    known: Mapping[int, Counts]
    sent: set[int] = field(default_factory=set)
    done: dict[int, Counts] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    unwanted: set[int] = field(default_factory=set)
    second: int | None = None
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)

    @property
    def gone(self) -> int:
        """Segments that have left the log, as far as anybody knows of them."""
        seen = max([*self.sent, *self.unwanted, *self.known], default=-1) + 1
        return max(self.state.parts or 0, seen) - len(self.sent | self.unwanted)

    @property
    def new(self) -> list[int]:
        """Segments that were not in the database: these were merged now."""
        return sorted(self.done.keys() - self.known.keys())

    @property
    def other(self) -> list[int]:
        """Segments that were in the database with other counts, which must never be."""
        return sorted(index for index, counts in self.done.items() if self.known.get(index, counts) != counts)

    def told(self) -> list[str]:
        """What the operator should know."""
        said = []
        if self.gone:
            said.append(f"{_segments(self.gone)} not in the log any more: not run again")
        if self.unwanted:
            said.append(f"{_segments(len(self.unwanted))} never imported, for the import was {self.state.status}")
        said += [f"segment {index} was given up: {reference}" for index, reference in sorted(self.failed.items())]
        if self.new:
            said.append(f"{_segments(len(self.new))} not in the database: merged now")
        said += [f"segment {index} was counted otherwise before" for index in self.other]
        risen = self.after[1] - self.before[1]
        if self.done and not self.new and not self.other:
            rows = sum(counts.rows for counts in self.done.values())
            said.append(f"nothing changed: {rows:,} rows are counted as before")
            said.append(
                f"all {self.before[0]:,} contacts of this import are at the version they had"
                if self.after == self.before
                else f"other imports have raised {risen:,} versions among its contacts meanwhile"
            )
        return said


def _segments(count: int) -> str:
    return f"{count:,} segment was" if count == 1 else f"{count:,} segments were"


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when something is away or another such command runs."""
    asked = parser().parse_args(arguments)
    operating.work(Databases, lambda settings: _replay(settings, asked.id, Progress()))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers replay", description="Runs an import again from the log.")
    made.add_argument("what", choices=("import",))
    made.add_argument("id", type=UUID, metavar="ID")
    return made


async def _replay(settings: Databases, import_id: UUID, progress: Progress) -> None:
    async with operating.alone(settings):
        for sentence in (await replay(settings, import_id, progress)).told():
            print(sentence)


async def replay(settings: Databases, import_id: UUID, progress: Progress, patience: float = PATIENCE) -> Replayed:
    """Runs an import again, and waits until all of it is done. Raises Rejected, TryAgain."""
    store = Again(settings.importer_database_url, settings.process_name)
    await store.open()
    try:
        async with (
            stretch.consuming(settings) as log,
            stretch.consuming(settings) as facts,
            operating.producing(settings) as producer,
        ):
            state = await _state(log, import_id)
            replayed = Replayed(state=state, known=await store.ledger(state.workspace, import_id))
            await stretch.begin(facts, {FACTS: "now"})
            with progress.step(f"replaying {state.name or import_id}, segments", state.parts or 0) as step:
                run = _Run(replayed, producer, store, step, patience, settings.others)
                await _both(run.send(log), run.listen(facts))
            if replayed.second is not None:
                replayed.after = await store.versions(state.workspace, replayed.second)
            return replayed
    finally:
        await store.close()


class _Run:
    """Sends the segments that are in the log, some at a time, and hears what becomes of each."""

    def __init__(
        self,
        replayed: Replayed,
        producer: Producer,
        store: Again,
        step: Step,
        patience: float,
        sites: Sequence[str] = (),
    ) -> None:
        self._replayed = replayed
        self._producer = producer
        self._store = store
        self._step = step
        self._patience = patience
        self._lanes = [each for lane in (EXPRESS, BULK) for each in everywhere(lane, sites)]
        self._room = asyncio.Semaphore(MOST)
        self._all_sent = False
        self._heard_at = time.monotonic()

    async def send(self, log: AIOKafkaConsumer) -> None:
        """Everything of this import that is in the log as it stands, each segment once."""
        state = self._replayed.state
        start = (state.requested_at or 0) - CLOCKS
        await stretch.begin(log, dict.fromkeys(self._lanes, start))
        async for records in stretch.batches(log, await stretch.ends(log)):
            for record in records:
                if record.key == str(state.id).encode():
                    await self._send(record)
            if state.parts is not None and len(self._replayed.sent | self._replayed.unwanted) >= state.parts:
                break
        self._all_sent = True

    async def _send(self, record: ConsumerRecord) -> None:
        headers = dict(record.headers)
        segment = _segment.decode(headers["segment"])
        replayed = self._replayed
        if segment.index in replayed.sent | replayed.unwanted:
            return  # it was produced twice, or replayed before
        if replayed.second is None:
            replayed.second = segment.order_second
            replayed.before = await self._store.versions(segment.workspace, segment.order_second)
        if segment.index not in replayed.known and replayed.state.status in ("cancelled", "failed"):
            replayed.unwanted.add(segment.index)
            return
        await self._room.acquire()
        replayed.sent.add(segment.index)
        kept = [(name, value) for name, value in record.headers if name not in OURS]
        await self._producer.publish(
            at_home(record.topic),
            key=record.key,
            value=record.value,
            headers=[*kept, (REPLAYED, operating.who().encode())],
            partition=record.partition,
        )
        self._heard_at = time.monotonic()

    async def listen(self, facts: AIOKafkaConsumer) -> None:
        """Until each segment that was sent is done or given up. Raises TryAgain when nobody says anything."""
        replayed = self._replayed
        while not (self._all_sent and replayed.sent <= replayed.done.keys() | replayed.failed.keys()):
            batches = await facts.getmany(timeout_ms=200)
            for record in (record for batch in batches.values() for record in batch):
                if record.key == str(replayed.state.id).encode():
                    self._hear(_fact.decode(record.value))
            waiting = len(replayed.sent) - len(replayed.done.keys() | replayed.failed.keys())
            if waiting and time.monotonic() - self._heard_at > self._patience:
                raise TryAgain(
                    f"no importer has said anything for {self._patience:.0f} s: {waiting:,} segments wait in the log"
                    " for importers to come; ask again then"
                )

    def _hear(self, fact: AnyFact) -> None:
        replayed = self._replayed
        if not isinstance(fact, SegmentDone | SegmentFailed) or fact.index not in replayed.sent:
            return
        if fact.index not in replayed.done.keys() | replayed.failed.keys():
            self._room.release()
            self._step.advance(1)
        self._heard_at = time.monotonic()
        if isinstance(fact, SegmentDone):
            replayed.done[fact.index] = fact.counts
            replayed.failed.pop(fact.index, None)
        else:
            replayed.failed[fact.index] = fact.reference


async def _both(*work: Coroutine[Any, Any, None]) -> None:
    """Runs both to their ends; where one fails, the other is ended."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _state(log: AIOKafkaConsumer, import_id: UUID) -> State:
    """The newest state of an import. Raises Rejected."""
    found: State | None = None
    await stretch.begin(log, {IMPORTS: "beginning"})
    async for records in stretch.batches(log, await stretch.ends(log)):
        for record in records:
            if record.key == str(import_id).encode():
                found = _import.decode(record.value).state if record.value is not None else None
    if found is None:
        raise Rejected("not_found", f"The log knows no import {import_id}: segments are kept for 7 days, states for 8.")
    return found
