"""Everything the importer asks of PostgreSQL: a segment is one transaction (design.md 4.4), the rest are look-ups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from app import sql
from app.core.contacts import SCALARS, Contact, Mark, Outcome, shown
from app.core.events import Counts, SegmentHeader, SourceOut
from app.core.positions import position
from app.core.reading.plan import Existing
from app.core.reading.provided import Linked
from app.core.reading.segments import Reading
from workers import crash
from workers.harness import Hopeless
from workers.importer import copytext, links
from workers.importer.upsert import STAGED, STORED, UPSERT

TOGETHER = 2
"""Segments at a time in a process: while the database works on one, another is read. Merges commute, so order means
nothing."""

OUTCOMES: tuple[Outcome, ...] = ("created", "updated", "unchanged", "duplicate")

# A worker that was paused in mid-transaction must not block its successor: the server ends it before the group
# has given its partitions away for long.
SETTINGS = {
    "transaction_timeout": "8s",
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "tcp_user_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "search_path": "contacts,pg_temp",
    "jit": "off",  # statements last milliseconds
}

Marks = dict[str, Mark]
_marks = msgspec.json.Decoder(Marks)

SETS = 2 + len(SCALARS) + 2
"""Where the sets are in the columns STORED, and behind them custom."""
COPY = f"copy pg_temp.staged ({STAGED}) from stdin (null '{copytext.NULL}')"


class Stored(NamedTuple):
    """A contact as it now is. `id` is 32 hex digits, `updated_at` Unix seconds."""

    id: str
    contact: Contact
    version: int
    updated_at: float


class Batch(NamedTuple):
    """The contacts of a segment: a line of COPY text for each (`copytext.lines`), which begins with its id, in any
    order; how many rows were folded into another one's contact, of how many nothing could be made, and how many were
    passed over because their person was erased since."""

    lines: Sequence[str]
    duplicate: int = 0
    rejected: int = 0
    passed: int = 0

    @property
    def ids(self) -> list[str]:
        """32 hex digits each."""
        return [line[:32] for line in self.lines]


class Alike(NamedTuple):
    """A contact that was there and now is as it was staged: what only the database knows of it.

    `sources` are order seconds; `stamp` is that of every field that is not empty.
    """

    version: int
    sources: tuple[int, ...]
    stamp: int


class Merged(NamedTuple):
    """What became of a segment: the outcomes of its rows, and what was there already.

    Each contact of the batch that was `found` is there as it now is; one that is `alike` is as it was staged, but for
    what is said of it here. Whoever is neither was created as staged at `at` (Unix seconds), which is None for a
    repeat. `gone` contacts were found deleted at their source, `deleted` of them are so here (links.py).
    """

    found: dict[str, Stored]
    counts: Counts
    at: float | None
    alike: Mapping[str, Alike] = {}
    gone: int = 0
    deleted: int = 0


class Cancelled(Exception):
    """The import was cancelled or failed meanwhile; nothing was written."""


class Older(Exception):
    """Somebody in this workspace was erased after the import was asked for; nothing was written."""


class Conflict(Hopeless):
    """The ledger has this index of the import, with other bytes."""


class Store:
    """A connection for each segment in hand, and one to spare. Methods raise TryAgain."""

    def __init__(self, dsn: str, name: str, settings: Mapping[str, str] = SETTINGS) -> None:
        self._pool = sql.make_pool(dsn, name, size=TOGETHER + 1, settings=settings, configure=_make_ready)
        self._sources: dict[tuple[UUID, int], SourceOut] = {}

    @property
    def pool(self) -> sql.Pool:
        """For what else is done in the same schema."""
        return self._pool

    async def open(self) -> None:
        with sql.translated():
            await self._pool.open()
        await sql.check_schema(self._pool, "contacts")

    async def close(self) -> None:
        await self._pool.close()

    async def merge(
        self,
        segment: SegmentHeader,
        existing: Existing,
        batch: Batch,
        *,
        wanted: Callable[[], bool] = lambda: True,
        reading: Reading | None = None,
        spared: bool = False,
    ) -> Merged:
        """Brings a segment's contacts in, once: claimed, staged, merged and counted in one transaction.

        A segment that is in the ledger already changes nothing; its contacts come back as they now are, with the
        counts of the first time. Raises Cancelled when `wanted` says no just before the commit, Conflict when the
        ledger has this index with other bytes, Older unless whoever was erased is `spared` (erasing.py). Of a
        provider's page `reading` has the links.
        """
        async with sql.transaction(self._pool) as connection:
            if not spared and await _is_older(connection, segment):
                raise Older
            now = await _claim(connection, segment)
            if now is not None:
                crash.point("claimed")
                await _stage(connection, batch)
                crash.point("staged")
                there = await _upsert(connection, segment, existing)
                crash.point("merged")
                merged = _account(batch, there, now)
                await _count(connection, segment, merged.counts)
                if reading is not None and segment.page is not None:
                    parted = await links.settle(connection, segment, reading.links, reading.people)
                    merged = await _with_parted(connection, segment, merged, parted)
                if not wanted():
                    raise Cancelled
                return merged
            counts = await _claimed(connection, segment)
            contacts = await _find(connection, segment.workspace, batch.ids)
            merged = Merged({stored.id: stored for stored in contacts}, counts, at=None)
            if segment.page is not None:
                merged = await _with_parted(connection, segment, merged, await links.settled(connection, segment))
            return merged

    async def identities(self, segment: SegmentHeader, found: Iterable[Linked]) -> dict[int, str]:
        """Row -> match key, of the rows of a provider's page that only their link can identify."""
        async with sql.transaction(self._pool) as connection:
            return await links.identities(connection, segment, found)

    async def knows(self, segment: SegmentHeader) -> bool:
        """Whether the segment is in the ledger."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select from contacts.ledger where workspace = %s and import_id = %s and index = %s",
                [segment.workspace, segment.import_id, segment.index],
            )
            return await cursor.fetchone() is not None

    async def counts(self, segment: SegmentHeader) -> Counts | None:
        """The outcomes of a segment that is in the ledger."""
        async with sql.transaction(self._pool) as connection:
            return await _claimed(connection, segment) if await self.knows(segment) else None

    async def find(self, workspace: UUID, ids: Sequence[str]) -> list[Stored]:
        """The contacts of this workspace with these ids, those that are there, in the order of ids."""
        async with sql.transaction(self._pool) as connection:
            return await _find(connection, workspace, ids)

    async def sources(self, workspace: UUID, seconds: Iterable[int]) -> dict[int, SourceOut]:
        """The imports behind order seconds; remembered, because they never change."""
        wanted = set(seconds)
        missing = [second for second in wanted if (workspace, second) not in self._sources]
        if missing:
            async with sql.transaction(self._pool) as connection:
                cursor = await connection.execute(
                    "select order_second, import_id, source from contacts.imports"
                    " where workspace = %s and order_second = any(%s)",
                    [workspace, missing],
                )
                for second, import_id, source in await cursor.fetchall():
                    self._sources[workspace, second] = SourceOut(import_id=str(import_id), source=source, at=second)
        if len(self._sources) > 100_000:
            self._sources.clear()
            return await self.sources(workspace, wanted)
        return {second: self._sources[workspace, second] for second in wanted if (workspace, second) in self._sources}


async def _make_ready(connection: sql.Connection) -> None:
    await connection.execute(
        "create temporary table staged (contact_id uuid, match_key text,"
        f" {', '.join(f'{field} text' for field in SCALARS)},"
        " stamp bigint, stamps bigint[], sets jsonb, custom jsonb, born bigint, last bigint) on commit delete rows"
    )
    await connection.commit()


async def _claim(connection: sql.Connection, segment: SegmentHeader) -> datetime | None:
    """The time of the transaction; None when the segment is in the ledger."""
    cursor = await connection.execute(
        "with known as (insert into contacts.imports (workspace, order_second, import_id, source)"
        " values (%(workspace)s, %(second)s, %(import)s, %(source)s) on conflict do nothing)"
        " insert into contacts.ledger (workspace, import_id, index, crc32c)"
        " values (%(workspace)s, %(import)s, %(index)s, %(crc)s) on conflict do nothing returning now()",
        {
            "workspace": segment.workspace,
            "second": segment.order_second,
            "import": segment.import_id,
            "source": segment.source,
            "index": segment.index,
            "crc": segment.crc32c,
        },
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def _is_older(connection: sql.Connection, segment: SegmentHeader) -> bool:
    cursor = await connection.execute(
        "select from contacts.erasures where workspace = %s and second >= %s limit 1",
        [segment.workspace, segment.order_second],
    )
    return await cursor.fetchone() is not None


async def _claimed(connection: sql.Connection, segment: SegmentHeader) -> Counts:
    cursor = await connection.execute(
        "select crc32c, created, updated, unchanged, duplicate, rejected from contacts.ledger"
        " where workspace = %s and import_id = %s and index = %s",
        [segment.workspace, segment.import_id, segment.index],
    )
    row = await cursor.fetchone()
    assert row is not None, "whoever claimed it first has committed"
    crc, created, updated, unchanged, duplicate, rejected = row
    if crc != segment.crc32c:
        raise Conflict("this segment is in the ledger with other bytes")
    return Counts(created=created, updated=updated, unchanged=unchanged, duplicate=duplicate, rejected=rejected)


async def _stage(connection: sql.Connection, batch: Batch) -> None:
    async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        await copy.write("".join([f"{line}\n" for line in sorted(batch.lines)]).encode())


async def _upsert(connection: sql.Connection, segment: SegmentHeader, existing: Existing) -> list[TupleRow]:
    """Merges what is staged; returns what `upsert` says of those that were there."""
    cursor = await connection.execute(
        UPSERT[existing],
        {
            "workspace": segment.workspace,
            "second": segment.order_second,
            "first": position(segment.order_second, 0, 0),
        },
        prepare=True,
        binary=True,
    )
    return await cursor.fetchall()


def _account(batch: Batch, there: Sequence[TupleRow], now: datetime) -> Merged:
    """Gives every row its outcome and every contact that was there its present form."""
    counts = dict.fromkeys(OUTCOMES, 0)
    found: dict[str, Stored] = {}
    alike: dict[str, Alike] = {}
    for number, id_, version, sources, stamp, sets, custom, *whole in there:
        outcome = OUTCOMES[number]
        if sets is None:
            alike[id_.hex] = Alike(version, tuple(sources), stamp)
        else:
            stored = found[id_.hex] = stored_of(whole)
            if outcome == "unchanged" and (_raised(sets), _raised(custom)) != tuple(
                map(_raised, whole[SETS : SETS + 2])
            ):
                outcome = _outcome(sets, custom, stored.contact)
        counts[outcome] += 1
    counts["created"] = len(batch.lines) - len(found) - len(alike)
    counts["duplicate"] += batch.duplicate
    counts["unchanged"] += batch.passed
    return Merged(found, Counts(**counts, rejected=batch.rejected), now.timestamp(), alike)


def _outcome(sets: str, custom: str, now: Contact) -> Outcome:
    """Where the database saw no field change: whether people see another element."""
    before = now._replace(sets=_marks.decode(sets), custom=_marks.decode(custom))
    return "unchanged" if shown(before) == shown(now) else "updated"


def _raised(marks: str) -> str:
    """Marks, as the database writes them, without the position of the row that wrote the first of them.

    Of a row that brings the same elements again what is left is the same, so that nobody has to look into it.
    """
    start = marks.find('": [') + 3
    if start < 3 or "\\" in marks:  # only an escaped quotation mark could make a text look like the start of a mark
        return marks
    return marks.replace(f'": {marks[start : marks.find(",", start)]}', '": [')


def stored_of(row: Sequence[Any]) -> Stored:
    """A row of the columns STORED."""
    id_, key, *rest = row
    values = tuple(rest[: len(SCALARS)])
    stamp, stamps, sets, custom, sources, born, last, deletion, version, updated_at = rest[len(SCALARS) :]
    if stamps is None:
        stamps = [stamp if value else None for value in values]
    marks = {} if custom == "{}" else _marks.decode(custom)
    contact = Contact(key, values, tuple(stamps), _marks.decode(sets), marks, tuple(sources), born, last, deletion)
    return Stored(id_.hex, contact, version, updated_at.timestamp())


async def _count(connection: sql.Connection, segment: SegmentHeader, counts: Counts) -> None:
    await connection.execute(
        "update contacts.ledger set created = %s, updated = %s, unchanged = %s, duplicate = %s, rejected = %s"
        " where workspace = %s and import_id = %s and index = %s",
        [
            counts.created,
            counts.updated,
            counts.unchanged,
            counts.duplicate,
            counts.rejected,
            segment.workspace,
            segment.import_id,
            segment.index,
        ],
    )


async def _with_parted(
    connection: sql.Connection, segment: SegmentHeader, merged: Merged, parted: links.Parted
) -> Merged:
    """With the contacts that changed beside the rows, each as it is now."""
    others = await _find(connection, segment.workspace, [id_.hex for id_ in parted.contacts]) if parted.contacts else []
    found = {**merged.found, **{stored.id: stored for stored in others}}
    alike = {id_: each for id_, each in merged.alike.items() if id_ not in found}
    return merged._replace(found=found, alike=alike, gone=parted.gone, deleted=parted.deleted)


async def _find(connection: sql.Connection, workspace: UUID, ids: Sequence[str]) -> list[Stored]:
    cursor = await connection.execute(
        f"select {STORED} from contacts.contacts"
        " where workspace = %s and contact_id = any(%s::uuid[]) order by contact_id",
        [workspace, list(ids)],
        binary=True,
    )
    return [stored_of(row) for row in await cursor.fetchall()]
