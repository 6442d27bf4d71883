"""One stretch of an upload: bytes of a file on their way into segments.

Whoever cuts them, in whatever pieces they arrive, the segments are the same: a cut depends on the bytes and the plan
only. So anybody may go on where another one stopped, and what both produced does no harm.

collect the head ──▶ complete the plan, store it ──▶ cut, produce ──▶ store how far it is ──▶ ... ──▶ end, seal

A container (workbook, ZIP) can be read only when all of it is there: its bytes go to the spool, all else comes at the
end.

spool ──▶ store how far it is ──▶ ... ──▶ end ──▶ unpack ──▶ complete the plans, store them ──▶ cut, produce ──▶ seal
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import IO, Protocol, TypeVar
from uuid import UUID

import msgspec
from crc32c import crc32c

from app.backlog import Backlog
from app.bus import acknowledged
from app.core.errors import Rejected
from app.core.imports import Failure
from app.core.reading.cutting import Cut, Cutter, CutterState
from app.core.reading.plan import Plan
from app.core.reading.plans import Completion
from app.core.topics import BULK, EXPRESS, segment_topic
from app.jobs import metrics
from app.jobs.containers.child import Texts, Unpacker
from app.jobs.containers.contents import Contents, understand
from app.jobs.containers.parts import BEGINNING_BYTES, HEAD_BYTES, MAX_CONTAINER_BYTES, is_container, too_large
from app.jobs.containers.segmenting import Segmenter
from app.jobs.containers.spool import Spooled
from app.jobs.jobs import Job, Phase
from app.jobs.outlet import Acknowledgement, Outlet, Piece
from app.jobs.store import Overtaken, Store

IN_FLIGHT_BYTES = 2 * 1024 * 1024
"""So much of one upload may be on its way to Kafka; with its copies in the producer that stays below 8 MB."""

TELL_SECONDS = 0.25

T = TypeVar("T")


class Reader(Protocol):
    """Knows how files are to be understood in a workspace."""

    def complete(self, job: Job, head: bytes, whole: bool) -> Plan:
        """The completed plan, from the head of the file (`whole`: all of it). Takes a moment. Raises Rejected."""

    def look(self, workspace: UUID, head: bytes, *, whole: bool, given: Plan | None) -> Completion:
        """The same for one text of a container. Takes a moment. Raises Rejected."""

    async def remember(self, job: Job) -> None:
        """A person's mapping worked for this job; the next file of its kind may use it."""


