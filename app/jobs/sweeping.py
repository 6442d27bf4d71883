"""What nobody ended is ended: by a process that starts, and from time to time."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from uuid import UUID

from app.core.errors import Rejected, TryAgain
from app.jobs.containers.spool import Spool
from app.jobs.jobs import Job
from app.jobs.retention import Retention
from app.jobs.store import Store
from app.jobs.uploads import States, Uploads

log = logging.getLogger(__name__)

ABANDONED_SECONDS = 24 * 3600
SWEEP_SECONDS = 10 * 60
QUIET_SECONDS = 60
"""What moved so recently is left to the request that moves it, except at our start."""


class Sweeping:
    """`start` sweeps from now on; `deleted` are the imports whose files are gone as far as the log says."""

    def __init__(
        self,
        store: Store,
        uploads: Uploads,
        spool: Spool,
        retention: Retention,
        imports: States,
        deleted: Callable[[], Collection[UUID]],
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._spool = spool
        self._retention = retention
        self._imports = imports
        self._deleted = deleted
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._sweep_for_ever(), name="sweep of uploads")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self, now: float, *, quiet_since: float) -> None:
        """Seals what is complete, tells failures that were not told, gives up what nobody continues.

        Leaves alone what moved after `quiet_since`: somebody is at it. Files whose time is over are deleted.
        Raises TryAgain.
        """
        for workspace, import_id in await self._store.unsettled(quiet_since):
            job = await self._uploads.find(workspace, import_id)
            if not job.spooled or (await self._spool.has(workspace, import_id) and not self._uploads.is_written(job)):
                await self.settle_quietly(job)
        for workspace, import_id in await self._store.idle(now - ABANDONED_SECONDS):
            await self._uploads.give_up(await self._uploads.find(workspace, import_id))
        for workspace, import_id in await self._spool.kept():
            left = await self._store.find(workspace, import_id)
            if left is None or left.told or not (left.spooled or self._uploads.is_written(left)):
                await self._spool.remove(workspace, import_id)
        for workspace, import_id in await self._store.files(self._retention.since(now)):
            known = self._imports.get(str(workspace), str(import_id))
            await self._retention.sweep(await self._uploads.find(workspace, import_id), known, now)
        for workspace, import_id in await self._store.kept_of(self._deleted()):
            await self._retention.follow(await self._uploads.find(workspace, import_id), now)

    async def settle_quietly(self, job: Job) -> None:
        """Ends an upload with what came of it; whatever that is, its author hears of it. Raises TryAgain."""
        try:
            await self._uploads.settle(job)
        except Rejected as error:
            log.info("an upload was settled", extra={"import": str(job.id), "code": error.code})
        except TryAgain:
            raise
        except Exception:  # one row that we cannot handle must not keep the others unsealed
            log.exception("an upload could not be settled", extra={"import": str(job.id)})

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
