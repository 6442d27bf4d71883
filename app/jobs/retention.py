"""What becomes of a file once its import has ended: readable for a while, then nowhere any more.

written down ──▶ its key is taken away from everybody (a tombstone) ──▶ and from here

Each step may be repeated; the sweep does, when somebody was stopped between them.
"""

import time

import msgspec

from app.core.errors import Rejected
from app.core.imports import TERMINAL, State
from app.jobs.jobs import Job
from app.jobs.outlet import Outlet
from app.jobs.store import Store

DAY_SECONDS = 24 * 3600


class File(msgspec.Struct, frozen=True, kw_only=True):
    """How long what was uploaded can be read; times are Unix seconds. `kept_until` None: the import has not ended."""

    kept_until: float | None = None
    deleted_at: float | None = None


class Retention:
    """Deletes files when a person wants it, or `days` after the end of their import."""

    def __init__(self, store: Store, outlet: Outlet, days: int) -> None:
        self._store = store
        self._outlet = outlet
        self._seconds = days * DAY_SECONDS

    def file(self, job: Job, state: State | None) -> File:
        """What is known of a job's file; `state` is what the tracker told last."""
        if job.file_deleted_at is not None:
            return File(deleted_at=job.file_deleted_at)
        if state is None or state.status not in TERMINAL:
            return File()
        return File(kept_until=(state.finished_at or job.requested_at) + self._seconds)

    async def delete(self, job: Job, state: State | None) -> File:
        """Makes a file unreadable everywhere; doing so again is harmless. Raises Rejected `not_ended`, TryAgain."""
        _check_ended(state)
        now = time.time()
        await self.follow(job, now)
        return File(deleted_at=job.file_deleted_at or now)

    async def delete_elsewhere(self, state: State) -> File:
        """The same for an import that another data centre was asked for; it hears of it. Raises as `delete` does."""
        _check_ended(state)
        await self._outlet.file_deleted(state.workspace, state.id)
        return File(deleted_at=time.time())

    async def follow(self, job: Job, now: float) -> None:
        """Deletes a file here, perhaps because another data centre said so. Raises TryAgain."""
        await self._store.delete_file(job.workspace, job.id, now)
        await self._complete(job)

    async def _complete(self, job: Job) -> None:
        """Tells everybody that the file of a job is deleted, which is written down. Raises TryAgain."""
        await self._outlet.file_deleted(job.workspace, job.id)
        await self._store.forget_key(job.workspace, job.id)

    def since(self, now: float) -> float:
        """Files in which something happened later than this are kept, unless a person wants otherwise."""
        return now - self._seconds

    async def sweep(self, job: Job, state: State | None, now: float) -> None:
        """Ends a deletion that was begun, and deletes what is due. What the tracker forgot ended long ago."""
        if job.file_deleted_at is None:
            until = self.file(job, state).kept_until
            if state is not None and (until is None or until > now):
                return
            await self._store.delete_file(job.workspace, job.id, now)
        await self._complete(job)


def _check_ended(state: State | None) -> None:
    if state is None or state.status not in TERMINAL:
        raise Rejected("not_ended", "This import still runs. Cancel it first, or let it end.")
