"""Reads of the read model: schema `lookup`, role `lookup_reader`, always inside one workspace.

A contact's JSON is handed on as it is stored, with its origins written out. Lists are paged by key: `after` is an
opaque place in one order. How a list of contacts is found says finding.py.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import AsyncServerCursor
from psycopg.rows import TupleRow

from app.core import search
from app.core.errors import Rejected
from app.core.imports import State
from app.core.origins import completed
from app.sql import Pool, tenant, translated
from app.web.finding import ORDERS, Order, Page, Sort, counted
from app.web.places import Place, ProblemPlace

MOST = 500
"""Rows of a page."""
GREATEST = 20
EXPORTS = 2
"""Exports at a time: each holds a connection for as long as its reader takes."""
CHUNK = 100
"""Contacts of an export that are in memory at a time; writing them must not hold up other requests."""
CUSTOM = 500
"""Columns of custom values that an export has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which contacts: all that are given must hold. `q` are beginnings of words."""

    q: str = ""
    label: str = ""
    company: str = ""
    domain: str = ""
    import_: UUID | None = None

    @property
    def words(self) -> list[str]:
        return search.asked(self.q)

    @property
    def facets(self) -> list[tuple[search.Facet, str]]:
        """What must be equal, as it is counted."""
        named: tuple[tuple[search.Facet, str], ...] = (
            ("label", search.value(self.label)),
            ("company", search.value(self.company)),
            ("domain", search.value(self.domain.lower())),
            ("import", str(self.import_ or "")),
        )
        return [(facet, whole) for facet, whole in named if whole]

    def conditions(self, workspace: UUID) -> list[str]:
        """All of these must be met; none for all contacts."""
        return search.conditions(search.scope(workspace), self.words, self.facets)


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """A page of contacts as JSON. `after` is None on the last one; `about` says that there are more than `total`."""

    docs: Sequence[bytes]
    after: str | None
    total: int
    about: bool

    @property
    def contacts(self) -> list[dict[str, Any]]:
        """The contacts, decoded."""
        return [msgspec.json.decode(doc) for doc in self.docs]


class Count(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many contacts have a value; for an import also what it is called."""

    value: str
    count: int
    name: str = ""


