"""The schema `connections`: every statement about connected accounts. The workspace comes first.

Secrets come in and go out sealed; who seals them is `service.py`. Every method may raise TryAgain.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import kwargs_row

from app.connections.errors import Gone
from app.connections.model import Connection, Reason
from app.connections.providers import Name
from app.sql import Connection as Sql
from app.sql import Pool, tenant, transaction

_LOCK_WAIT = "40s"
"""Longer than a refresh may take: whoever waits for one wants its token, not an error."""

_COLUMNS = (
    "id, workspace, provider, account, address, scopes, other_contacts, state, reason, connected_by,"
    " connected_by_person, extract(epoch from connected_at)::float8 as connected_at, last_import"
)
_SECRETS = "version, refresh, access, access_until, pause_until, claims"


class Row(NamedTuple):
    """A connection with its grant, sealed. `access` is good until `access_until` (Unix seconds); no refresh before
    `pause_until`; `claims` go along when it is connected again."""

    connection: Connection
    version: int
    refresh: bytes
    access: bytes | None
    access_until: float
    pause_until: float
    claims: str | None


class Asked(NamedTuple):
    """An authorisation under way: its PKCE verifier and nonce (sealed), and the connection to be made again."""

    secret: bytes
    other_contacts: bool
    connection: UUID | None


class Renewed(NamedTuple):
    """What a refresh brought, sealed; None stays as it is."""

    access: bytes
    access_until: float
    refresh: bytes | None
    scopes: tuple[str, ...] | None


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # Authorisations under way

    async def ask(
        self,
        workspace: UUID,
        digest: bytes,
        *,
        person: UUID,
        holder: str,
        provider: Name,
        asked: Asked,
        seconds: int,
    ) -> None:
        """Keeps what the answer to this state (its SHA-256) will need."""
        async with tenant(self._pool, workspace) as sql:
            await sql.execute(
                "insert into connections.asked"
                " (hash, workspace, person, holder, provider, secret, other_contacts, connection, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s))",
                [digest, workspace, person, holder, provider, *asked, seconds],
            )

    async def use(self, workspace: UUID, digest: bytes, *, person: UUID, holder: str, provider: Name) -> Asked | None:
        """What was asked under this state by this session, once; None if nothing, or not any more."""
        async with tenant(self._pool, workspace) as sql:
            cursor = await sql.execute(
                "delete from connections.asked where hash = %s and workspace = %s and person = %s and holder = %s"
                " and provider = %s and expires_at > now() returning secret, other_contacts, connection",
                [digest, workspace, person, holder, provider],
            )
            row = await cursor.fetchone()
        return Asked(*row) if row else None

    async def tidy(self) -> None:
        """Forgets the authorisations that nobody came back from."""
        async with transaction(self._pool) as sql:
            await sql.execute("select set_config('app.tidy', 'on', true)")
            await sql.execute("delete from connections.asked where expires_at < now()")

    # Connections

    async def all(self, workspace: UUID) -> tuple[Connection, ...]:
        async with tenant(self._pool, workspace) as sql:
            cursor = sql.cursor(row_factory=kwargs_row(_connection))
            await cursor.execute(
                f"select {_COLUMNS} from connections.connections where workspace = %s order by provider, address",
                [workspace],
            )
            return tuple(await cursor.fetchall())

    async def find(self, workspace: UUID, connection: UUID) -> Row:
        """Raises Gone."""
        async with tenant(self._pool, workspace) as sql:
            row = await _row(sql, workspace, connection)
        if row is None:
            raise Gone
        return row

    async def save(self, found: Connection, renewed: Renewed) -> bool:
        """Makes a connection, or makes it again: it is good from now on, with this grant and nothing of an old one.

        Whether it was there already.
        """
        assert renewed.refresh is not None, "without a refresh token there is no connection"
        async with tenant(self._pool, found.workspace) as sql:
            cursor = await sql.execute(
                "insert into connections.connections as c (workspace, id, provider, account, address, scopes,"
                " other_contacts, refresh, access, access_until, connected_by,"
                " connected_by_person) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (workspace, id) do update set address = excluded.address, scopes = excluded.scopes,"
                " other_contacts = excluded.other_contacts, state = 'connected', reason = null, claims = null,"
                " version = c.version + 1, refresh = excluded.refresh, access = excluded.access,"
                " access_until = excluded.access_until, pause_until = 0, connected_by = excluded.connected_by,"
                " connected_by_person = excluded.connected_by_person,"
                " connected_at = now() returning version > 1",
                [
                    *(found.workspace, found.id, found.provider, found.account, found.address, list(found.scopes)),
                    *(found.other_contacts, renewed.refresh, renewed.access, renewed.access_until),
                    *(found.connected_by, found.connected_by_person),
                ],
            )
            row = await cursor.fetchone()
            return bool(row and row[0])

    async def forget(self, workspace: UUID, connection: UUID) -> Row:
        """Deletes a connection; a refresh under way is waited for. What it was. Raises Gone."""
        async with self.held(workspace, connection) as held:
            await held.delete()
        return held.row

    async def every(self) -> list[tuple[UUID, UUID]]:
        """(workspace, connection) of all there are."""
        async with transaction(self._pool) as sql:
            await sql.execute("select set_config('app.sweep', 'on', true)")
            cursor = await sql.execute("select workspace, id from connections.connections")
            return await cursor.fetchall()

    async def is_known(self, provider: Name, account: str) -> bool:
        """Whether any workspace has this account connected."""
        async with transaction(self._pool) as sql:
            await sql.execute("select set_config('app.account', %s, true)", [f"{provider} {account}"])
            cursor = await sql.execute(
                "select 1 from connections.connections where provider = %s and account = %s limit 1",
                [provider, account],
            )
            return await cursor.fetchone() is not None

    async def begin_import(self, workspace: UUID, connection: UUID, import_id: UUID, after: UUID | None) -> bool:
        """Whether this import is the last one now: the one before was `after`, or it was this one already."""
        async with tenant(self._pool, workspace) as sql:
            cursor = await sql.execute(
                "update connections.connections set last_import = %s where workspace = %s and id = %s"
                " and (last_import is not distinct from %s or last_import = %s)",
                [import_id, workspace, connection, after, import_id],
            )
            return cursor.rowcount == 1

    async def mark(self, workspace: UUID, connection: UUID, reason: Reason, claims: str | None) -> None:
        """The person has to connect it again; what was marked before stays marked."""
        async with tenant(self._pool, workspace) as sql:
            await _mark(sql, workspace, connection, reason, claims)

    # The grant

    @asynccontextmanager
    async def held(self, workspace: UUID, connection: UUID) -> AsyncIterator["Held"]:
        """The connection's row, locked against every other process until the body ends. Raises Gone."""
        async with tenant(self._pool, workspace) as sql:
            row = await _row(sql, workspace, connection, lock=True)
            if row is None:
                raise Gone
            yield Held(sql, row)

    async def renew(self, row: Row, renewed: Renewed) -> bool:
        """Keeps what a refresh brought, if nobody has written the grant since `row` was read."""
        async with tenant(self._pool, row.connection.workspace) as sql:
            return await _renew(sql, row, renewed)


