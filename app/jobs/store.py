"""Everything the jobs service keeps: requests, and the state of each upload, written by compare-and-set."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from app.core.errors import Rejected
from app.core.imports import Failure
from app.core.reading.plan import Plan
from app.jobs.jobs import Job
from app.sql import Connection, Pool, tenant, transaction

_COLUMNS = (
    "workspace, id, request_hash, order_second, source, name, size, channel, requested_by, requested_at, given,"
    " version, phase, told, received, checksum, plan, {remainder}, failure, cancelled_by, spooled,"
    " head_hash, file_key, file_deleted_at"
)
_LIGHT = _COLUMNS.format(remainder="null::bytea, null::bytea, null::bytea")
_WHOLE = _COLUMNS.format(remainder="head, cutter, contents")


class Overtaken(Exception):
    """Somebody else wrote this job since it was read; theirs is the truth."""


class Store:
    """The schema `jobs`. `site` of `sites` gives order seconds that no other data centre gives.

    Every method may raise TryAgain.
    """

    def __init__(self, pool: Pool, *, site: int = 0, sites: int = 1) -> None:
        self._pool = pool
        self._site = site
        self._sites = sites

    async def create(self, job: Job, *, open_uploads: int | None, active_since: float) -> Job:
        """Writes a request down, with the next order second of its workspace, or finds the one made before.

        Raises Rejected `idempotency_mismatch` when the key was used for another request, `too_many_uploads` when
        the workspace has `open_uploads` that moved after `active_since` (None: this is no upload).
        """
        async with tenant(self._pool, job.workspace) as connection:
            found = await _find(connection, _LIGHT, job.workspace, job.id)
            if found is None:
                second = await self._next_second(connection, job)
                # Whoever holds the row of `orders` is alone in this workspace, so nobody slips past these looks.
                found = await _find(connection, _LIGHT, job.workspace, job.id)
                if found is None:
                    if open_uploads is not None:
                        await _check_room(connection, job.workspace, open_uploads, active_since)
                    return await _insert(connection, replace(job, order_second=second))
        if found.request_hash != job.request_hash:
            raise Rejected("idempotency_mismatch", "This Idempotency-Key was used for another request.")
        return found

    async def find(self, workspace: UUID, import_id: UUID) -> Job | None:
        """A job without the remainder of its file."""
        async with tenant(self._pool, workspace) as connection:
            return await _find(connection, _LIGHT, workspace, import_id)

    async def same_file(self, workspace: UUID, head_hash: bytes, size: int) -> Sequence[Job]:
        """The last complete uploads of a file that begins so and has `size` bytes, the latest first."""
        async with tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                f"select {_LIGHT} from jobs.imports where workspace = %s and head_hash = %s and received = %s"
                " and phase = 'ended' and cancelled_by is null order by requested_at desc limit 5",
                [workspace, head_hash, size],
            )
            return [_job(row) for row in await cursor.fetchall()]

    async def claim(self, job: Job, now: float) -> Job:
        """Makes the caller the one who writes this upload, and reads its remainder. Whoever did before is overtaken."""
        async with tenant(self._pool, job.workspace) as connection:
            cursor = await connection.execute(
                f"update jobs.imports set version = version + 1, active_at = %s where workspace = %s and id = %s"
                f" returning {_WHOLE}",
                [now, job.workspace, job.id],
            )
            row = await cursor.fetchone()
        if row is None:
            raise Overtaken
        return _job(row)

    async def keep(self, job: Job, now: float) -> Job:
        """Writes how far an upload has come, if nobody wrote since `job` was read. Raises Overtaken."""
        async with tenant(self._pool, job.workspace) as connection:
            cursor = await connection.execute(
                "update jobs.imports set version = version + 1, phase = %s, told = %s, received = %s, checksum = %s,"
                " plan = %s, head = %s, cutter = %s, contents = %s, spooled = %s, head_hash = %s, failure = %s,"
                " active_at = %s"
                " where workspace = %s and id = %s and version = %s",
                [
                    job.phase,
                    job.told,
                    job.received,
                    job.checksum,
                    _encoded(job.plan),
                    job.head,
                    job.cutter,
                    job.contents,
                    job.spooled,
                    job.head_hash,
                    _encoded(job.failure),
                    now,
                    job.workspace,
                    job.id,
                    job.version,
                ],
            )
        if cursor.rowcount == 0:
            raise Overtaken
        return replace(job, version=job.version + 1)

    async def cancel(self, workspace: UUID, import_id: UUID, by: str) -> None:
        """Notes who cancelled; whoever is writing the upload is overtaken."""
        async with tenant(self._pool, workspace) as connection:
            await connection.execute(
                "update jobs.imports set version = version + 1, told = true, head = null, cutter = null,"
                " contents = null, cancelled_by = %s"
                " where workspace = %s and id = %s and cancelled_by is null",
                [by, workspace, import_id],
            )

    async def delete_file(self, workspace: UUID, import_id: UUID, now: float) -> None:
        """Notes that a file is deleted; the first time counts. Its key stays until `forget_key`."""
        async with tenant(self._pool, workspace) as connection:
            await connection.execute(
                "update jobs.imports set file_deleted_at = %s"
                " where workspace = %s and id = %s and file_deleted_at is null",
                [now, workspace, import_id],
            )

    async def forget_key(self, workspace: UUID, import_id: UUID) -> None:
        """Drops the key of a deleted file, now that everybody else was told."""
        async with tenant(self._pool, workspace) as connection:
            await connection.execute(
                "update jobs.imports set file_key = null"
                " where workspace = %s and id = %s and file_deleted_at is not null",
                [workspace, import_id],
            )

    @asynccontextmanager
    async def held_file(self, workspace: UUID, import_id: UUID) -> AsyncIterator["HeldFile | None"]:
        """A job whose file is kept: nobody deletes it until the body ends. None: it is deleted."""
        async with tenant(self._pool, workspace) as connection:
            found = await _find(connection, _LIGHT, workspace, import_id, lock=True)
            if found is None or found.file_key is None or found.file_deleted_at is not None:
                yield None
            else:
                yield HeldFile(connection, found, found.file_key)

    async def kept_files(self) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of all files that are not deleted."""
        return await self._sweep("file_key is not null and file_deleted_at is null", [])

    async def files(self, since: float) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of the files that are to be deleted, or that nothing happened to after `since`."""
        return await self._sweep(
            "file_key is not null and (file_deleted_at is not null or (told and active_at < %s))", [since]
        )

    async def kept_of(self, imports: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of those among these imports whose files are kept."""
        return await self._sweep("file_key is not null and id = any(%s)", [list(imports)]) if imports else ()

    async def unsettled(self, since: float) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of the uploads that ended, untold, and in which nothing moved after `since`."""
        return await self._sweep("not told and (phase <> 'open' or received = size) and active_at < %s", [since])

    async def idle(self, since: float) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of the uploads that nobody ended, or nobody can, and that did not move after `since`."""
        return await self._sweep("not told and (phase = 'open' or spooled) and active_at < %s", [since])

    async def _sweep(self, condition: str, values: Sequence[object]) -> Sequence[tuple[UUID, UUID]]:
        async with transaction(self._pool) as connection:
            await connection.execute("select set_config('app.sweep', 'on', true)")
            cursor = await connection.execute(
                f"select workspace, id from jobs.imports where {condition} order by active_at", values
            )
            return await cursor.fetchall()

    async def _next_second(self, connection: Connection, job: Job) -> int:
        """max(now, last given + 1), and then the next one that is this site's."""
        cursor = await connection.execute(
            "insert into jobs.orders as o (workspace, last) values (%(workspace)s, %(first)s)"
            " on conflict (workspace) do update set last = ("
            "   select at + mod(mod(%(site)s - at, %(sites)s) + %(sites)s, %(sites)s)"
            "   from (select greatest(%(now)s, o.last + 1) as at) as next)"
            " returning last",
            {
                "workspace": job.workspace,
                "now": int(job.requested_at),
                "first": _own_second(int(job.requested_at), self._site, self._sites),
                "site": self._site,
                "sites": self._sites,
            },
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


class HeldFile:
    """A locked job with the `key` of its file, wrapped; another may be written in its place."""

    def __init__(self, connection: Connection, job: Job, key: bytes) -> None:
        self._connection = connection
        self.job = job
        self.key = key

    async def keep(self, wrapped: bytes) -> None:
        await self._connection.execute(
            "update jobs.imports set file_key = %s where workspace = %s and id = %s",
            [wrapped, self.job.workspace, self.job.id],
        )


def _own_second(now: int, site: int, sites: int) -> int:
    """The first second from `now` on that belongs to `site`."""
    return now + (site - now) % sites


async def _find(
    connection: Connection, columns: str, workspace: UUID, import_id: UUID, *, lock: bool = False
) -> Job | None:
    cursor = await connection.execute(
        f"select {columns} from jobs.imports where workspace = %s and id = %s" + (" for update" if lock else ""),
        [workspace, import_id],
    )
    row = await cursor.fetchone()
    return None if row is None else _job(row)


async def _check_room(connection: Connection, workspace: UUID, open_uploads: int, active_since: float) -> None:
    cursor = await connection.execute(
        "select count(*) from jobs.imports where workspace = %s and not told and phase = 'open' and active_at > %s",
        [workspace, active_since],
    )
    row = await cursor.fetchone()
    if row is not None and row[0] >= open_uploads:
        raise Rejected(
            "too_many_uploads",
            f"{row[0]} uploads of this workspace are still open. Let one finish, or cancel it.",
            retry_after=30,
        )


async def _insert(connection: Connection, job: Job) -> Job:
    await connection.execute(
        "insert into jobs.imports (workspace, id, request_hash, order_second, source, name, size, channel,"
        " requested_by, requested_at, given, phase, told, active_at, file_key)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            job.workspace,
            job.id,
            job.request_hash,
            job.order_second,
            job.source,
            job.name,
            job.size,
            job.channel,
            job.requested_by,
            job.requested_at,
            _encoded(job.given),
            job.phase,
            job.told,
            job.requested_at,
            job.file_key,
        ],
    )
    return job


def _encoded(value: Plan | Failure | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _job(row: Sequence[Any]) -> Job:
    (
        workspace,
        import_id,
        request_hash,
        order_second,
        source,
        name,
        size,
        channel,
        requested_by,
        requested_at,
        given,
        version,
        phase,
        told,
        received,
        checksum,
        plan,
        head,
        cutter,
        contents,
        failure,
        cancelled_by,
        spooled,
        head_hash,
        file_key,
        file_deleted_at,
    ) = row
    return Job(
        workspace=workspace,
        id=import_id,
        request_hash=request_hash,
        order_second=order_second,
        source=source,
        name=name,
        size=size,
        channel=channel,
        requested_by=requested_by,
        requested_at=requested_at,
        given=None if given is None else msgspec.json.decode(given, type=Plan),
        version=version,
        phase=phase,
        told=told,
        received=received,
        checksum=checksum,
        plan=None if plan is None else msgspec.json.decode(plan, type=Plan),
        head=head,
        cutter=cutter,
        failure=None if failure is None else msgspec.json.decode(failure, type=Failure),
        cancelled_by=cancelled_by,
        spooled=spooled,
        contents=contents,
        head_hash=head_hash,
        file_key=file_key,
        file_deleted_at=file_deleted_at,
    )
