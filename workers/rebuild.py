"""`python -m workers rebuild lookup`: the read model, made anew beside the one that serves, and put in its place.

python -m workers rebuild lookup

From the offset where it begins it reads contacts.changed, where all contacts are told again (republish.py); imports and
problems it reads from the beginning of the log, and what the log has forgotten of them is kept as it is. Pages and the
projector use the old tables until one transaction changes them for the new ones. Broken off at any moment, it has
changed nothing, and the next run begins anew.
"""

import argparse
import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from app import bus
from app.core.errors import TryAgain
from app.core.events import MalformedEvent
from app.core.topics import CHANGED, IMPORTS, PROBLEMS, Topic
from app.keys import KeyNotHere, Keys
from app.sealing import Unreadable
from workers import operating, stretch
from workers.harness import Handler, Record
from workers.operating import Databases
from workers.progress import Progress
from workers.projector import beside, yielding
from workers.projector.beside import Beside, Busy, Outdated, Swapped
from workers.projector.main import Projector
from workers.republish import republish

CLEARINGS = 5
"""So often what was begun is cleared away, before that is left to the next run."""


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when something is away or another such command runs."""
    parser().parse_args(arguments)
    yielding.yield_to_others()
    operating.work(Databases, lambda settings: _rebuild(settings, Progress()))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers rebuild", description="Makes the read model anew.")
    made.add_argument("what", choices=("lookup",))
    return made


async def _rebuild(settings: Databases, progress: Progress) -> None:
    async with operating.alone(settings):
        swapped = await rebuild(settings, progress)
    rows, kept = swapped.rows, swapped.kept
    print(
        f"the read model is new: {rows['contacts']:,} contacts, {rows['imports']:,} imports,"
        f" {rows['problems']:,} problems"
    )
    if any(kept.values()):
        print(
            f"{kept['imports']:,} of these imports and {kept['problems']:,} of these problems are no longer in the log:"
            " they stay as they were"
        )


async def rebuild(settings: Databases, progress: Progress) -> Swapped:
    """Builds and swaps. Raises TryAgain; then the old read model serves on and nothing is left behind."""
    store = Beside(settings.projector_database_url, settings.process_name)
    await store.open()
    try:
        await store.begin()
        async with (
            operating.producing(settings) as producer,
            operating.opening(settings) as keys,
            _reading(settings, store, producer, keys, progress) as log,
        ):
            await republish(settings, producer, progress)
            with progress.step("building anew, records", await log.left()) as step:
                await log.reach(step.advance)
            progress.say("making its indexes")
            await store.complete()
            await log.reach()
            return await _swap(store, log, progress)
    except Outdated:
        raise TryAgain("the database and this code are of different releases: python -m app.sql mends it") from None
    finally:
        await _clear(store)
        await store.close()


async def _clear(store: Beside) -> None:
    """What was stopped in the middle may hold its locks for a moment longer; whoever is next clears up, if need be."""
    for _ in range(CLEARINGS):
        with contextlib.suppress(TryAgain):
            await store.clear()
            return
        await asyncio.sleep(0.2)


async def _swap(store: Beside, log: "_Log", progress: Progress) -> Swapped:
    while True:
        try:
            return await store.swap(log.reach)
        except Busy:
            progress.say("somebody reads for long (an export?); the new read model waits for them")
            await asyncio.sleep(1)


class _Log:
    """What there is to build from; `handlers` are the projector's own."""

    def __init__(self, consumer: AIOKafkaConsumer, handlers: Mapping[Topic, Handler]) -> None:
        self._consumer = consumer
        self._handlers = {topic.name: handle for topic, handle in handlers.items()}
        self.unreadable = 0

    async def begin(self, tell: Callable[[str], None]) -> None:
        """Contacts from now on, history as far back as the log goes; what has left it is told."""
        left = await stretch.begin(self._consumer, {CHANGED: "now", PROBLEMS: "beginning", IMPORTS: "beginning"})
        if left[PROBLEMS.name]:
            tell(f"{left[PROBLEMS.name]:,} older records of {PROBLEMS.name} have left the log")

    async def left(self) -> int:
        """How many records there are to the end as it stands."""
        return await stretch.left(self._consumer, await stretch.ends(self._consumer))

    async def reach(self, advance: Callable[[int], None] = lambda count: None) -> None:
        """Brings in everything up to the end as it stands. Raises TryAgain."""
        async for records in stretch.batches(self._consumer, await stretch.ends(self._consumer)):
            for first in range(0, len(records), beside.TOGETHER):
                await asyncio.gather(*map(self._take, records[first : first + beside.TOGETHER]))
            advance(len(records))

    async def _take(self, record: ConsumerRecord) -> None:
        try:
            await self._handlers[record.topic](
                Record(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=record.key,
                    value=record.value,
                    headers=dict(record.headers),
                )
            )
        except (MalformedEvent, KeyNotHere, Unreadable):
            self.unreadable += 1  # the projector has buried it


@asynccontextmanager
async def _reading(
    settings: Databases, store: Beside, producer: bus.Producer, keys: Keys | None, progress: Progress
) -> AsyncIterator[_Log]:
    """The log, to be brought into the tables beside. Raises TryAgain."""
    projector = Projector(store, producer, settings.site, yielding.Turns(Path(os.devnull)), keys)
    handlers = {CHANGED: projector.show_contacts, PROBLEMS: projector.keep_problems, IMPORTS: projector.keep_import}
    async with stretch.consuming(settings) as consumer:
        log = _Log(consumer, handlers)
        await log.begin(progress.say)
        yield log
    if log.unreadable:
        progress.say(f"{log.unreadable:,} records could not be read: the projector has buried them, too")
