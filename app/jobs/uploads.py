"""The uploads of files: who writes which, from where it stands to its end. The newer writer wins."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from crc32c import crc32c

from app import trace
from app.backlog import Backlog
from app.core.errors import Rejected
from app.core.imports import State
from app.jobs import metrics
from app.jobs.containers.child import Unpacker
from app.jobs.jobs import Job
from app.jobs.limits import Streams
from app.jobs.outlet import Outlet
from app.jobs.store import Overtaken, Store
from app.jobs.understanding import Understanding
from app.jobs.upload import Upload

log = logging.getLogger(__name__)


class Interrupted(Rejected):
    """The body of a request ended before its time: the client is gone, or silent."""

    def __init__(self, detail: str) -> None:
        super().__init__("interrupted", detail)


class Conflict(Rejected):
    """These bytes do not go here: wrong offset, or another client is writing. `job` says where they would."""

    def __init__(self, code: str, detail: str, job: Job) -> None:
        super().__init__(code, detail)
        self.job = job


class States(Protocol):
    """What is needed of the LiveMap of imports."""

    def get(self, *key: str) -> State | None: ...

    def values(self) -> Mapping[tuple[str, ...], State]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bytes of a request. `offset` None: they begin with the file. `seals`: a proper end is the file's end.

    `chunks` raises Interrupted. `length` is None where the client did not say it.
    """

    chunks: AsyncGenerator[bytes, None]
    offset: int | None = None
    length: int | None = None
    seals: bool = True