_states = msgspec.msgpack.Decoder(CutterState)
_contents = msgspec.msgpack.Decoder(Contents)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far the upload is once these segments, and all before them, are acknowledged."""

    segments: Sequence[Acknowledgement]
    received: int
    checksum: int
    cutter: bytes

    @property
    def reached(self) -> bool:
        return all(segment.done() for segment in self.segments)


class Upload:
    """Takes bytes until `pause` or `finish`, after `begin`. `job` must be claimed; it is always the row as last stored.

    Every method may raise Overtaken (another one writes this upload now), TryAgain (what is stored is true, go on
    from there later) and Rejected (the file is unusable; that was stored and told already).
    """

    def __init__(
        self, job: Job, store: Store, outlet: Outlet, backlog: Backlog, reader: Reader, unpacker: Unpacker
    ) -> None:
        self.job = job
        self.received = job.received
        self.checksum = job.checksum
        self._store = store
        self._outlet = outlet
        self._backlog = backlog
        self._reader = reader
        self._unpacker = unpacker
        self._spooled: Spooled | None = None
        self.closed = False
        self._head = bytearray(job.head or b"")
        self._cutter: Cutter | None = None
        if job.cutter is not None:
            assert job.plan is not None
            self._cutter = Cutter(job.plan, _states.decode(job.cutter))
        # What is on its way, oldest first, the task that stores it once it is acknowledged, and its size.
        self._marks: deque[_Mark] = deque()
        self._keeper: asyncio.Task[None] | None = None
        self._flying_bytes = 0
        self._landed = asyncio.Event()
        # Between a step into the file and its last segment the cutter is ahead of what was sent.
        self._ahead = False
        self._stopped = False
        self._told_plan = False
        self._told_at = 0.0

    async def begin(self) -> Job:
        """Finds what is in the spool. If it is not here (another web process took it), the upload begins anew."""
        if not self.job.spooled or self.job.told:
            return self.job
        self._spooled = await self._unpacker.spool.resume(self.job.workspace, self.job.id, self.received, self.checksum)
        if self._spooled is None:
            self.received = self.checksum = 0
            anew = replace(self.job, phase="open", spooled=False, received=0, checksum=0, plan=None)
            self.job = await self._store.keep(anew, time.time())
        return self.job

    async def take(self, data: bytes) -> None:
        """The next bytes of the file."""
        self.checksum = crc32c(data, self.checksum)
        self.received += len(data)
        metrics.BYTES.inc(len(data))
        if self._cutter is not None:
            await self._feed(self._cutter, data)
            return
        if self._spooled is not None:
            await self._put_away(self._spooled, data)
            return
        self._head += data
        if len(self._head) >= BEGINNING_BYTES and is_container(bytes(self._head[:BEGINNING_BYTES])):
            await self._put_away(await self._spool(), b"")
        elif len(self._head) > HEAD_BYTES:
            await self._understand(whole=False)

    async def pause(self) -> Job:
        """The request is over, the file is not: everything taken is safe afterwards.

        After a step that was cancelled only what is known to be acknowledged counts.
        """
        if self._ahead:
            await self.close()
            return self.job
        await self._land()
        if self.received != self.job.received:
            await self._keep(self._phase())
            await self._tell_received(now=True)
        return self.job

    async def finish(self) -> Job:
        """The file is complete: everything is cut, acknowledged and sealed afterwards."""
        if self._cutter is None and is_container(bytes(self._head[:BEGINNING_BYTES])):
            await self._spool()
        if self._spooled is not None:
            return await self._finish_container(self._spooled)
        cutter = self._cutter or await self._understand(whole=True)
        if self.job.phase != "ended":
            await self._land()
            await self._keep("ended")
        self._ahead = True
        last = await self._produce(self._own(await self._or_fail(cutter.end)))
        await self._land()
        await acknowledged(last)
        state = cutter.state
        return await self._seal(segments=state.index, size=state.offset, lines=state.lines)

    async def fail(self, error: Rejected) -> None:
        """The file is unusable: stores and tells why."""
        if self.job.phase != "failed":
            await self._land()
            failure = Failure(code=error.code, detail=error.detail)
            failed = replace(self.job, phase="failed", failure=failure, head=None, cutter=None)
            self.job = await self._store.keep(failed, time.time())
            metrics.FAILED.labels(error.code).inc()
        await self._outlet.failed(self.job)
        self.job = await self._store.keep(replace(self.job, told=True), time.time())
        await self._forget_container()

    def stop(self) -> None:
        """Another one writes this upload now: nothing more is produced here, and nobody waits for room."""
        self._stopped = True
        self._backlog.wake(self.job.workspace)

    async def close(self) -> None:
        """Leaves nothing running; what was not stored is as if it had never come."""
        flying = [segment for mark in self._marks for segment in mark.segments]
        self._marks.clear()
        await asyncio.gather(*flying, *([self._keeper] if self._keeper else []), return_exceptions=True)
        if self._spooled is not None:
            self._spooled.close()
        self.closed = True

    async def _understand(self, *, whole: bool) -> Cutter:
        """Completes the plan from the head, stores it before anything is cut by it, and cuts the head."""
        head = bytes(self._head)
        if self.job.plan is None:
            try:
                plan = await asyncio.to_thread(
                    self._reader.complete, self.job, head[:HEAD_BYTES], len(head) <= HEAD_BYTES
                )
            except Rejected as error:
                await self.fail(error)
                raise
            self.job = replace(self.job, plan=plan, head_hash=head_hash(head))
            await self._keep(self._phase(whole=whole))
            await self._reader.remember(self.job)
        assert self.job.plan is not None
        await self._tell_received(now=True)
        self._cutter = Cutter(self.job.plan, None)
        self._head.clear()
        await self._feed(self._cutter, head)
        return self._cutter

    async def _feed(self, cutter: Cutter, data: bytes) -> None:
        self._ahead = True
        cuts = await self._or_fail(lambda: cutter.feed(data))
        segments = await self._produce(self._own(cuts))
        self._ahead = False
        if cuts:
            self._marks.append(_Mark(segments, self.received, self.checksum, _encoded(cutter)))
            if self._keeper is None:
                self._keeper = asyncio.create_task(self._keep_up(), name=f"progress of {self.job.id}")
        if self._keeper is not None and self._keeper.done():
            keeper, self._keeper = self._keeper, None
            keeper.result()

    async def _spool(self) -> Spooled:
        """The file is a container: what came of it goes to the spool."""
        self._spooled = await self._unpacker.spool.begin(self.job.workspace, self.job.id)
        await self._spooled.write(bytes(self._head))
        self._head.clear()
        return self._spooled

    async def _put_away(self, spooled: Spooled, data: bytes) -> None:
        """The next bytes of a container, as long as it may be."""
        if max(self.received, self.job.size or 0) > MAX_CONTAINER_BYTES:
            error = too_large()
            await self.fail(error)
            raise error
        if self._stopped:
            raise Overtaken
        self._ahead = True
        await spooled.write(data)
        self._ahead = False
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            await self._keep("open")
            await self._tell_received()

    async def _finish_container(self, spooled: Spooled) -> Job:
        await self._keep("ended")
        await self._tell_received(now=True)
        try:
            async with self._unpacker.texts(spooled.file) as texts:
                contents = await self._understand_container(texts, spooled.file)
                await self._tell_received(now=True)
                segmenter = Segmenter(contents, self.received)
                flying: list[Acknowledgement] = []
                batches = segmenter.batches(texts.file)
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    flying += await self._produce(batch)
        except Rejected as error:
            await self.fail(error)
            raise
        await acknowledged(flying)
        return await self._seal(segments=segmenter.segments, size=segmenter.size, lines=segmenter.lines)

    async def _understand_container(self, texts: Texts, container: IO[bytes]) -> Contents:
        """What is in the container, as it was understood first: by that it was perhaps cut before."""
        known = None if self.job.contents is None else _contents.decode(self.job.contents)
        if known is None or known.checksum != self.checksum:
            understood = await asyncio.to_thread(
                understand,
                texts.found,
                texts.file,
                self.job.given,
                lambda head, whole, given: self._reader.look(self.job.workspace, head, whole=whole, given=given),
            )
            known = msgspec.structs.replace(understood.contents, checksum=self.checksum)
        if self.job.plan != known.plan:
            begins = head_hash(await asyncio.to_thread(_head_of, container))
            self.job = replace(self.job, plan=known.plan, contents=msgspec.msgpack.encode(known), head_hash=begins)
            await self._keep("ended")
            await self._reader.remember(self.job)
        return known

    async def _seal(self, *, segments: int, size: int, lines: int) -> Job:
        await self._outlet.sealed(self.job, segments=segments, size=size, lines=lines)
        sealed = replace(self.job, told=True, head=None, cutter=None, contents=None)
        self.job = await self._store.keep(sealed, time.time())
        await self._forget_container()
        return self.job

    async def _forget_container(self) -> None:
        if self.job.spooled or self._spooled is not None:
            await self._unpacker.spool.remove(self.job.workspace, self.job.id)

    def _own(self, cuts: Sequence[Cut]) -> list[Piece]:
        """Segments of the file itself."""
        assert self.job.plan is not None, "nothing is cut before its plan is complete"
        return [Piece(cut, self.job.plan) for cut in cuts]

    async def _produce(self, pieces: Sequence[Piece]) -> list[Acknowledgement]:
        """Sends segments, as far as memory and the workspace's share of the log have room for them."""
        sent = []
        for piece in pieces:
            cut = piece.cut
            while self._flying_bytes > IN_FLIGHT_BYTES:
                self._landed.clear()
                await self._landed.wait()
            if segment_topic(cut.index, self.job.size) is BULK:
                await self._backlog.room(self.job.workspace, unless=lambda: self._stopped)
            elif cut.index:  # the very first is always urgent
                await self._backlog.room(self.job.workspace, unless=lambda: self._stopped, express=True)
            if self._stopped:
                raise Overtaken
            sent.append(await self._send(piece))
        return sent

    async def _send(self, piece: Piece) -> Acknowledgement:
        cut = piece.cut
        size = len(cut.data)

        def landed(segment: Acknowledgement) -> None:
            self._flying_bytes -= size
            self._landed.set()
            if not segment.cancelled():
                segment.exception()  # whoever waits is told; asyncio need not complain if nobody does

        segment = await self._outlet.segment(self.job, piece, crc32c(cut.data))
        self._flying_bytes += size
        segment.add_done_callback(landed)
        self._backlog.produced(
            self.job.workspace, self.job.id, cut.index + 1, express=segment_topic(cut.index, self.job.size) is EXPRESS
        )
        metrics.SEGMENTS.inc()
        return segment

    async def _keep_up(self) -> None:
        """Stores how far the upload is whenever segments are acknowledged; what is overtaken by more is left out."""
        while self._marks:
            mark = self._marks.popleft()
            await acknowledged(mark.segments)
            passed: list[Acknowledgement] = []
            while self._marks and self._marks[0].reached:
                mark = self._marks.popleft()
                passed += mark.segments
            await acknowledged(passed)
            kept = replace(self.job, received=mark.received, checksum=mark.checksum, cutter=mark.cutter, head=None)
            self.job = await self._store.keep(kept, time.time())
            await self._tell_received()
        self._keeper = None

    async def _land(self) -> None:
        """Waits until every segment is acknowledged and nobody is storing."""
        flying = [segment for mark in self._marks for segment in mark.segments]
        self._marks.clear()
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            await keeper
        await acknowledged(flying)

    async def _keep(self, phase: Phase) -> None:
        """Stores everything that was taken; every segment must be acknowledged."""
        if self._spooled is not None:
            await self._spooled.sync()
        kept_elsewhere = self._spooled is not None or self._cutter is not None
        kept = replace(
            self.job,
            phase=phase,
            received=self.received,
            checksum=self.checksum,
            head=None if kept_elsewhere else bytes(self._head),
            cutter=None if self._cutter is None else _encoded(self._cutter),
            spooled=self._spooled is not None,
        )
        self.job = await self._store.keep(kept, time.time())

    def _phase(self, *, whole: bool = False) -> Phase:
        return "ended" if whole or self.received == self.job.size else "open"

    async def _tell_received(self, *, now: bool = False) -> None:
        """At most four times a second, and the plan once."""
        if now or time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            plan = self.job.plan is not None and not self._told_plan
            self._told_plan = self._told_plan or plan
            await self._outlet.received(self.job, plan=plan)

    async def _or_fail(self, read: Callable[[], T]) -> T:
        """What `read` makes of the file; if it can make nothing of it, the import ends here."""
        try:
            return read()
        except Rejected as error:
            await self.fail(error)
            raise


def head_hash(head: bytes) -> bytes:
    """By this the beginning of a file, given as much of it as there is, is known again."""
    return sha256(head[:HEAD_BYTES]).digest()


def _head_of(container: IO[bytes]) -> bytes:
    container.seek(0)
    return container.read(HEAD_BYTES)


def _encoded(cutter: Cutter) -> bytes:
    return msgspec.msgpack.encode(cutter.state)
