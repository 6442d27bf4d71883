"""An address book on real servers that importers and a projector bring in, for the commands that tell it again."""

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg

from app import config, sql
from app.bus import Producer
from app.core.events import SegmentDone
from app.core.imports import ImportRecord, State
from app.core.topics import CHANGED, IMPORTS, PROBLEMS
from tests.importing_kafka import Listener, Upload, importer, listening
from tests.integration.conftest import Servers
from tests.waiting import eventually
from workers import faustapp
from workers.operating import Databases
from workers.progress import Progress
from workers.projector import store, yielding
from workers.projector.main import Projector
from workers.projector.store import Store

TABLES = ("contacts", "entries", "counts", "imports", "problems")


PATIENCE = 150
"""Seconds: these commands yield to everything else on the machine."""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    told: str
    said: str


async def ended(process: subprocess.Popen[str]) -> Ran:
    told, said = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    return Ran(process.returncode, told, said)


def person(number: int, company: str = "Acme", *, name: str = "Person") -> str:
    return f"{name} {number},p{number}@example.org,+4930{number:06},{company}"


@dataclass(slots=True)
class Book:
    """One workspace, its imports, and what is told of them."""

    servers: Servers
    producer: Producer
    listener: Listener
    workspace: UUID

    async def bring(self, rows: Sequence[Sequence[str]], *, second: int, wait: bool = True) -> Upload:
        """An import of some segments, of which the importers and (with `wait`) the projector have done all."""
        upload = Upload(self.producer, self.workspace, second)
        for index, some in enumerate(rows):
            await upload.segment(index, list(some))
        state = State(
            id=upload.id,
            workspace=self.workspace,
            version=7,
            name=f"{second}.csv",
            requested_at=1000.0 + second,
            status="finished",
            parts=len(rows),
        )
        record = msgspec.json.encode(ImportRecord(state=state, requested=True))
        await self.producer.publish(IMPORTS, key=str(upload.id).encode(), value=record)
        if wait:
            await self.shown(upload, len(rows))
        return upload

    async def shown(self, upload: Upload, segments: int) -> None:
        """Waits until the read model has all of an import, and its counts were told."""
        await eventually(lambda: self._shown(upload), lambda found: found == segments)
        await eventually(lambda: self._known(upload), bool)
        # Contacts, counts and rejected rows go by topics of their own: each may be behind the others.
        counted = await eventually(lambda: self._counted(upload), lambda found: len(found) == segments)
        await eventually(lambda: self._refused(upload), lambda found: found == sum(counted.values()))

    async def _shown(self, upload: Upload) -> int:
        return len({index for fact in self.listener.of(upload) for index in getattr(fact, "indexes", ())})

    async def _known(self, upload: Upload) -> bool:
        return bool(await self.ask("select from lookup.imports where id = %s", upload.id))

    async def _counted(self, upload: Upload) -> dict[int, int]:
        """Index of a segment -> its rejected rows."""
        return {fact.index: fact.counts.rejected for fact in self.done(upload)}

    async def _refused(self, upload: Upload) -> int:
        found = await self.ask("select distinct index, row from lookup.problems where import_id = %s", upload.id)
        return len(found)

    def done(self, upload: Upload) -> list[SegmentDone]:
        return [fact for fact in self.listener.of(upload) if isinstance(fact, SegmentDone)]

    async def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """As the administrator, whom no policy keeps from anything."""
        async with await psycopg.AsyncConnection.connect(self.servers.postgres, autocommit=True) as connection:
            cursor = await connection.execute(statement, values or None)
            return await cursor.fetchall() if cursor.description is not None else []

    async def rows(self, schema: str = "lookup") -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the read model of this workspace; a value that nobody has any more is counted or not."""
        found = {}
        for table in TABLES:
            some = "and n > 0" if table == "counts" else ""
            # The members of an object have no order, and importers write those of a new contact in one of their own.
            row = (
                "to_jsonb(it)"
                if table in ("entries", "counts")
                else "to_jsonb(it) || jsonb_build_object('doc', it.doc::jsonb)"
            )
            found[table] = await self.ask(
                f"select ({row})::text from {schema}.{table} as it where workspace = %s {some} order by 1",
                self.workspace,
            )
        return found

    def settings(self) -> Databases:
        return Databases(
            process_name=f"operator-{uuid4().hex[:6]}",
            kafka_bootstrap=self.servers.kafka,
            importer_database_url=self.servers.dsn("importer"),
            projector_database_url=self.servers.dsn("projector"),
        )

    @contextmanager
    def command(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`python -m workers ...`, as an operator types it; it does not outlive its test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "KAFKA_BOOTSTRAP": self.servers.kafka,
                "IMPORTER_DATABASE_URL": self.servers.dsn("importer"),
                "PROJECTOR_DATABASE_URL": self.servers.dsn("projector"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    async def run(self, *arguments: str) -> Ran:
        """The same to its end."""
        with self.command(*arguments) as process:
            return await ended(process)


class Said(Progress):
    """What an operator reads."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        super().__init__(self.out)

    @property
    def text(self) -> str:
        return self.out.getvalue()


@asynccontextmanager
async def book(servers: Servers, producer: Producer) -> AsyncIterator[Book]:
    """A workspace that nobody else uses."""
    async with listening(servers, producer) as listener:
        yield Book(servers, producer, listener, uuid4())


@asynccontextmanager
async def producing(servers: Servers) -> AsyncIterator[Producer]:
    """A producer whose records are worked on."""
    made = Producer(config.Process(process_name=f"test.{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka))
    await made.start()
    async with workers(servers, made):
        yield made
    await made.stop()


@asynccontextmanager
async def workers(servers: Servers, producer: Producer) -> AsyncIterator[None]:
    """An importer, and a projector that rests for nobody."""
    settings = config.Process(process_name="projector.again", kafka_bootstrap=servers.kafka)
    stop = asyncio.Event()
    async with sql.make_pool(servers.dsn("projector"), "test", settings=store.SETTINGS) as pool:
        projector = Projector(Store(pool), producer, "local", yielding.Turns(Path(os.devnull)))
        running = asyncio.create_task(
            faustapp.run(
                settings,
                group="projector",
                subscriptions={
                    CHANGED: projector.show_contacts,
                    PROBLEMS: projector.keep_problems,
                    IMPORTS: projector.keep_import,
                },
                outlet=producer,
                committed=True,
                stop=stop,
            )
        )
        try:
            with importer(servers, "importer.again"):
                yield
        finally:
            stop.set()
            await running