class Uploads:
    """The jobs whose bytes come; `max_open` requests of a workspace write at a time, `max_bytes` has a file at most.

    `writing` are those that this process is at; `backlog` is what their workspaces have in the log unfinished.
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet,
        understanding: Understanding,
        unpacker: Unpacker,
        backlog: Backlog,
        imports: States,
        *,
        max_open: int,
        max_bytes: int,
    ) -> None:
        self._store = store
        self._outlet = outlet
        self._understanding = understanding
        self._unpacker = unpacker
        self._backlog = backlog
        self._imports = imports
        self._max_bytes = max_bytes
        self.streams = Streams(max_open)
        self.writing: WeakValueDictionary[UUID, Upload] = WeakValueDictionary()

    async def write(self, workspace: UUID, import_id: UUID, body: Body) -> Job:
        """Takes the bytes of a request, from where the upload stands. The newer writer wins.

        Raises Conflict (409), Interrupted (what came is safe), TryAgain, and Rejected: `not_found`, `cancelled`,
        `too_large`, `size_mismatch`, `too_many_uploads`, or why the file is unusable.
        """
        job = await self._usable(workspace, import_id)
        self._check_fits(job, body)
        span = trace.span("upload", attributes={"addressbus.import": str(import_id)})
        with self.streams.one(workspace), metrics.UPLOADS.track_inprogress(), span:
            try:
                if job.sealed:
                    return job
                job = _usable(await self.claim(job))
                return job if job.sealed else await self._stream(job, body)
            except Overtaken:
                return await self._lost(job)

    async def offset(self, workspace: UUID, import_id: UUID) -> Job:
        """Where an upload stands. Whoever was writing it stops, so that the answer stays true. Raises Rejected."""
        job = await self._usable(workspace, import_id)
        if job.complete:
            # A container that somebody here unpacks right now is left to him: it takes a while, and is all here.
            return job if job.spooled and self.is_written(job) else await self.settle(job)
        claimed = await self.claim(job)
        return await self._begun_anew(claimed) if claimed.spooled else claimed

    async def finish(self, workspace: UUID, import_id: UUID) -> Job:
        """Ends an upload with what came of it, whatever size was announced. Raises Rejected, TryAgain."""
        job = await self._usable(workspace, import_id)
        if job.sealed:
            return job
        try:
            upload = self.open(_usable(await self.claim(job)))
            try:
                job = await upload.begin()
                if job.spooled and not job.complete:
                    raise Rejected("incomplete", "A workbook or ZIP archive can be read only when all of it has come.")
                return await upload.finish()
            finally:
                await upload.close()
        except Overtaken:
            return await self._lost(job)

    async def find(self, workspace: UUID, import_id: UUID) -> Job:
        """Raises Rejected `not_found`."""
        job = await self._store.find(workspace, import_id)
        if job is None:
            unknown = self._imports.get(str(workspace), str(import_id)) is None
            elsewhere = "This import was taken by another data centre: go on there, or send the file again."
            raise Rejected("not_found", "There is no such import." if unknown else elsewhere)
        return job

    async def settle(self, job: Job) -> Job:
        """Seals what is complete, or tells a failure that was not told. Raises Rejected with that failure."""
        if job.told or not (job.complete or job.failure):
            return job
        try:
            upload = self.open(await self.claim(job))
            try:
                job = await upload.begin()
                if job.told:
                    return _usable(job)
                if job.failure is None:
                    return await upload.finish() if job.complete else job
                error = Rejected(job.failure.code, job.failure.detail)
                await upload.fail(error)
                raise error
            finally:
                await upload.close()
        except Overtaken:
            return await self._lost(job)

    async def give_up(self, job: Job) -> None:
        """Fails an upload that nobody continued; whoever does at the last moment goes on. Raises TryAgain."""
        try:
            upload = self.open(await self.claim(job))
            await upload.fail(Rejected("abandoned", "Nobody continued this upload for a day."))
        except Overtaken:
            log.info("an upload was continued at the last moment", extra={"import": str(job.id)})

    def is_written(self, job: Job) -> bool:
        """Whether a request, or the sweep, of this process is at it."""
        writer = self.writing.get(job.id)
        return writer is not None and not writer.closed

    async def claim(self, job: Job) -> Job:
        """From here on we write this upload. An older writer here hears of it now, one elsewhere when it stores."""
        claimed = await self._store.claim(job, time.time())
        self.stop_writer(job.id)
        return claimed

    def stop_writer(self, import_id: UUID) -> None:
        """Who writes this upload here, if anybody does, stops."""
        writer = self.writing.get(import_id)
        if writer is not None:
            writer.stop()

    def open(self, job: Job) -> Upload:
        """The writer of a job that was claimed."""
        self.writing[job.id] = upload = Upload(
            job, self._store, self._outlet, self._backlog, self._understanding, self._unpacker
        )
        return upload

    def check_size(self, size: int | None) -> None:
        """Raises Rejected `too_large`."""
        if size is not None and size > self._max_bytes:
            raise self._too_large()

    async def _stream(self, job: Job, body: Body) -> Job:
        upload = self.open(job)
        try:
            job = await upload.begin()
            self._check_fits(job, body)
            known = _Known(job if body.offset is None else None)
            async with aclosing(body.chunks) as chunks:
                async for chunk in chunks:
                    await self._take(upload, known.rest(chunk))
            known.check()
            if upload.job.complete or upload.received == job.size or (job.size is None and body.seals):
                return await upload.finish()
            return await upload.pause()
        except asyncio.CancelledError:
            await upload.pause()
            raise
        except Interrupted:
            if (await upload.pause()).complete:
                await upload.finish()
            raise
        finally:
            await upload.close()

    async def _take(self, upload: Upload, data: bytes) -> None:
        """Passes on what fits. A body that runs over what was announced, or allowed, ends its import."""
        after = upload.received + len(data)
        size = _size(upload.job)
        if size is not None and after > size:
            error = _longer_than(size)
        elif after > self._max_bytes:
            error = self._too_large()
        else:
            if data:
                await upload.take(data)
            return
        await upload.fail(error)
        raise error

    async def _lost(self, job: Job) -> Job:
        """Another one wrote this job: perhaps it is done now, else ours was the older writer."""
        job = await self._usable(job.workspace, job.id)
        if job.sealed:
            return job
        metrics.OVERTAKEN.inc()
        raise Conflict("overtaken", "Another client continues this upload.", job)

    async def _begun_anew(self, claimed: Job) -> Job:
        """Where the upload of a container stands, by what is really in the spool."""
        upload = self.open(claimed)
        try:
            return await upload.begin()
        except Overtaken:
            return await self._lost(claimed)
        finally:
            await upload.close()

    async def _usable(self, workspace: UUID, import_id: UUID) -> Job:
        """A job that still takes bytes, or took all. Raises Rejected `not_found`, `cancelled`, or its failure."""
        job = await self.find(workspace, import_id)
        known = self._imports.get(str(workspace), str(import_id))
        if known is not None and known.status == "cancelled":
            raise _cancelled()
        if job.failure is not None:
            await self.settle(job)
        return _usable(job)

    def _check_fits(self, job: Job, body: Body) -> None:
        """Before a byte is read: is this where the upload stands, and may it be so long?"""
        if body.offset is not None and body.offset != job.received:
            raise Conflict("wrong_offset", f"This upload continues at byte {job.received}.", job)
        end = (body.offset or 0) + (body.length or 0)
        self.check_size(end)
        size = _size(job)
        if size is not None and end > size:
            raise _longer_than(size)

    def _too_large(self) -> Rejected:
        return Rejected("too_large", f"A file may have {self._max_bytes} bytes.", max_bytes=self._max_bytes)


class _Known:
    """The bytes of a file that are safe already, sent again: passed over, and held against their checksum."""

    def __init__(self, job: Job | None) -> None:
        self._job = job
        self._left = job.received if job is not None else 0
        self._checksum = 0

    def rest(self, chunk: bytes) -> bytes:
        """What is new in the next bytes. Raises Conflict `different_file`."""
        if not self._left:
            return chunk
        known = chunk[: self._left]
        self._checksum = crc32c(known, self._checksum)
        self._left -= len(known)
        if not self._left:
            self.check()
        return chunk[len(known) :]

    def check(self) -> None:
        """The body has ended. Raises Conflict `different_file` unless it held all that is known."""
        if self._job is not None and (self._left or self._checksum != self._job.checksum):
            raise Conflict("different_file", "This is not the file whose upload was begun here.", self._job)


def _usable(job: Job) -> Job:
    if job.cancelled_by is not None:
        raise _cancelled()
    if job.failure is not None:
        raise Rejected(job.failure.code, job.failure.detail)
    return job


def _size(job: Job) -> int | None:
    """How long the file is, as far as anybody knows."""
    return job.received if job.complete else job.size


def _cancelled() -> Rejected:
    return Rejected("cancelled", "This import was cancelled.")


def _longer_than(size: int) -> Rejected:
    return Rejected("size_mismatch", f"The file is longer than the {size} bytes that it should have.")
