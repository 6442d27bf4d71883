"""A job: one import as the jobs service knows it, the request and how far its upload has come."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.core.events import Source
from app.core.imports import Failure, State
from app.core.reading.plan import Plan

Phase = Literal["open", "ended", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of `jobs.imports`.

    `received` counts the bytes of the original file that are safe, `checksum` is their crc32c. Until the plan
    is complete they are all in `head`; afterwards `cutter` (the cutter's state, encoded) holds what is not yet in
    an acknowledged segment, and is None as long as not even `head` was cut. `ended`: no byte is missing.
    `told`: the fact that ends the upload is acknowledged.
    The bytes of a container are `spooled`: in a file of the web process that took them. `contents` says how what is in
    it is read, encoded, from when that was decided. By `head_hash` (SHA-256) the beginning of a file is known again.
    `file_key` is the key that its segments are sealed under, wrapped; None once the file is deleted for good, and of
    imports older than such keys.
    """

    workspace: UUID
    id: UUID
    request_hash: bytes
    order_second: int
    source: Source
    name: str
    size: int | None
    channel: str | None
    requested_by: str
    requested_at: float
    given: Plan | None
    version: int
    phase: Phase
    told: bool
    received: int
    checksum: int
    plan: Plan | None
    head: bytes | None
    cutter: bytes | None
    failure: Failure | None
    cancelled_by: str | None
    spooled: bool = False
    contents: bytes | None = None
    head_hash: bytes | None = None
    file_key: bytes | None = None
    file_deleted_at: float | None = None

    @property
    def complete(self) -> bool:
        """Every byte of the file is safe."""
        return self.phase == "ended" or (self.phase == "open" and self.size is not None and self.received == self.size)

    @property
    def sealed(self) -> bool:
        """Every byte is in an acknowledged segment, and the world knows how many there are."""
        return self.phase == "ended" and self.told


def requested(job: Job) -> State:
    """The state of an import as its request was answered: always the same."""
    return State(
        id=job.id,
        workspace=job.workspace,
        source=job.source,
        name=job.name,
        channel=job.channel,
        size=job.size,
        plan=job.given,
        requested_by=job.requested_by,
        requested_at=job.requested_at,
    )


def state(job: Job) -> State:
    """What is known of an import before the tracker has told anything."""
    first = requested(job)
    return State(
        **{name: getattr(first, name) for name in first.__struct_fields__}
        | {
            "bytes_received": job.received,
            "plan": job.plan or job.given,
            "status": "failed" if job.failure else "requested",
            "error": job.failure,
        }
    )