class Held:
    """A locked row, and what may be written of it before it is let go."""

    def __init__(self, sql: Sql, row: Row) -> None:
        self._sql = sql
        self.row = row

    async def renew(self, renewed: Renewed) -> None:
        await _renew(self._sql, self.row, renewed)

    async def mark(self, reason: Reason) -> None:
        await _mark(self._sql, self.row.connection.workspace, self.row.connection.id, reason, None)

    async def drop_access(self) -> None:
        """The access token is not good any more."""
        await self._set("access = null, access_until = 0")

    async def wait_until(self, moment: float) -> None:
        """No refresh before `moment` (Unix seconds)."""
        await self._set("pause_until = %s", moment)

    async def reseal(self, refresh: bytes | None, access: bytes | None) -> None:
        """The same grant, sealed otherwise; None stays as it is."""
        await self._set("refresh = coalesce(%s, refresh), access = coalesce(%s, access)", refresh, access)

    async def delete(self) -> None:
        found = self.row.connection
        await self._sql.execute(
            "delete from connections.connections where workspace = %s and id = %s", [found.workspace, found.id]
        )

    async def _set(self, what: str, *values: object) -> None:
        found = self.row.connection
        await self._sql.execute(
            f"update connections.connections set {what} where workspace = %s and id = %s",
            [*values, found.workspace, found.id],
        )


async def _row(sql: Sql, workspace: UUID, connection: UUID, *, lock: bool = False) -> Row | None:
    if lock:
        await sql.execute(f"set local lock_timeout = '{_LOCK_WAIT}'")
    cursor = sql.cursor(row_factory=kwargs_row(_whole))
    await cursor.execute(
        f"select {_COLUMNS}, {_SECRETS} from connections.connections where workspace = %s and id = %s"
        + (" for update" if lock else ""),
        [workspace, connection],
    )
    return await cursor.fetchone()


async def _renew(sql: Sql, row: Row, renewed: Renewed) -> bool:
    cursor = await sql.execute(
        "update connections.connections set version = version + 1, access = %s, access_until = %s,"
        " refresh = coalesce(%s, refresh), scopes = coalesce(%s, scopes), pause_until = 0"
        " where workspace = %s and id = %s and version = %s",
        [
            *(renewed.access, renewed.access_until, renewed.refresh),
            None if renewed.scopes is None else list(renewed.scopes),
            *(row.connection.workspace, row.connection.id, row.version),
        ],
    )
    return cursor.rowcount == 1


async def _mark(sql: Sql, workspace: UUID, connection: UUID, reason: Reason, claims: str | None) -> None:
    await sql.execute(
        "update connections.connections set state = 'reauthorise', reason = %s, claims = %s, access = null,"
        " access_until = 0 where workspace = %s and id = %s and state = 'connected'",
        [reason, claims, workspace, connection],
    )


def _connection(*, scopes: list[str], **columns: Any) -> Connection:
    return Connection(scopes=tuple(scopes), **columns)


def _whole(**columns: Any) -> Row:
    secrets = {name: columns.pop(name) for name in _SECRETS.split(", ")}
    return Row(connection=_connection(**columns), **secrets)
