"""One stretch of an upload: bytes of a file on their way into segments.

Whoever cuts them, in whatever pieces they arrive, the segments are the same: a cut depends on the bytes and the plan
only. So anybody may go on where another one stopped, and what both produced does no harm.

collect the head ──▶ complete the plan, store it ──▶ cut, produce ──▶ store how far it is ──▶ ... ──▶ end, seal
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec
from crc32c import crc32c

from app.bus import acknowledged
from app.core.errors import Rejected
from app.core.imports import Failure
from app.core.reading.cutting import Cut, Cutter, CutterState
from app.core.reading.plan import Plan
from app.core.topics import EXPRESS_SEGMENTS
from app.jobs import metrics
from app.jobs.jobs import Job, Phase
from app.jobs.limits import Backlog
from app.jobs.outlet import Acknowledgement, Outlet
from app.jobs.store import Overtaken, Store

HEAD_BYTES = 256 * 1024
"""So much of a file is looked at to understand it."""

IN_FLIGHT_BYTES = 2 * 1024 * 1024
"""So much of one upload may be on its way to Kafka; with its copies in the producer that stays below 8 MB."""

TELL_SECONDS = 0.25

T = TypeVar("T")


class Reader(Protocol):
    """Knows how files are to be understood in a workspace."""

    def complete(self, job: Job, head: bytes, whole: bool) -> Plan:
        """The completed plan, from the head of the file (`whole`: all of it). Takes a moment. Raises Rejected."""

    async def remember(self, job: Job) -> None:
        """A person's mapping worked for this job; the next file of its kind may use it."""


_states = msgspec.msgpack.Decoder(CutterState)


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
    """Takes bytes until `pause` or `finish`. `job` must be claimed; it is always the row as last stored.

    Every method may raise Overtaken (another one writes this upload now), TryAgain (what is stored is true, go on
    from there later) and Rejected (the file is unusable; that was stored and told already).
    """

    def __init__(self, job: Job, store: Store, outlet: Outlet, backlog: Backlog, reader: Reader) -> None:
        self.job = job
        self.received = job.received
        self.checksum = job.checksum
        self._store = store
        self._outlet = outlet
        self._backlog = backlog
        self._reader = reader
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

    async def take(self, data: bytes) -> None:
        """The next bytes of the file."""
        self.checksum = crc32c(data, self.checksum)
        self.received += len(data)
        metrics.BYTES.inc(len(data))
        if self._cutter is not None:
            await self._feed(self._cutter, data)
            return
        self._head += data
        if len(self._head) > HEAD_BYTES:
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
        if self._cutter is None:
            cutter = await self._understand(whole=True)
        else:
            cutter = self._cutter
            if self.job.phase != "ended":
                await self._land()
                await self._keep("ended")
        self._ahead = True
        last = await self._produce(await self._or_fail(cutter.end))
        await self._land()
        await acknowledged(last)
        state = cutter.state
        await self._outlet.sealed(self.job, segments=state.index, size=state.offset, lines=state.lines)
        self.job = await self._store.keep(replace(self.job, told=True, head=None, cutter=None), time.time())
        return self.job

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

    def stop(self) -> None:
        """Another one writes this upload now: nothing more is produced here, and nobody waits for room."""
        self._stopped = True
        self._backlog.wake(self.job.workspace)

    async def close(self) -> None:
        """Leaves nothing running; what was not stored is as if it had never come."""
        flying = [segment for mark in self._marks for segment in mark.segments]
        self._marks.clear()
        await asyncio.gather(*flying, *([self._keeper] if self._keeper else []), return_exceptions=True)

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
            self.job = replace(self.job, plan=plan)
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
        segments = await self._produce(cuts)
        self._ahead = False
        if cuts:
            self._marks.append(_Mark(segments, self.received, self.checksum, _encoded(cutter)))
            if self._keeper is None:
                self._keeper = asyncio.create_task(self._keep_up(), name=f"progress of {self.job.id}")
        if self._keeper is not None and self._keeper.done():
            keeper, self._keeper = self._keeper, None
            keeper.result()

    async def _produce(self, cuts: Sequence[Cut]) -> list[Acknowledgement]:
        """Sends segments, as far as memory and the workspace's share of the log have room for them."""
        sent = []
        for cut in cuts:
            while self._flying_bytes > IN_FLIGHT_BYTES:
                self._landed.clear()
                await self._landed.wait()
            # The express lane is for imports that must not wait behind big ones, so they do not wait here either.
            if cut.index >= EXPRESS_SEGMENTS:
                await self._backlog.room(self.job.workspace, unless=lambda: self._stopped)
            if self._stopped:
                raise Overtaken
            sent.append(await self._send(cut))
        return sent

    async def _send(self, cut: Cut) -> Acknowledgement:
        size = len(cut.data)

        def landed(segment: Acknowledgement) -> None:
            self._flying_bytes -= size
            self._landed.set()
            if not segment.cancelled():
                segment.exception()  # whoever waits is told; asyncio need not complain if nobody does

        segment = await self._outlet.segment(self.job, cut, crc32c(cut.data))
        self._flying_bytes += size
        segment.add_done_callback(landed)
        self._backlog.produced(self.job.workspace, self.job.id, cut.index + 1)
        metrics.SEGMENTS.inc()
        return segment

    async def _keep_up(self) -> None:
        """Stores how far the upload is whenever segments are acknowledged; what is overtaken by more is left out."""
        while self._marks:
            mark = self._marks.popleft()
            await acknowledged(mark.segments)
            while self._marks and self._marks[0].reached:
                mark = self._marks.popleft()
                await acknowledged(mark.segments)
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
        if self._cutter is None:
            head, cutter = bytes(self._head), None
        else:
            head, cutter = None, _encoded(self._cutter)
        kept = replace(self.job, phase=phase, received=self.received, checksum=self.checksum, head=head, cutter=cutter)
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


def _encoded(cutter: Cutter) -> bytes:
    return msgspec.msgpack.encode(cutter.state)
