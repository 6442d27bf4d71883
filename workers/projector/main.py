"""The projector keeps the read model: what the log says of contacts, problems and imports becomes what pages read."""

import asyncio
import os
import time
from uuid import UUID

import msgspec
from prometheus_client import Counter

from app import bus, config, health, log, sql, telemetry, trace
from app.bus import Producer
from app.core.errors import Rejected
from app.core.events import NO_IMPORT, TELLING, ImportProblems, MalformedEvent, Projected, Telling
from app.core.imports import ImportRecord
from app.core.topics import CHANGED, FACTS, IMPORTS, KEYS, PROBLEMS
from app.keys import Keys
from app.sealing import HEADER, Vault, whose
from workers import crash, faustapp
from workers.harness import Record
from workers.projector import forgetting, rows, store, yielding
from workers.projector.burying import Burying
from workers.projector.store import Store
from workers.projector.together import Together

TOGETHER = 16
"""Records in hand at a time: while the database works on some, others are prepared."""
SESSIONS = 5
"""Transactions at a time, of different workspaces or topics."""

SHOWN = Counter("addressbus_contacts_shown_total", "Contacts brought into the read model, repeats included")

_problems = msgspec.json.Decoder(ImportProblems)
_import = msgspec.json.Decoder(ImportRecord)
_tellings = msgspec.json.Decoder(Telling)


class Projector:
    """A handler for each topic. Each may see a record again, and records of different imports in any order.

    Without `keys` rejected rows that are sealed are passed over, like those of a file that was deleted.
    """

    def __init__(
        self,
        store: Store,
        producer: Producer,
        site: str,
        turns: yielding.Turns | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._store = store
        self._together = Together(store.show)
        self._producer = producer
        self._site = site
        self._keys = keys
        self._turns = turns or yielding.Turns()

    async def show_contacts(self, record: Record) -> None:
        """`contacts.changed`: shows the contacts and, once all of their segment are shown, says so."""
        async with self._turns.turn(len(record.value or b"")):
            await self._show(record)

    async def _show(self, record: Record) -> None:
        try:
            part = rows.part(record.value or b"")
            if part.import_id == NO_IMPORT:
                part = await self._news(part)
            elif telling := _telling(record):
                part = msgspec.structs.replace(part, part=telling.number, parts=telling.of)
            contacts = list(rows.rows(part.workspace, part.contacts))
        except msgspec.DecodeError as error:
            raise MalformedEvent(str(error)) from error
        if part.erased:
            await forgetting.forget(self._store.pool, part.workspace, part.erased)
        await self._together.show(part, contacts)
        if part.erased:
            await forgetting.forget_empty(self._store.pool, part.workspace)
        crash.point("committed")
        SHOWN.inc(len(contacts))
        if part.import_id != NO_IMPORT:
            await self._report(part)

    async def _report(self, part: rows.Part) -> None:
        """Says that a segment can be seen if this was the last that is told of it."""
        if await self._store.shown(part):
            fact = Projected(
                workspace=part.workspace,
                import_id=part.import_id,
                at=time.time(),
                site=self._site,
                indexes=(part.index,),
            )
            await self._producer.publish(FACTS, key=str(part.import_id).encode(), value=msgspec.json.encode(fact))
            crash.point("reported")

    async def _news(self, part: rows.Part) -> rows.Part:
        """Of contacts that are told again those that are not shown yet: all of them may come, and nearly none is."""
        versions = rows.versions(part.contacts)
        newer = await self._store.newer(part.workspace, versions)
        news = [contact for contact, (id_, _) in zip(part.contacts, versions, strict=True) if id_ in newer]
        return msgspec.structs.replace(part, contacts=tuple(news))

    async def keep_problems(self, record: Record) -> None:
        """`import.problems`: keeps the rows that could not be used, unless their file was deleted since.

        A segment can be seen when they can, too.
        """
        found = await self._opened(record)
        if found:
            await self._store.keep_problems(found)
            crash.point("noted")
        if telling := _telling(record):
            by = found or whose(record.headers)
            part = rows.Part(by.workspace, by.import_id, telling.index, telling.number, telling.of, contacts=())
            await self._together.show(part, [])
            await self._report(part)

    async def _opened(self, record: Record) -> ImportProblems | None:
        if self._keys is None and HEADER in record.headers:
            return None
        try:
            value = await self._keys.open(record.headers, record.value or b"") if self._keys else record.value
        except Rejected:
            return None
        try:
            return _problems.decode(value or b"")
        except msgspec.DecodeError as error:
            raise MalformedEvent(str(error)) from error

    async def forget_file(self, record: Record) -> None:
        """`import.keys`: a tombstone says that a file was deleted, and its rows with it."""
        workspace = record.headers.get("workspace")
        if record.value is None and workspace is not None:
            await self._store.forget_problems(UUID(workspace.decode()), UUID((record.key or b"").decode()))

    async def keep_import(self, record: Record) -> None:
        """`imports`: keeps the state; a tombstone ends an import's life in the log and not in the history."""
        if record.value is None:
            await self._store.forget_parts(UUID((record.key or b"").decode()))
            return
        try:
            state = _import.decode(record.value).state
        except msgspec.DecodeError as error:
            raise MalformedEvent(str(error)) from error
        if state.requested_at is not None:
            await self._store.keep_import(state)
        crash.point("remembered")


def _telling(record: Record) -> Telling | None:
    """None of what a release before that header has told: there `part` and `parts` of contacts alone count."""
    said = record.headers.get(TELLING)
    try:
        return None if said is None else _tellings.decode(said)
    except msgspec.DecodeError as error:
        raise MalformedEvent(str(error)) from error


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = config.read_or_exit(config.Projector)
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    crash.arm(os.environ)
    yielding.yield_to_others()
    asyncio.run(run(settings))


async def run(settings: config.Projector) -> None:
    """Projects and answers for its health; returns after an orderly stop."""
    state = {"assigned": False}
    pool = sql.make_pool(
        settings.projector_database_url,
        settings.process_name,
        size=SESSIONS,
        settings=store.SETTINGS,
        configure=yielding.lower_session,
    )
    producer = Producer(settings)
    keys = Keys(settings, config.parse_or_exit("data_keys", Vault.parse, settings.data_keys))

    def lacks() -> str | None:
        return None if state["assigned"] else "no partitions yet"

    async with health.served(settings, lacks), telemetry.told(settings, "projector", lacks):
        await pool.open()
        try:
            await bus.forever(lambda: sql.check_schema(pool, "lookup"), "PostgreSQL, schema lookup")
            await bus.forever(producer.start, "Kafka")
            await keys.start()
            projector = Projector(Store(pool), producer, settings.site, keys=keys)
            await faustapp.run(
                settings,
                group="projector",
                subscriptions={
                    CHANGED: projector.show_contacts,
                    PROBLEMS: projector.keep_problems,
                    IMPORTS: projector.keep_import,
                    KEYS: projector.forget_file,
                },
                outlet=Burying(producer, keys),
                committed=True,
                together=TOGETHER,
                ready=lambda assigned: state.update(assigned=assigned),
            )
        finally:
            await keys.stop()
            await producer.stop()
            await pool.close()
