"""The jobs service: takes requests for imports and the bytes of files, and puts both on the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4, uuid5

from app import config
from app.backlog import Backlog
from app.bus import Producer
from app.core.errors import Rejected
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
from app.jobs.endings import Endings
from app.jobs.jobs import Job, state
from app.jobs.limits import Previews
from app.jobs.outlet import Outlet
from app.jobs.retention import File, Retention
from app.jobs.store import Store
from app.jobs.sweeping import Sweeping
from app.jobs.understanding import Preferences, Understanding
from app.jobs.upload import head_hash
from app.jobs.uploads import States, Uploads
from app.sealing import Files, Vault
from app.sql import Pool

KEYS_KEPT_SECONDS = 48 * 3600
"""A repeated request is told again for so long; afterwards its import may have been forgotten by the tracker."""

ACTIVE_SECONDS = 15 * 60
"""An upload in which nothing moved for so long does not count as open; it can still be continued."""


class Intake:
    """What the routes call. `start` first; give every change of the imports' LiveMap to `imports_changed`.

    `history` knows the imports that ended so long ago that `imports` has forgotten them, `accounts` those that people
    have connected, `deleted` the imports whose files are gone as far as the log says. The bytes are the business of
    `uploads`, what nobody ends that of `sweeping`.
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
        self._previews = Previews(settings.previews_per_minute)
        self._backlog = Backlog()
        self.spool = Spool(Path(settings.data_dir).absolute() / "spool")
        self._unpacker = Unpacker(self.spool)
        self.uploads = Uploads(
            self._store,
            self._outlet,
            self._understanding,
            self._unpacker,
            self._backlog,
            imports,
            max_open=settings.max_open_uploads,
            max_bytes=settings.max_upload_bytes,
        )
        self.sweeping = Sweeping(self._store, self.uploads, self.spool, self._retention, imports, deleted)
        self._endings = Endings(imports)

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
        self.sweeping.start()

    async def stop(self) -> None:
        await self.sweeping.stop()

    def imports_changed(self, key: tuple[str, ...], new: State | None) -> None:
        """The tracker told something: uploads that wait for room or for an end go on."""
        workspace, import_id = key
        self._backlog.changed(UUID(workspace), UUID(import_id), new)
        if new is not None and new.status == "cancelled":
            self.uploads.stop_writer(UUID(import_id))  # who cancelled it may have done so at another data centre
        self._endings.changed(key, new)

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
        self.uploads.check_size(asked.size)
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
            await self.sweeping.settle_quietly(job)
        return job

    async def state(self, workspace: UUID, import_id: UUID) -> State:
        """What is known of an import. Raises Rejected `not_found`."""
        found = self._imports.get(str(workspace), str(import_id))
        if found is None and self._history is not None:
            found = await self._history(workspace, import_id)
        return found if found is not None else state(await self.uploads.find(workspace, import_id))

    async def ended(self, workspace: UUID, import_id: UUID, within: float) -> State:
        """The state of an import once it has ended, or after `within` seconds."""
        await self._endings.wait((str(workspace), str(import_id)), within)
        return await self.state(workspace, import_id)

    async def cancel(self, principal: Principal, import_id: UUID) -> State:
        """Stops an import, of another data centre, too; what has ended already stays as it is.

        Raises Rejected `not_found`, TryAgain.
        """
        workspace = principal.workspace
        known = self._imports.get(str(workspace), str(import_id))
        if known is not None and known.status in TERMINAL:
            return known
        found = known or state(await self.uploads.find(workspace, import_id))
        await self._outlet.cancelled(workspace, import_id, principal.name)
        await self._understanding.cancel(workspace, import_id)
        await self._store.cancel(workspace, import_id, principal.name)
        await self.spool.remove(workspace, import_id)
        return found

    async def file(self, workspace: UUID, import_id: UUID) -> File:
        """How long what was uploaded can be read. Raises Rejected `not_found`, TryAgain."""
        job = await self.uploads.find(workspace, import_id)
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

    def _id(self, workspace: UUID, key: str) -> UUID:
        """Sent again to another data centre, a request is another import: its rows have order seconds of that one."""
        return uuid5(workspace, f"{self._settings.site} {key}" if self._settings.others else key)

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
