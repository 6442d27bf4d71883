"""The jobs service: takes requests for imports and the bytes of files, and puts both on the log."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from uuid import UUID, uuid4, uuid5
from weakref import WeakValueDictionary

from crc32c import crc32c

from app import config, trace
from app.backlog import Backlog
from app.bus import Producer
from app.core.errors import Rejected, TryAgain
from app.core.imports import TERMINAL, State
from app.core.principals import Principal
from app.core.reading.plan import Plan
from app.core.reading.plans import Completion
from app.jobs import memory, metrics
from app.jobs.accounts import AccountImports, Accounts
from app.jobs.asking import Asked
from app.jobs.containers.child import Unpacker
from app.jobs.containers.contents import Understood, understand
from app.jobs.containers.parts import HEAD_BYTES, MAX_CONTAINER_BYTES, looks_packed, too_large
from app.jobs.containers.spool import Spool
from app.jobs.jobs import Job, state
from app.jobs.limits import Previews, Streams
from app.jobs.outlet import Outlet
from app.jobs.retention import File, Retention
from app.jobs.store import Overtaken, Store
from app.jobs.understanding import Preferences, Understanding
from app.jobs.upload import Upload, head_hash
from app.sealing import Files, Vault
from app.sql import Pool

log = logging.getLogger(__name__)

KEYS_KEPT_SECONDS = 48 * 3600
"""A repeated request is told again for so long; afterwards its import may have been forgotten by the tracker."""

ABANDONED_SECONDS = 24 * 3600
ACTIVE_SECONDS = 15 * 60
"""An upload in which nothing moved for so long does not count as open; it can still be continued."""

SWEEP_SECONDS = 10 * 60
QUIET_SECONDS = 60
"""What moved so recently is left to the request that moves it, except at our start."""


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


class Intake:
    """What the routes call. `start` first; give every change of the imports' LiveMap to `imports_changed`.

    `history` knows the imports that ended so long ago that `imports` has forgotten them, `accounts` those that people
    have connected, `deleted` the imports whose files are gone as far as the log says.
    """

    def __init__(
        self,
        settings: config.Web,
        pool: Pool,
        producer: Producer,
        imports: States,
        preferences: Preferences,
        owns_channel: Callable[[UUID, str], Awaitable[bool]],
        history: Callable[[UUID, UUID], Awaitable[State | None]] | None = None,
        accounts: Accounts | None = None,
        deleted: Callable[[], Collection[UUID]] = tuple,
    ) -> None:
        self._settings = settings
        self._store = Store(pool, site=settings.site_number, sites=settings.sites)
        self._files = Files(Vault.parse(settings.data_keys), settings.site)
        self._outlet = Outlet(producer, self._files, settings.site)
        self._retention = Retention(self._store, self._outlet, settings.file_retention_days)
        self._imports = imports
        self._understanding = Understanding(preferences, producer)
        self._owns_channel = owns_channel
        self._accounts: AccountImports | None = None
        if accounts is not None:
            self._accounts = AccountImports(
                self._store,
                self._outlet,
                producer,
                self._understanding,
                accounts,
                lambda workspace, import_id: imports.get(str(workspace), str(import_id)),
            )
        self._history = history
        self._deleted = deleted
        self._previews = Previews(settings.previews_per_minute)
        self._streams = Streams(settings.max_open_uploads)
        self._backlog = Backlog()
        self.spool = Spool(Path(settings.data_dir).absolute() / "spool")
        self._unpacker = Unpacker(self.spool)
        self._waiting: dict[tuple[str, ...], set[asyncio.Future[None]]] = {}
        self._writing: WeakValueDictionary[UUID, Upload] = WeakValueDictionary()
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def max_upload_bytes(self) -> int:
        return self._settings.max_upload_bytes

    def upload_url(self, job: Job) -> str:
        """Where the bytes of this import go."""
        return f"{self._settings.public_url.rstrip('/')}/api/v1/uploads/{job.id}"

    async def start(self) -> None:
        """Ends what a process before us could not end any more, now and from time to time."""
        memory.keep_flat()
        for key, known in self._imports.values().items():
            self.imports_changed(key, known)
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="sweep of uploads")

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    def imports_changed(self, key: tuple[str, ...], new: State | None) -> None:
        """The tracker told something: uploads that wait for room or for an end go on."""
        workspace, import_id = key
        self._backlog.changed(UUID(workspace), UUID(import_id), new)
        if new is not None and new.status == "cancelled":
            self._stop_writer(UUID(import_id))  # who cancelled it may have done so at another data centre
        if new is None or new.status in TERMINAL:
            for waiter in self._waiting.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def count_preview(self, workspace: UUID) -> None:
        """One more preview. Raises Rejected `too_many_requests`."""
        self._previews.take(workspace, time.monotonic())

    async def preview(self, workspace: UUID, head: bytes, size: int | None, given: Plan | None) -> Completion:
        """How a file would be understood, from its head (`size`: of the whole file). Raises Rejected."""
        whole = len(head) <= HEAD_BYTES if size is None else size <= len(head)
        return await asyncio.to_thread(self._understanding.look, workspace, head[:HEAD_BYTES], whole=whole, given=given)

    async def before(self, workspace: UUID, head: bytes, size: int) -> Job | None:
        """The last import of the same file, as far as its beginning and its `size` tell. Raises TryAgain."""
        for job in await self._store.same_file(workspace, head_hash(head), size):
            known = self._imports.get(str(workspace), str(job.id))
            if known is None or known.status not in {"failed", "cancelled"}:
                return job
        return None

    async def preview_container(self, workspace: UUID, container: IO[bytes], given: Plan | None) -> Understood:
        """How a container would be understood. Raises Rejected."""
        async with self._unpacker.texts(container, most=HEAD_BYTES + 1) as texts:
            return await asyncio.to_thread(
                understand,
                texts.found,
                texts.file,
                given,
                lambda head, whole, given: self._understanding.look(workspace, head, whole=whole, given=given),
            )

    async def request(self, principal: Principal, asked: Asked, key: str | None) -> Job:
        """Writes a request down and tells it; the same key and content is the same import.

        Raises Rejected `too_large`, `foreign_channel`, `idempotency_mismatch`, `too_many_uploads`, what
        AccountImports raises, and TryAgain.
        """
        self._check_size(asked.size)
        if looks_packed(asked.name) and (asked.size or 0) > MAX_CONTAINER_BYTES:
            raise too_large()
        if asked.channel is not None and not await self._owns_channel(principal.workspace, asked.channel):
            raise Rejected("foreign_channel", "This channel belongs to somebody else.")
        now = time.time()
        wanted = self._job(principal, asked, self._id(principal.workspace, key or str(uuid4())), now)
        if asked.source != "file":
            if self._accounts is None:
                raise Rejected("unsupported_source", f"Imports from {asked.source} are not available here.")
            return await self._accounts.request(principal, asked, wanted, kept_seconds=KEYS_KEPT_SECONDS)
        job = await self._store.create(
            wanted,
            open_uploads=self._settings.max_open_uploads,
            active_since=now - ACTIVE_SECONDS,
        )
        metrics.REQUESTS.inc()
        if now - job.requested_at < KEYS_KEPT_SECONDS:
            await self._outlet.requested(job)
        if job.version > 1:
            await self._settle_quietly(job)
        return job

    async def write(self, workspace: UUID, import_id: UUID, body: Body) -> Job:
        """Takes the bytes of a request, from where the upload stands. The newer writer wins.

        Raises Conflict (409), Interrupted (what came is safe), TryAgain, and Rejected: `not_found`, `cancelled`,
        `too_large`, `size_mismatch`, `too_many_uploads`, or why the file is unusable.
        """
        job = await self._usable(workspace, import_id)
        self._check_fits(job, body)
        span = trace.span("upload", attributes={"addressbus.import": str(import_id)})
        with self._streams.one(workspace), metrics.UPLOADS.track_inprogress(), span:
            try:
                if job.sealed:
                    return job
                job = _usable(await self._claim(job))
                return job if job.sealed else await self._stream(job, body)
            except Overtaken:
                return await self._lost(job)

    async def offset(self, workspace: UUID, import_id: UUID) -> Job:
        """Where an upload stands. Whoever was writing it stops, so that the answer stays true. Raises Rejected."""
        job = await self._usable(workspace, import_id)
        if job.complete:
            # A container that somebody here unpacks right now is left to him: it takes a while, and is all here.
            return job if job.spooled and self._is_written(job) else await self._settle(job)
        claimed = await self._claim(job)
        return await self._begun_anew(claimed) if claimed.spooled else claimed

    async def finish(self, workspace: UUID, import_id: UUID) -> Job:
        """Ends an upload with what came of it, whatever size was announced. Raises Rejected, TryAgain."""
        job = await self._usable(workspace, import_id)
        if job.sealed:
            return job
        try:
            upload = self._upload(_usable(await self._claim(job)))
            try:
                job = await upload.begin()
                if job.spooled and not job.complete:
                    raise Rejected("incomplete", "A workbook or ZIP archive can be read only when all of it has come.")
                return await upload.finish()
            finally:
                await upload.close()
        except Overtaken:
            return await self._lost(job)

    async def state(self, workspace: UUID, import_id: UUID) -> State:
        """What is known of an import. Raises Rejected `not_found`."""
        found = self._imports.get(str(workspace), str(import_id))
        if found is None and self._history is not None:
            found = await self._history(workspace, import_id)
        return found if found is not None else state(await self._find(workspace, import_id))

    async def ended(self, workspace: UUID, import_id: UUID, within: float) -> State:
        """The state of an import once it has ended, or after `within` seconds."""
        key = (str(workspace), str(import_id))
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._end_of(key)
        return await self.state(workspace, import_id)

    async def _end_of(self, key: tuple[str, ...]) -> None:
        while (found := self._imports.get(*key)) is None or found.status not in TERMINAL:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters = self._waiting.setdefault(key, set())
            waiters.add(waiter)
            try:
                await waiter
            finally:
                waiters.discard(waiter)

    async def cancel(self, principal: Principal, import_id: UUID) -> State:
        """Stops an import, of another data centre, too; what has ended already stays as it is.

        Raises Rejected `not_found`, TryAgain.
        """
        workspace = principal.workspace
        known = self._imports.get(str(workspace), str(import_id))
        if known is not None and known.status in TERMINAL:
            return known
        found = known or state(await self._find(workspace, import_id))
        await self._outlet.cancelled(workspace, import_id, principal.name)
        await self._understanding.cancel(workspace, import_id)
        await self._store.cancel(workspace, import_id, principal.name)
        await self.spool.remove(workspace, import_id)
        return found

    async def file(self, workspace: UUID, import_id: UUID) -> File:
        """How long what was uploaded can be read. Raises Rejected `not_found`, TryAgain."""
        job = await self._find(workspace, import_id)
        return self._retention.file(job, await self.state(workspace, import_id))

    async def has_file(self, workspace: UUID, import_id: UUID) -> bool:
        """Whether there is something to delete; nobody here can say that there is not if it came in elsewhere.

        Raises Rejected `not_found`, TryAgain.
        """
        known = await self.state(workspace, import_id)
        job = await self._store.find(workspace, import_id)
        return known.status in TERMINAL if job is None else self._retention.file(job, known).kept_until is not None

    async def delete_file(self, principal: Principal, import_id: UUID) -> File:
        """Makes an import's file unreadable everywhere. Raises Rejected `not_found`, `not_ended`, and TryAgain."""
        known = await self.state(principal.workspace, import_id)
        job = await self._store.find(principal.workspace, import_id)
        return await (self._retention.delete_elsewhere(known) if job is None else self._retention.delete(job, known))

    async def sweep(self, now: float, *, quiet_since: float) -> None:
        """Seals what is complete, tells failures that were not told, gives up what nobody continues.

        Leaves alone what moved after `quiet_since`: somebody is at it. Files whose time is over are deleted.
        Raises TryAgain.
        """
        for workspace, import_id in await self._store.unsettled(quiet_since):
            job = await self._find(workspace, import_id)
            if not job.spooled or (await self.spool.has(workspace, import_id) and not self._is_written(job)):
                await self._settle_quietly(job)
        for workspace, import_id in await self._store.idle(now - ABANDONED_SECONDS):
            await self._give_up(await self._find(workspace, import_id))
        for workspace, import_id in await self.spool.kept():
            left = await self._store.find(workspace, import_id)
            if left is None or left.told or not (left.spooled or self._is_written(left)):
                await self.spool.remove(workspace, import_id)
        for workspace, import_id in await self._store.files(self._retention.since(now)):
            known = self._imports.get(str(workspace), str(import_id))
            await self._retention.sweep(await self._find(workspace, import_id), known, now)
        for workspace, import_id in await self._store.kept_of(self._deleted()):
            await self._retention.follow(await self._find(workspace, import_id), now)

    async def _stream(self, job: Job, body: Body) -> Job:
        upload = self._upload(job)
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
        elif after > self.max_upload_bytes:
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

    async def _settle(self, job: Job) -> Job:
        """Seals what is complete, or tells a failure that was not told. Raises Rejected with that failure."""
        if job.told or not (job.complete or job.failure):
            return job
        try:
            upload = self._upload(await self._claim(job))
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

    async def _begun_anew(self, claimed: Job) -> Job:
        """Where the upload of a container stands, by what is really in the spool."""
        upload = self._upload(claimed)
        try:
            return await upload.begin()
        except Overtaken:
            return await self._lost(claimed)
        finally:
            await upload.close()

    def _is_written(self, job: Job) -> bool:
        """Whether a request, or the sweep, of this process is at it."""
        writer = self._writing.get(job.id)
        return writer is not None and not writer.closed

    async def _settle_quietly(self, job: Job) -> None:
        try:
            await self._settle(job)
        except Rejected as error:
            log.info("an upload was settled", extra={"import": str(job.id), "code": error.code})
        except TryAgain:
            raise
        except Exception:  # one row that we cannot handle must not keep the others unsealed
            log.exception("an upload could not be settled", extra={"import": str(job.id)})

    async def _give_up(self, job: Job) -> None:
        try:
            upload = self._upload(await self._claim(job))
            await upload.fail(Rejected("abandoned", "Nobody continued this upload for a day."))
        except Overtaken:
            log.info("an upload was continued at the last moment", extra={"import": str(job.id)})

    async def _sweep_for_ever(self) -> None:
        quiet = 0.0
        while True:
            now = time.time()
            try:
                await self.sweep(now, quiet_since=now - quiet)
            except TryAgain as error:
                log.warning("the sweep of uploads waits", extra={"why": str(error)})
            quiet = QUIET_SECONDS
            await asyncio.sleep(SWEEP_SECONDS)

    async def _claim(self, job: Job) -> Job:
        """From here on we write this upload. An older writer here hears of it now, one elsewhere when it stores."""
        claimed = await self._store.claim(job, time.time())
        self._stop_writer(job.id)
        return claimed

    def _stop_writer(self, import_id: UUID) -> None:
        writer = self._writing.get(import_id)
        if writer is not None:
            writer.stop()

    def _upload(self, job: Job) -> Upload:
        self._writing[job.id] = upload = Upload(
            job, self._store, self._outlet, self._backlog, self._understanding, self._unpacker
        )
        return upload

    def _id(self, workspace: UUID, key: str) -> UUID:
        """Sent again to another data centre, a request is another import: its rows have order seconds of that one."""
        return uuid5(workspace, f"{self._settings.site} {key}" if self._settings.others else key)

    async def _find(self, workspace: UUID, import_id: UUID) -> Job:
        job = await self._store.find(workspace, import_id)
        if job is None:
            raise Rejected("not_found", "There is no such import.")
        return job

    async def _usable(self, workspace: UUID, import_id: UUID) -> Job:
        """A job that still takes bytes, or took all. Raises Rejected `not_found`, `cancelled`, or its failure."""
        job = await self._find(workspace, import_id)
        known = self._imports.get(str(workspace), str(import_id))
        if known is not None and known.status == "cancelled":
            raise _cancelled()
        if job.failure is not None:
            await self._settle(job)
        return _usable(job)

    def _job(self, principal: Principal, asked: Asked, import_id: UUID, now: float) -> Job:
        return Job(
            workspace=principal.workspace,
            id=import_id,
            request_hash=asked.digest(),
            order_second=0,
            source=asked.source,
            name=asked.name,
            size=asked.size,
            channel=asked.channel,
            requested_by=principal.name,
            requested_at=now,
            given=asked.plan,
            version=1,
            phase="open",
            told=False,
            received=0,
            checksum=0,
            plan=None,
            head=None,
            cutter=None,
            failure=None,
            cancelled_by=None,
            file_key=self._files.new_key(import_id),
        )

    def _check_fits(self, job: Job, body: Body) -> None:
        """Before a byte is read: is this where the upload stands, and may it be so long?"""
        if body.offset is not None and body.offset != job.received:
            raise Conflict("wrong_offset", f"This upload continues at byte {job.received}.", job)
        end = (body.offset or 0) + (body.length or 0)
        self._check_size(end)
        size = _size(job)
        if size is not None and end > size:
            raise _longer_than(size)

    def _check_size(self, size: int | None) -> None:
        if size is not None and size > self.max_upload_bytes:
            raise self._too_large()

    def _too_large(self) -> Rejected:
        return Rejected("too_large", f"A file may have {self.max_upload_bytes} bytes.", max_bytes=self.max_upload_bytes)


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
