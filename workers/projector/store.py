"""Everything the projector writes: schema `lookup`, role `projector`.

Statements name no schema: it is that of the connection (SETTINGS), for the same can be built anew in another one.
Only a higher version of anything is written, so records may come in any order and any number of times.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from app.core.events import ImportProblems
from app.core.imports import State
from app.sql import Connection, Pool, transaction
from workers.projector.rows import BETWEEN, Part, Row

# A projector that was paused in mid-transaction must not block its successor.
SETTINGS = {
    "transaction_timeout": "20s",
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "10s",
    "search_path": "lookup,pg_temp",
    "work_mem": "32MB",  # merging the pending words of the index
    "jit": "off",  # statements last milliseconds
}

_CONTACTS = "(workspace, id, version, deleted, facets, doc)"
_ENTRIES = "(workspace, id, imported_at, sort_name, search)"

_STAGE = """
create temporary table if not exists staged (like contacts including storage) on commit delete rows;
create temporary table if not exists staged_entries (like entries including storage) on commit delete rows
"""

# Of one workspace one transaction at a time: who is new to it stays new until it ends, and the counts that nearly every
# contact has would make them wait for each other anyway. Whoever keeps writers out is waited for while nothing is held.
_ALONE = """
lock table contacts in row exclusive mode;
select pg_advisory_xact_lock(hashtextextended(current_schema() || '{}', 0))
"""

# For contacts that are shown already, in the order of their ids.
_SHOW = f"""
with written as (
    insert into contacts as shown {_CONTACTS}
    select workspace, id, version, deleted, facets, doc from staged
    on conflict (workspace, id) do update set
        version = excluded.version, deleted = excluded.deleted, facets = excluded.facets, doc = excluded.doc
    where shown.version < excluded.version
    returning new.id, new.deleted, old.facets
),
unlisted as (
    delete from entries as entry using written
    where written.deleted and entry.workspace = %(workspace)s and entry.id = written.id
),
listed as (
    insert into entries {_ENTRIES}
    select workspace, id, imported_at, sort_name, search
    from staged_entries join written using (id)
    on conflict (workspace, id) do update set
        imported_at = excluded.imported_at, sort_name = excluded.sort_name, search = excluded.search
)
select id::text, facets from written
"""

# Sorted as well, and after the contacts.
_COUNT = """
insert into counts as known (workspace, kind, value, n)
select %(workspace)s, left(facet, 1)::"char", substr(facet, 2), n
from unnest(string_to_array(%(facets)s, %(between)s), string_to_array(%(numbers)s, ',')::bigint[]) as change (facet, n)
order by facet collate "C"
on conflict (workspace, kind, value) do update set n = known.n + excluded.n
"""


class Store:
    """Writes the read model. Every method is one transaction and raises TryAgain."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @property
    def pool(self) -> Pool:
        """For what else is done in the same schema."""
        return self._pool

    async def show(self, parts: Sequence[Part], rows: Sequence[Row]) -> None:
        """Writes those of `rows` that are newer than what is shown, and that these parts of segments are done.

        All of one workspace.
        """
        try:
            await self._write(parts, rows, copied=True)
        except UniqueViolation:  # an entry without its contact, which nobody should have left behind
            await self._write(parts, rows, copied=False)

    async def _write(self, parts: Sequence[Part], rows: Sequence[Row], *, copied: bool) -> None:
        async with transaction(self._pool) as connection:
            await _show(connection, parts[0].workspace, rows, copied=copied)
            marks = [
                (part.workspace, part.import_id, part.index, part.parts, part.part) for part in parts if part.parts > 1
            ]
            if marks:
                await connection.cursor().executemany(
                    "insert into parts (workspace, import_id, index, told_in, part) values (%s, %s, %s, %s, %s)"
                    " on conflict do nothing",
                    sorted(marks),
                )

    async def newer(self, workspace: UUID, versions: Sequence[tuple[str, int]]) -> set[str]:
        """Of some contacts the ids of those that are not shown in this version or a higher one."""
        async with transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select told.id::text from unnest(%s::uuid[], %s::bigint[]) as told (id, version)"
                " left join contacts as shown on shown.workspace = %s and shown.id = told.id"
                " where shown.version is null or shown.version < told.version",
                [[id_ for id_, _ in versions], [version for _, version in versions], workspace],
            )
            return {id_ for (id_,) in await cursor.fetchall()}

    async def shown(self, part: Part) -> bool:
        """Whether all parts of this telling of a segment are done. Asked after `show`, so the last to end hears yes."""
        if part.parts == 1:
            return True
        async with transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select count(distinct part) from parts"
                " where workspace = %s and import_id = %s and index = %s and told_in in (0, %s) and part < %s",
                [part.workspace, part.import_id, part.index, part.parts, part.parts],
            )
            row = await cursor.fetchone()
        return row is not None and row[0] == part.parts

    async def keep_problems(self, found: ImportProblems) -> None:
        """Keeps rejected rows; a repeat changes nothing."""
        seen: Counter[int] = Counter()
        async with transaction(self._pool) as connection, connection.cursor() as cursor:
            rows = []
            for problem in found.problems:
                rows.append(
                    (
                        *(found.workspace, found.import_id, found.index, problem.row, seen[problem.row]),
                        *(len(problem.cells), msgspec.json.encode(problem).decode()),
                    )
                )
                seen[problem.row] += 1
            await cursor.executemany(
                "insert into problems (workspace, import_id, index, row, number, cells, doc)"
                " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                rows,
            )

    async def forget_problems(self, workspace: UUID, import_id: UUID) -> None:
        """Drops the rejected rows of a file that was deleted."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "delete from problems where workspace = %s and import_id = %s", [workspace, import_id]
            )

    async def keep_import(self, state: State) -> None:
        """Keeps the newest state of an import."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                """
                insert into imports as known
                    (workspace, id, version, requested_at, status, source, requested_by, name, doc)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (workspace, id) do update set
                    version = excluded.version, requested_at = excluded.requested_at, status = excluded.status,
                    source = excluded.source, requested_by = excluded.requested_by, name = excluded.name,
                    doc = excluded.doc
                where known.version < excluded.version
                """,
                [
                    *(state.workspace, state.id, state.version, state.requested_at, state.status, state.source),
                    *(_text(state.requested_by), _text(state.name), msgspec.json.encode(state).decode()),
                ],
            )

    async def forget_parts(self, import_id: UUID) -> None:
        """Drops what is only needed while an import is young."""
        async with transaction(self._pool) as connection:
            await connection.execute("delete from parts where import_id = %s", [import_id])


def _text(said: str) -> str:
    return said.replace("\x00", "")


async def _show(connection: Connection, workspace: UUID, rows: Sequence[Row], *, copied: bool) -> None:
    newest: dict[str, Row] = {}
    for row in rows:
        known = newest.get(row.id)
        if known is None or known.version < row.version:
            newest[row.id] = row
    if not newest:
        return
    await connection.execute(_ALONE.format(workspace))
    shown = await _shown(connection, workspace, list(newest))
    new = [newest[id_] for id_ in sorted(newest.keys() - shown.keys())] if copied else []
    rest = sorted(newest.keys() & shown.keys() if copied else newest)
    newer = [newest[id_] for id_ in rest if id_ not in shown or shown[id_] < newest[id_].version]
    written = [*((row.id, "") for row in new), *await _update(connection, workspace, newer)]
    await _copy(connection, "contacts", "entries", new)
    change = _change(newest, written)
    if change:
        numbers = ",".join(map(str, change.values()))
        await connection.execute(
            _COUNT,
            {"workspace": workspace, "facets": BETWEEN.join(change), "between": BETWEEN, "numbers": numbers},
        )


async def _shown(connection: Connection, workspace: UUID, ids: Sequence[str]) -> dict[str, int]:
    """Id and version of those of some contacts that are shown, or were before they were deleted."""
    cursor = await connection.execute(
        "select id::text, version from contacts where workspace = %s and id = any(%s::uuid[])", [workspace, ids]
    )
    return dict(await cursor.fetchall())


async def _update(connection: Connection, workspace: UUID, rows: Sequence[Row]) -> list[TupleRow]:
    """Id and facets before of those that were replaced."""
    if not rows:
        return []
    await connection.execute(_STAGE)
    await _copy(connection, "staged", "staged_entries", rows)
    cursor = await connection.execute(_SHOW, {"workspace": workspace})
    return await cursor.fetchall()


async def _copy(connection: Connection, contacts: str, entries: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    async with connection.cursor() as cursor:
        async with cursor.copy(f"copy {contacts} {_CONTACTS} from stdin") as copy:
            await copy.write(b"".join([row.contact for row in rows]))
        async with cursor.copy(f"copy {entries} {_ENTRIES} from stdin") as copy:
            await copy.write(b"".join([row.entry for row in rows]))


def _change(rows: Mapping[str, Row], written: Sequence[TupleRow]) -> dict[str, int]:
    """What each facet gained or lost by rows (id, facets before) that were written."""
    change = Counter(BETWEEN.join([rows[id_].facets for id_, _ in written]).split(BETWEEN))
    change.subtract(BETWEEN.join([before for _, before in written if before]).split(BETWEEN))
    return {facet: n for facet, n in change.items() if facet and n}
