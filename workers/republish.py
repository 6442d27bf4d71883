"""`python -m workers republish contacts`: every contact as it now is, once more on contacts.changed.

python -m workers republish contacts                     of all workspaces
python -m workers republish contacts --workspace SLUG    of one (its short name or its id)

For who reads that topic and lost what it read, or comes later than the topic remembers. Nothing is written but the
topic; whoever has a contact in this version already ignores it. Broken off, it can be begun anew.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from app.bus import Producer, acknowledged
from app.core.errors import Rejected
from app.core.events import NO_IMPORT
from app.core.topics import CHANGED
from workers import operating, tail
from workers.importer import again, results
from workers.importer.again import Again
from workers.importer.store import Stored
from workers.operating import Databases
from workers.progress import Progress

PAGE = 1_000
"""Contacts read at a time: one record, or some."""
UNACKNOWLEDGED = 32
"""Records on their way at a time."""


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when something is away or another such command runs."""
    asked = parser().parse_args(arguments)
    operating.work(Databases, lambda settings: _republish(settings, asked.workspace, Progress()))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers republish", description="Tells all contacts again.")
    made.add_argument("what", choices=("contacts",))
    made.add_argument("--workspace", metavar="SLUG", help="only this workspace (its short name or its id)")
    return made


async def _republish(settings: Databases, workspace: str | None, progress: Progress) -> None:
    only = tail.workspace(workspace) if workspace else None
    async with operating.alone(settings), operating.producing(settings) as producer:
        told = await republish(settings, producer, progress, only)
    print(f"{told:,} contacts are told again")


async def republish(settings: Databases, producer: Producer, progress: Progress, only: UUID | None = None) -> int:
    """Tells all contacts, or those of `only` one workspace, and how many there were once all are safe in the log.

    Contacts that come up meanwhile are told by whoever brings them. Raises Rejected, TryAgain.
    """
    store = Again(settings.importer_database_url, settings.process_name)
    await store.open()
    try:
        found = await store.workspaces()
        if only is not None and only not in found:
            raise Rejected("no_contacts", "This workspace has no contacts.")
        workspaces = [only] if only is not None else list(found)
        teller = _Teller(store, producer, settings.site, await producer.partitions(CHANGED))
        with progress.step("republishing contacts", sum(found[workspace] for workspace in workspaces)) as step:
            for workspace in workspaces:
                after = again.FIRST
                while page := await store.page(workspace, after, PAGE):
                    await teller.tell(workspace, page)
                    step.advance(len(page))
                    after = page[-1].id
            await teller.end()
        return teller.told
    finally:
        await store.close()


class _Teller:
    """Puts contacts into the log, evenly over its partitions; some records are on their way at a time."""

    def __init__(self, store: Again, producer: Producer, site: str, partitions: int) -> None:
        self._store = store
        self._producer = producer
        self._site = site
        self._partitions = partitions
        self._records = 0
        self._sent: list[asyncio.Future[object]] = []
        self.told = 0

    async def tell(self, workspace: UUID, page: Sequence[Stored]) -> None:
        """Hands over a page of one workspace. Raises TryAgain."""
        sources = await self._store.sources(workspace, results.seconds(page))
        for value in results.again(workspace, self._site, results.told(page, sources), time.time()):
            partition = self._records % self._partitions
            self._sent.append(await self._producer.send(CHANGED, key=_KEY, value=value, partition=partition))
            self._records += 1
        self.told += len(page)
        if len(self._sent) >= UNACKNOWLEDGED:
            await self.end()

    async def end(self) -> None:
        """Waits until all of it is safe. Raises TryAgain."""
        sent, self._sent = self._sent, []
        await acknowledged(sent)


_KEY = str(NO_IMPORT).encode()
