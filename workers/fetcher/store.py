"""Everything the fetcher keeps: where each import stands, and the marks of complete passes (schema `fetch`).

What comes in and goes out sealed is sealed and opened here, so that nobody else has to think of it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from app import sql
from app.core.events import FetchRequested
from app.sealing import Rewrapping, Vault
from workers.fetcher.stand import Mark, Stand

Phase = Literal["reading", "room", "ending", "done", "failed"]
KEPT_DAYS = 8
"""A request that is repeated must find its import done for as long as a client may repeat it (48 h), and topics keep
what a fetcher may read again."""

SETTINGS = {"search_path": "fetch"}
"""`fetch` is a word of SQL: the schema is found by the path instead of being named."""

_LIGHT = (
    "workspace, import_id, connection, account, request, phase, step, segments, bytes, items, stand, page, after,"
    " pause_until"
)
_requests = msgspec.json.Decoder(FetchRequested)
_stands = msgspec.msgpack.Decoder(Stand)
_marks = msgspec.msgpack.Decoder(Mark)
_pages = msgspec.msgpack.Decoder(tuple[str, list[bytes]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One import from an account: before `step` everything is in the log. `request` is the first that came.

    `stand` says where to go on; `page` has the segments' texts of `step` and their stream, once it is fetched, and
    `after` the stand behind it.
    """

    workspace: UUID
    import_id: UUID
    connection: UUID
    account: str
    request: FetchRequested
    phase: Phase
    step: int
    segments: int
    size: int
    items: int
    stand: Stand
    page: tuple[str, list[bytes]] | None
    after: Stand | None
    pause_until: float

    @property
    def over(self) -> bool:
        return self.phase in {"done", "failed"}


async def alone(connection: sql.Connection) -> None:
    """For the pool: a statement outside of a transaction is one round trip instead of three."""
    await connection.set_autocommit(True)