class Imports(msgspec.Struct, frozen=True, kw_only=True):
    """A page of states as JSON."""

    docs: Sequence[bytes]
    after: str | None

    @property
    def imports(self) -> list[State]:
        return [msgspec.json.decode(doc, type=State) for doc in self.docs]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be used; `column` counts from 0, None when the whole row is meant."""

    line: int
    column: int | None
    code: str
    message: str
    suggestion: str
    cells: tuple[str, ...]


class Problems(msgspec.Struct, frozen=True, kw_only=True):
    problems: Sequence[Problem]
    after: str | None


class Lookup:
    """The read model of all workspaces; every method takes one. All raise TryAgain."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._exports = asyncio.Semaphore(EXPORTS)

    async def contacts(
        self,
        workspace: UUID,
        *,
        q: str | None = None,
        label: str | None = None,
        company: str | None = None,
        domain: str | None = None,
        import_: UUID | None = None,
        sort: Sort | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Contacts:
        """A page of those contacts that fit all that is given. Raises Rejected `bad_after`."""
        wanted = Filter(q=q or "", label=label or "", company=company or "", domain=domain or "", import_=import_)
        return await self.page(workspace, wanted, sort=sort or "newest", after=after, limit=limit)

    async def page(
        self, workspace: UUID, wanted: Filter, *, sort: Sort = "newest", after: str | None = None, limit: int = 50
    ) -> Contacts:
        """A page of the contacts that are wanted. Raises Rejected `bad_after`."""
        order = ORDERS[sort]
        place = Place.parse(after, order.column, order.kind) if after else None
        page = Page(workspace, wanted.conditions(workspace), order, place, limit)
        async with tenant(self._pool, workspace) as connection:
            known = None if wanted.words else await counted(connection, workspace, wanted.facets)
            if known is None:
                found = await page.sought(connection, await counted(connection, workspace, ()) or 0)
            else:
                found = await page.counted(connection, known)
        shown = found.rows[:limit]
        last = Place(order.column, shown[-1][0], shown[-1][1]).token() if len(found.rows) > limit else None
        return Contacts(docs=[completed(doc) for *_, doc in shown], after=last, total=found.total, about=found.about)

    async def contact(self, workspace: UUID, id_: UUID) -> bytes | None:
        """One contact as JSON."""
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "select convert_to(doc, 'UTF8') from lookup.contacts where workspace = %s and id = %s and not deleted",
                [workspace, id_],
                binary=True,
            )
            row = await cursor.fetchone()
        return completed(row[0]) if row else None

    async def counts(self, workspace: UUID, by: search.Facet) -> list[Count]:
        """The values that most contacts have, the greatest first; for imports each with its name."""
        async with tenant(self._pool, workspace) as connection:
            # By order of magnitude first, which is what the index holds; values of one contact only fill up.
            cursor = await connection.execute(
                """
                with greatest as (
                    (select value, n from lookup.counts
                     where workspace = %(workspace)s and kind = %(kind)s::text::"char" and size > 0
                     order by size desc, n desc, value limit %(most)s)
                    union all
                    (select value, n from lookup.counts
                     where workspace = %(workspace)s and kind = %(kind)s::text::"char" and n = 1
                     order by value limit %(most)s)
                    order by 2 desc, 1 limit %(most)s
                )
                select greatest.value, greatest.n, coalesce(imports.name, '') from greatest
                left join lookup.imports on %(kind)s = 'i' and imports.workspace = %(workspace)s
                    and imports.id = case when %(kind)s = 'i' then greatest.value::uuid end
                order by greatest.n desc, greatest.value
                """,
                {"workspace": workspace, "kind": search.LETTERS[by], "most": GREATEST},
            )
            rows = await cursor.fetchall()
        return [Count(value=value, count=n, name=name) for value, n, name in rows]

    async def latest(self, workspace: UUID) -> list[Count]:
        """The newest imports that contacts came with: whoever chooses one, mostly means the one just made."""
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                """
                select id::text, n, name from lookup.imports
                join lookup.counts on counts.workspace = imports.workspace and kind = %s::text::"char"
                    and value = id::text and n > 0
                where imports.workspace = %s
                order by requested_at desc, id desc limit %s
                """,
                [search.LETTERS["import"], workspace, GREATEST],
            )
            rows = await cursor.fetchall()
        return [Count(value=value, count=n, name=name) for value, n, name in rows]

    async def imports(
        self,
        workspace: UUID,
        *,
        status: str | None = None,
        source: str | None = None,
        by: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Imports:
        """A page of the history, the newest request first. Raises Rejected `bad_after`."""
        place = Place.parse(after, "requested_at", (int, float)) if after else None
        named = (("status", status), ("source", source), ("requested_by", by))
        conditions = "".join([f" and {column} = %({column})s" for column, wanted in named if wanted])
        if place:
            conditions += " and (requested_at, id) < (%(key)s, %(id)s)"
        values = {
            **dict(named),
            "workspace": workspace,
            "key": place and float(place.key),
            "id": place and place.id,
            "limit": limit + 1,
        }
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                f"""
                select requested_at, id, convert_to(doc, 'UTF8') from lookup.imports
                where workspace = %(workspace)s {conditions}
                order by requested_at desc, id desc limit %(limit)s
                """,
                values,
                binary=True,
            )
            rows = await cursor.fetchall()
        shown = rows[:limit]
        last = Place("requested_at", shown[-1][0], shown[-1][1]).token() if len(rows) > limit else None
        return Imports(docs=[doc for *_, doc in shown], after=last)

    async def import_(self, workspace: UUID, id_: UUID) -> State | None:
        """One import of the history."""
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "select convert_to(doc, 'UTF8') from lookup.imports where workspace = %s and id = %s",
                [workspace, id_],
                binary=True,
            )
            row = await cursor.fetchone()
        return msgspec.json.decode(row[0], type=State) if row else None

    async def problems(
        self, workspace: UUID, import_id: UUID, *, after: str | None = None, limit: int = 50
    ) -> Problems:
        """A page of an import's rejected rows, in the order of the file. Raises Rejected `bad_after`."""
        behind = ProblemPlace.parse(after) if after else ProblemPlace(-1, -1, -1)
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                """
                select index, row, number, convert_to(doc, 'UTF8') from lookup.problems
                where workspace = %s and import_id = %s and (index, row, number) > (%s, %s, %s)
                order by index, row, number limit %s
                """,
                [workspace, import_id, behind.index, behind.row, behind.number, limit + 1],
                binary=True,
            )
            rows = await cursor.fetchall()
        shown = rows[:limit]
        last = ProblemPlace(*shown[-1][:3]).token() if len(rows) > limit else None
        return Problems(problems=[msgspec.json.decode(doc, type=Problem) for *_, doc in shown], after=last)

    async def widest_problem(self, workspace: UUID, import_id: UUID) -> int:
        """How many cells the longest rejected row of an import has."""
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "select coalesce(max(cells), 0) from lookup.problems where workspace = %s and import_id = %s",
                [workspace, import_id],
            )
            row = await cursor.fetchone()
        return row[0] if row else 0

    @asynccontextmanager
    async def export(self, workspace: UUID, wanted: Filter, sort: Sort) -> AsyncIterator["Export"]:
        """All contacts that are wanted, read while the block runs. Raises Rejected `too_many_requests`."""
        if self._exports.locked():
            raise Rejected("too_many_requests", "Other exports are running; please try again soon.", retry_after=10)
        async with self._exports, tenant(self._pool, workspace) as connection:
            found = await connection.execute(
                'select value from lookup.counts where workspace = %s and kind = %s::text::"char" and n > 0'
                " order by n desc, value limit %s",
                [workspace, search.CUSTOM, CUSTOM],
            )
            custom = [row[0] for row in await found.fetchall()]
            async with connection.cursor(name="export") as cursor:
                await cursor.execute(*_all(workspace, wanted, ORDERS[sort]), binary=True)
                yield Export(custom=custom, chunks=_chunks(cursor))


class Export(NamedTuple):
    """`custom` are the names of custom values in this workspace, `chunks` the contacts as JSON, some at a time."""

    custom: Sequence[str]
    chunks: AsyncIterator[Sequence[bytes]]


def _all(workspace: UUID, wanted: Filter, order: Order) -> tuple[str, dict[str, Any]]:
    """The statement, and its values, that gives the documents of everybody who is wanted."""
    conditions = wanted.conditions(workspace)
    matching = "and entry.search @@ %(question)s::text::tsquery" if conditions else ""
    statement = f"""
        select convert_to(shown.doc, 'UTF8') from lookup.entries as entry
        join lookup.contacts as shown on shown.workspace = entry.workspace and shown.id = entry.id
        where entry.workspace = %(workspace)s {matching}
        order by entry.{order.column} {order.direction}, entry.id {order.direction}
    """
    return statement, {"workspace": workspace, "question": search.together(conditions)}


async def _chunks(cursor: AsyncServerCursor[TupleRow]) -> AsyncIterator[Sequence[bytes]]:
    with translated():
        while rows := await cursor.fetchmany(CHUNK):
            yield [row[0] for row in rows]
