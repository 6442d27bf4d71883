"""What the jobs service says on the log: segments of files, and facts about imports."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import msgspec

from app.bus import acknowledged
from app.core.events import (
    CancelRequested,
    Fact,
    ImportKey,
    Received,
    Requested,
    Sealed,
    SegmentHeader,
    SourceFailed,
)
from app.core.reading.cutting import Cut
from app.core.reading.plan import Plan
from app.core.topics import BULK, FACTS, KEYS, Topic, segment_topic, spread
from app.jobs.jobs import Job
from app.sealing import Files

log = logging.getLogger(__name__)
Acknowledgement = asyncio.Future[object]


class Sends(Protocol):
    """What is needed of `app.bus.Producer`."""

    async def send(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> Acknowledgement: ...

    async def partitions(self, topic: Topic) -> int: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A cut and what it takes to read it. Of a ZIP archive: the file it is of, and whether that one begins here."""

    cut: Cut
    plan: Plan
    member: str = ""
    begins: bool = False


class Outlet:
    """Facts and segments of jobs, told as `site`. Every method may raise TryAgain.

    Segments are sealed under the keys of their files, which everybody else is told before.
    """

    def __init__(self, producer: Sends, files: Files, site: str) -> None:
        self._producer = producer
        self._files = files
        self._site = site

    async def segment(self, job: Job, piece: Piece, crc: int) -> Acknowledgement:
        """Produces one segment; what comes back resolves when every replica has it."""
        cut = piece.cut
        header = SegmentHeader(
            workspace=job.workspace,
            import_id=job.id,
            index=cut.index,
            order_second=job.order_second,
            start=cut.start,
            end=cut.end,
            first_line=cut.first_line,
            crc32c=crc,
            plan=piece.plan,
            opens=cut.opens,
            continues=cut.continues,
            site=self._site,
            source=job.source,
            member=piece.member,
            begins=piece.begins,
        )
        topic = segment_topic(cut.index, job.size)
        partition = None
        if topic is BULK:
            partition = spread(job.id, cut.index, await self._producer.partitions(BULK))
        value: bytes = cut.data
        headers = [("segment", msgspec.json.encode(header))]
        if job.file_key is not None:
            value, headers = self._files.seal(job.file_key, job.workspace, job.id, value, headers)
        return await self._producer.send(topic, key=_key(job), value=value, headers=headers, partition=partition)

    async def requested(self, job: Job) -> None:
        """Tells the key of its file, and then that an import was asked for, always in the same words."""
        if job.file_key is not None and job.file_deleted_at is None:
            await self.key(job, job.file_key)
        await self._tell(
            Requested(
                workspace=job.workspace,
                import_id=job.id,
                at=job.requested_at,
                site=self._site,
                source=job.source,
                name=job.name,
                order_second=job.order_second,
                requested_by=job.requested_by,
                channel=job.channel,
                size=job.size,
                plan=job.given,
            )
        )

    async def key(self, job: Job, wrapped: bytes) -> None:
        """Tells the key of a file, which must not be deleted."""
        key = ImportKey(
            workspace=job.workspace, import_id=job.id, at=job.requested_at, site=self._site, wrapped=wrapped
        )
        await acknowledged([await self._producer.send(KEYS, key=_key(job), value=msgspec.json.encode(key))])

    async def received(self, job: Job, *, plan: bool) -> None:
        """Tells how many bytes are safe, with the completed plan if `plan`; does not wait for the acknowledgement."""
        future = await self._send(self._received(job, plan=plan))
        future.add_done_callback(_noticed)

    async def sealed(self, job: Job, *, segments: int, size: int, lines: int) -> None:
        """Tells that the input is complete: `size` is in bytes of text."""
        sealed = Sealed(
            workspace=job.workspace,
            import_id=job.id,
            at=time.time(),
            site=self._site,
            segments=segments,
            bytes=size,
            lines=lines,
        )
        await self._tell(self._received(job, plan=True), sealed)

    async def failed(self, job: Job) -> None:
        """Tells why the input ended badly."""
        assert job.failure is not None
        await self._tell(
            SourceFailed(
                workspace=job.workspace,
                import_id=job.id,
                at=time.time(),
                site=self._site,
                code=job.failure.code,
                detail=job.failure.detail,
            )
        )

    async def cancelled(self, workspace: UUID, import_id: UUID, by: str) -> None:
        """Tells that a person does not want this import any more."""
        await self._tell(
            CancelRequested(workspace=workspace, import_id=import_id, at=time.time(), site=self._site, by=by)
        )

    async def file_deleted(self, workspace: UUID, import_id: UUID) -> None:
        """Takes the key of a file away from everybody."""
        whose = [("workspace", str(workspace).encode())]
        await acknowledged([await self._producer.send(KEYS, key=str(import_id).encode(), value=None, headers=whose)])

    def _received(self, job: Job, *, plan: bool) -> Received:
        return Received(
            workspace=job.workspace,
            import_id=job.id,
            at=time.time(),
            site=self._site,
            bytes=job.received,
            plan=job.plan if plan else None,
        )

    async def _tell(self, *facts: Fact) -> None:
        await acknowledged([await self._send(fact) for fact in facts])

    async def _send(self, fact: Fact) -> Acknowledgement:
        return await self._producer.send(FACTS, key=str(fact.import_id).encode(), value=msgspec.json.encode(fact))


def _key(job: Job) -> bytes:
    return str(job.id).encode()


def _noticed(future: Acknowledgement) -> None:
    """Progress that got lost is told again with the next; the log should know."""
    if not future.cancelled() and future.exception() is not None:
        log.warning("progress of an upload was not acknowledged", extra={"why": str(future.exception())})
