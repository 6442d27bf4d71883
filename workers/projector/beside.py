"""The read model, built anew beside the one that serves, and put in its place in one moment.

Its tables are made in a schema of their own, by the same files as the ones that serve, and filled through the same
Store; only its indexes come last, because one that is made at once costs a fraction. In the end one transaction keeps
the projector out, waits until what is new has all that was ever shown, and moves its tables to where the old ones
were. Who reads, sees the old ones or the new ones and waits for an instant at most.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from psycopg import errors

from app.sql import SERVICES, Connection, make_pool, migrations, transaction, translated
from workers.projector import yielding
from workers.projector.rows import Part
from workers.projector.store import SETTINGS, Store

SERVICE = next(service for service in SERVICES if service.schema == "lookup")
TABLES = ("contacts", "entries", "counts", "imports", "problems")
"""What is built anew. `parts` stays as it is: it says how far the projector is, and is no part of what is read."""
HISTORY = ("imports", "problems")
"""The log forgets these; what is shown of them and is not in the log any more is kept."""
TOGETHER = 16
"""Records in hand at a time."""
SESSIONS = 4
TRIES = 10
"""So often readers are asked to let go, each time for no longer than they may be kept waiting."""
PATIENCE = "200ms"


class Busy(Exception):
    """Somebody reads for long (an export, as a rule): not now, but later. The old read model serves on."""


class Outdated(Exception):
    """The schema is not the one that this code knows: older, or changed by a newer release meanwhile."""


class Swapped(NamedTuple):
    """How many contacts, imports and problems there are, and how many of HISTORY had left the log and were kept."""

    rows: Mapping[str, int]
    kept: Mapping[str, int]


class Beside(Store):
    """The projector's store on the tables beside. Methods raise TryAgain."""

    def __init__(self, dsn: str, name: str) -> None:
        settings = {
            **SETTINGS,
            "search_path": f"{SERVICE.beside},pg_temp",
            "synchronous_commit": "off",  # what a power cut takes is built again from the beginning
            "transaction_timeout": "0",
            "idle_in_transaction_session_timeout": "0",
            "maintenance_work_mem": "256MB",
        }
        self._beside = make_pool(dsn, name, size=SESSIONS, settings=settings, configure=yielding.lower_session)
        self._indexes: list[str] = []
        self._version = 0
        super().__init__(self._beside)

    async def open(self) -> None:
        with translated():
            await self._beside.open()

    async def close(self) -> None:
        await self._beside.close()

    async def shown(self, part: Part) -> bool:
        """Never: it is not here that anybody looks."""
        return False

    async def begin(self) -> None:
        """Makes empty tables, without most of their indexes; what a run before left behind goes.

        Raises Outdated.
        """
        async with transaction(self._beside) as connection:
            try:
                await connection.execute(_CLEAR)
            except errors.InvalidSchemaName:
                raise Outdated from None
            for self._version, path in migrations(SERVICE):
                await connection.execute(path.read_bytes())
            if self._version != await _version(connection):
                raise Outdated
            for reader in SERVICE.readers:
                await connection.execute(f"grant select on all tables in schema {SERVICE.beside} to {reader}")
            found = await connection.execute(_INDEXES)
            for name, definition in await found.fetchall():
                self._indexes.append(definition)
                await connection.execute(f"drop index {name}")

    async def complete(self) -> None:
        """Makes the indexes, and lets the planner know what is there."""
        for definition in self._indexes:
            async with transaction(self._beside) as connection:
                await connection.execute(definition)
        with translated():
            async with self._beside.connection() as connection:
                await connection.set_autocommit(True)
                try:
                    await connection.execute(f"vacuum (analyze) {', '.join(TABLES)}")
                finally:
                    await connection.set_autocommit(False)

    async def swap(self, reach: Callable[[], Awaitable[None]]) -> Swapped:
        """Puts the new tables in the place of the old ones. Raises Busy, Outdated; then nothing has changed.

        `reach` brings in everything that is in the log; it is called when nobody writes any more.
        """
        async with transaction(self._beside) as connection:
            await _writers_wait(connection)
            if self._version != await _version(connection):
                raise Outdated
            await reach()
            kept = {}
            for table in HISTORY:
                cursor = await connection.execute(
                    f"insert into {table} select * from {SERVICE.schema}.{table} on conflict do nothing"
                )
                kept[table] = cursor.rowcount
            rows = {table: await _rows(connection, table) for table in ("contacts", *HISTORY)}
            await _readers_let_go(connection)
            await connection.execute(f"drop table {_OLD}")
            for table in TABLES:
                await connection.execute(f"alter table {table} set schema {SERVICE.schema}")
            await connection.execute(_CLEAR)
        return Swapped(rows, kept)

    async def clear(self) -> None:
        """Leaves nothing behind."""
        async with transaction(self._beside) as connection:
            await connection.execute(_CLEAR)


_OLD = ", ".join(f"{SERVICE.schema}.{table}" for table in TABLES)

_CLEAR = f"""
do $$
declare
    it text;
begin
    for it in
        select format('drop table %s cascade', oid::regclass) from pg_class
        where relnamespace = '{SERVICE.beside}'::regnamespace and relkind = 'r'
        union all
        select format('drop function %s', oid::regprocedure) from pg_proc
        where pronamespace = '{SERVICE.beside}'::regnamespace
    loop
        execute it;
    end loop;
end
$$
"""

# Whatever is no primary key.
_INDEXES = f"""
select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
join pg_class on pg_class.oid = indexrelid
where relnamespace = '{SERVICE.beside}'::regnamespace and not indisprimary
"""


async def _version(connection: Connection) -> int:
    cursor = await connection.execute(f"select max(version) from {SERVICE.schema}.migrations")
    row = await cursor.fetchone()
    assert row is not None, "an aggregate has a row"
    version: int = row[0]
    return version


async def _rows(connection: Connection, table: str) -> int:
    cursor = await connection.execute(f"select count(*) from {table}")
    row = await cursor.fetchone()
    return row[0] if row else 0


async def _writers_wait(connection: Connection) -> None:
    try:
        await connection.execute(f"lock table {_OLD} in share row exclusive mode")
    except errors.LockNotAvailable:  # after the lock_timeout of the projector itself
        raise Busy from None


async def _readers_let_go(connection: Connection) -> None:
    """Readers that wait for us wait no longer than PATIENCE; one that we wait for may take as long as it likes."""
    for _ in range(TRIES):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{PATIENCE}'")
                await connection.execute(f"lock table {_OLD} in access exclusive mode")
                return
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            await asyncio.sleep(0.1)
    raise Busy