class Store:
    """The schema `fetch`, on a pool with SETTINGS. Every method may raise TryAgain."""

    def __init__(self, pool: sql.Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def find(self, workspace: UUID, import_id: UUID) -> Run | None:
        async with self._statement() as connection:
            return await self._find(connection, workspace, import_id)

    async def begin(self, request: FetchRequested, account: str, stand: Stand) -> Run:
        """Writes a new run down, or finds the one that is there."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute(
                "insert into runs (workspace, import_id, connection, account, request, stand)"
                " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
                [
                    request.workspace,
                    request.import_id,
                    request.connection,
                    account,
                    msgspec.json.encode(request),
                    self._seal(stand, "stand", request.import_id),
                ],
            )
            run = await self._find(connection, request.workspace, request.import_id)
        assert run is not None, "it was written just now"
        return run

    async def keep(self, run: Run, stream: str, texts: Sequence[bytes], after: Stand) -> Run:
        """Keeps the page of the run's step before anybody is told of it. If somebody else was first, theirs counts."""
        page = stream, list(texts)
        async with self._statement() as connection:
            cursor = await connection.execute(
                "update runs set page = %s, after = %s, phase = 'reading', pause_until = 0, at = now()"
                " where workspace = %s and import_id = %s and step = %s and page is null",
                [
                    self._seal(page, "page", run.import_id),
                    self._seal(after, "stand", run.import_id),
                    run.workspace,
                    run.import_id,
                    run.step,
                ],
            )
        if cursor.rowcount == 1:
            return replace(run, page=page, after=after, phase="reading", pause_until=0.0)
        kept = await self.find(run.workspace, run.import_id)
        assert kept is not None, "runs that are not over stay"
        return kept

    async def advance(self, run: Run, *, items: int) -> Run:
        """The page of the run's step is in the log, and so is the request for the next one: it goes."""
        assert run.page is not None
        assert run.after is not None
        _, texts = run.page
        moved = replace(
            run,
            step=run.step + 1,
            segments=run.segments + len(texts),
            size=run.size + sum(map(len, texts)),
            items=run.items + items,
            stand=run.after,
            page=None,
            after=None,
            phase="ending" if run.after.stage == "end" else "reading",
        )
        async with self._statement() as connection:
            await connection.execute(
                "update runs set step = %s, segments = %s, bytes = %s, items = %s, stand = after, page = null,"
                " after = null, phase = %s, at = now()"
                " where workspace = %s and import_id = %s and step = %s and page is not null",
                [
                    moved.step,
                    moved.segments,
                    moved.size,
                    moved.items,
                    moved.phase,
                    run.workspace,
                    run.import_id,
                    run.step,
                ],
            )
        return moved

    async def restand(self, run: Run, stand: Stand, *, forget_marks: bool) -> Run:
        """Goes on from another place: a cursor died. Marks that led there go at once."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute(
                "update runs set stand = %s, at = now()"
                " where workspace = %s and import_id = %s and step = %s and page is null",
                [self._seal(stand, "stand", run.import_id), run.workspace, run.import_id, run.step],
            )
            if forget_marks:
                await connection.execute(
                    "delete from marks where workspace = %s and connection = %s", [run.workspace, run.connection]
                )
        return replace(run, stand=stand)

    async def pause(self, run: Run, until: float) -> None:
        """No request for this run before `until` (Unix seconds)."""
        await self._set(run, "pause_until = greatest(pause_until, %s)", until)

    async def wait_for_room(self, run: Run) -> None:
        await self._set(run, "phase = %s", "room")

    async def finish(self, run: Run, mark: Mark | None) -> None:
        """The import is complete; `mark` is what its pass leaves, if nothing was missed."""
        async with sql.transaction(self._pool) as connection:
            await _end(connection, run, "done")
            if mark is None:
                return
            await connection.execute(
                "insert into marks as m (workspace, connection, order_second, sealed) values (%s, %s, %s, %s)"
                " on conflict (workspace, connection) do update set"
                " order_second = excluded.order_second, sealed = excluded.sealed"
                " where excluded.order_second >= m.order_second",
                [
                    run.workspace,
                    run.connection,
                    run.request.order_second,
                    self._seal(mark, "mark", run.connection),
                ],
            )

    async def fail(self, run: Run) -> None:
        """The import ends here, cancelled or failed; what lay ready goes."""
        async with sql.transaction(self._pool) as connection:
            await _end(connection, run, "failed")

    async def mark(self, workspace: UUID, connection_id: UUID) -> Mark | None:
        """What the last complete pass of an account left."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select sealed from marks where workspace = %s and connection = %s", [workspace, connection_id]
            )
            row = await cursor.fetchone()
        return None if row is None else _marks.decode(self._vault.open(row[0], f"mark {connection_id}"))

    async def forget(self, workspace: UUID, connection_id: UUID) -> None:
        """Nothing of an account that is connected no more is kept."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute(
                "delete from marks where workspace = %s and connection = %s", [workspace, connection_id]
            )

    async def waiting(self) -> list[tuple[FetchRequested, Phase, int, int]]:
        """(first request, phase, step, segments) of all runs that wait for something that happens elsewhere."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select request, phase, step, segments from runs where phase in ('room', 'ending')"
            )
            return [(_requests.decode(row[0]), *row[1:]) for row in await cursor.fetchall()]

    async def rewrap(self, rewrapping: Rewrapping) -> None:
        """Seals all that is kept under the first key."""
        for workspace, import_id in await self._all("select workspace, import_id from runs where stand is not null"):
            async with sql.transaction(self._pool) as connection:
                cursor = await connection.execute(
                    "select stand, page, after from runs where workspace = %s and import_id = %s for update",
                    [workspace, import_id],
                )
                row = await cursor.fetchone() or (None, None, None)
                abouts = (f"{what} {import_id}" for what in ("stand", "page", "stand"))
                anew = [rewrapping.take(*each) for each in zip(row, abouts, strict=True)]
                await connection.execute(
                    "update runs set stand = coalesce(%s, stand), page = coalesce(%s, page),"
                    " after = coalesce(%s, after) where workspace = %s and import_id = %s",
                    [*anew, workspace, import_id],
                )
        for workspace, connection_id in await self._all("select workspace, connection from marks"):
            async with sql.transaction(self._pool) as connection:
                cursor = await connection.execute(
                    "select sealed from marks where workspace = %s and connection = %s for update",
                    [workspace, connection_id],
                )
                (sealed,) = await cursor.fetchone() or (None,)
                await connection.execute(
                    "update marks set sealed = coalesce(%s, sealed) where workspace = %s and connection = %s",
                    [rewrapping.take(sealed, f"mark {connection_id}"), workspace, connection_id],
                )

    async def _all(self, query: str) -> list[TupleRow]:
        async with sql.transaction(self._pool) as connection:
            return await (await connection.execute(query)).fetchall()

    async def tidy(self) -> None:
        """Forgets imports that ended long ago."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute(
                "delete from runs where phase in ('done', 'failed') and at < now() - make_interval(days => %s)",
                [KEPT_DAYS],
            )

    @asynccontextmanager
    async def _statement(self) -> AsyncIterator[sql.Connection]:
        """For one statement, which is a transaction of its own (`alone`)."""
        with sql.translated():
            async with self._pool.connection() as connection:
                yield connection

    async def _set(self, run: Run, what: str, value: object) -> None:
        async with self._statement() as connection:
            await connection.execute(
                f"update runs set {what}, at = now()"
                " where workspace = %s and import_id = %s and step = %s and page is null",
                [value, run.workspace, run.import_id, run.step],
            )

    async def _find(self, connection: sql.Connection, workspace: UUID, import_id: UUID) -> Run | None:
        cursor = await connection.execute(
            f"select {_LIGHT} from runs where workspace = %s and import_id = %s", [workspace, import_id]
        )
        row = await cursor.fetchone()
        return None if row is None else self._run(row)

    def _run(self, row: TupleRow) -> Run:
        (workspace, import_id, connection, account, request, phase, step, segments, size, items, *sealed, until) = row
        stand, page, after = sealed
        return Run(
            workspace=workspace,
            import_id=import_id,
            connection=connection,
            account=account,
            request=_requests.decode(request),
            phase=phase,
            step=step,
            segments=segments,
            size=size,
            items=items,
            stand=_OVER if stand is None else _stands.decode(self._open(stand, "stand", import_id)),
            page=None if page is None else _pages.decode(self._open(page, "page", import_id)),
            after=None if after is None else _stands.decode(self._open(after, "stand", import_id)),
            pause_until=until,
        )

    def _seal(self, value: Any, what: str, whose: UUID) -> bytes:
        return self._vault.seal(msgspec.msgpack.encode(value), f"{what} {whose}")

    def _open(self, sealed: bytes, what: str, whose: UUID) -> bytes:
        return self._vault.open(sealed, f"{what} {whose}")


_OVER = Stand(stage="end", full=False, full_at=0.0)


async def _end(connection: sql.Connection, run: Run, phase: Phase) -> None:
    await connection.execute(
        "update runs set phase = %s, stand = null, page = null, after = null, at = now()"
        " where workspace = %s and import_id = %s and phase not in ('done', 'failed')",
        [phase, run.workspace, run.import_id],
    )
