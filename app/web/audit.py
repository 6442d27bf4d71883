"""The audit log: what was done in a workspace, by whom, and in which request. Rows are only ever added."""

from typing import Literal
from uuid import UUID

import msgspec
from psycopg.rows import kwargs_row

from app import sql, trace
from app.core.audit import Action
from app.core.principals import Principal

Way = Literal["session", "token", "link"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done, at `at` (Unix seconds). `address` is what its actor is called today, if known."""

    id: int
    at: float
    actor: UUID | None
    address: str | None
    by: Way
    action: Action
    subject: str
    request: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first; `after` asks for older ones and is null on the last page."""

    entries: list[Entry]
    after: str | None


class Audit:
    """The table `audit` of the schema `web`. Methods raise TryAgain."""

    def __init__(self, pool: sql.Pool) -> None:
        self._pool = pool

    async def note(self, principal: Principal, action: Action, subject: str) -> None:
        """Writes down that a principal does this."""
        async with sql.tenant(self._pool, principal.workspace) as connection:
            await noted(connection, principal, action, subject)

    async def page(self, workspace: UUID, *, action: str | None = None, after: int | None = None, limit: int) -> Page:
        """Entries older than the one with the id `after`, perhaps of one action only."""
        async with sql.tenant(self._pool, workspace) as connection:
            cursor = connection.cursor(row_factory=kwargs_row(Entry))
            await cursor.execute(
                "select a.id, extract(epoch from a.at)::float8 as at, a.actor, p.address, a.by, a.action, a.subject,"
                " a.request from web.audit a left join web.people p on p.id = a.actor"
                " where a.workspace = %(workspace)s and (%(after)s::bigint is null or a.id < %(after)s)"
                " and (%(action)s::text is null or a.action = %(action)s) order by a.id desc limit %(limit)s",
                {"workspace": workspace, "after": after, "action": action, "limit": limit + 1},
            )
            found = await cursor.fetchall()
        entries = found[:limit]
        return Page(entries=entries, after=str(entries[-1].id) if len(found) > limit else None)


async def noted(connection: sql.Connection, principal: Principal, action: Action, subject: str) -> None:
    """Writes down that a principal does this, in the transaction that does it."""
    await note(connection, principal.workspace, principal.person, principal.by, action, subject)


async def note(
    connection: sql.Connection, workspace: UUID, actor: UUID | None, by: Way, action: Action, subject: str
) -> None:
    """Writes an entry in a transaction of this workspace: it is there if, and only if, what it tells of is."""
    await connection.execute(
        "insert into web.audit (workspace, actor, by, action, subject, request) values (%s, %s, %s, %s, %s, %s)"
        " on conflict do nothing",
        [workspace, actor, by, action, subject, trace.current().split("-")[1]],
    )
