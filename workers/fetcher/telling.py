"""What the fetcher says on the log: segments, facts, and requests for the next page or for the same one, later."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import crc32c
import msgspec

from app.bus import Producer, acknowledged
from app.core.events import (
    Fact,
    FetchRequested,
    ProviderPage,
    Received,
    Sealed,
    SegmentHeader,
    SourceFailed,
    Sweep,
)
from app.core.reading.plan import Plan
from app.core.topics import BULK, EXPRESS_SEGMENTS, FACTS, FETCHES, RETRY_DELAYS, retry_topic, segment_topic, spread
from app.keys import Keys
from workers.fetcher.store import Run

_encode = msgspec.json.Encoder().encode


class Outlet:
    """Everything is acknowledged when a method returns. Each may raise TryAgain; segments are sealed: see Keys."""

    def __init__(self, producer: Producer, keys: Keys, site: str, clock: Callable[[], float] = time.time) -> None:
        self._producer = producer
        self._keys = keys
        self._site = site
        self._clock = clock

    async def page(self, run: Run, counts: Sequence[int]) -> None:
        """The segments of the run's page; `counts` are their items."""
        assert run.page is not None
        stream, texts = run.page
        sent = []
        start, first = run.size, run.items
        page = ProviderPage(connection=run.connection, account=run.account, stream=stream, groups=_groups(run, stream))
        for index, (text, count) in enumerate(zip(texts, counts, strict=True), run.segments):
            sent.append(await self._segment(run, index, text, start, first, page))
            start, first = start + len(text), first + count
        if texts:
            plan = run.request.plan if run.segments == 0 else None
            sent.append(await self._send(self._received(run, start, plan)))
        await acknowledged(sent)

    async def sweep(self, run: Run, sweep: Sweep) -> None:
        """The last segment, which has no items."""
        page = ProviderPage(connection=run.connection, account=run.account, sweep=sweep)
        await acknowledged([await self._segment(run, run.segments, b"", run.size, run.items, page)])

    async def sealed(self, run: Run, segments: int) -> None:
        sealed = Sealed(
            workspace=run.workspace,
            import_id=run.import_id,
            at=self._clock(),
            site=self._site,
            segments=segments,
            bytes=run.size,
            lines=run.items,
        )
        await self._tell(self._received(run, run.size, run.request.plan), sealed)

    async def failed(self, request: FetchRequested, code: str, detail: str) -> None:
        """The import ends here, and why."""
        await self._tell(
            SourceFailed(
                workspace=request.workspace,
                import_id=request.import_id,
                at=self._clock(),
                site=self._site,
                code=code,
                detail=detail,
            )
        )

    async def go_on(self, request: FetchRequested) -> None:
        """Asks for a page."""
        await self._producer.publish(FETCHES, key=_key(request.connection), value=_encode(request))

    async def later(self, request: FetchRequested, due: float) -> None:
        """Asks for a page that must not be asked for before `due` (Unix seconds)."""
        now = self._clock()
        name, longest = _delay(due - now)
        until = min(due, now + longest.total_seconds())
        await self._producer.publish(
            retry_topic(FETCHES, name),
            key=_key(request.connection),
            value=_encode(msgspec.structs.replace(request, not_before=due)),
            headers=[("due", f"{until:.3f}".encode())],
        )

    async def _segment(
        self, run: Run, index: int, text: bytes, start: int, first: int, page: ProviderPage
    ) -> "asyncio.Future[object]":
        header = SegmentHeader(
            workspace=run.workspace,
            import_id=run.import_id,
            index=index,
            order_second=run.request.order_second,
            start=start,
            end=start + len(text),
            first_line=first + 1,
            crc32c=crc32c.crc32c(text),
            plan=run.request.plan,
            site=self._site,
            source=run.request.source,
            page=page,
        )
        partition = None
        if index >= EXPRESS_SEGMENTS:
            partition = spread(run.import_id, index, await self._producer.partitions(BULK))
        value, headers = await self._keys.seal(run.workspace, run.import_id, text, [("segment", _encode(header))])
        return await self._producer.send(
            segment_topic(index), key=_key(run.import_id), value=value, headers=headers, partition=partition
        )

    def _received(self, run: Run, size: int, plan: Plan | None) -> Received:
        return Received(
            workspace=run.workspace,
            import_id=run.import_id,
            at=self._clock(),
            site=self._site,
            bytes=size,
            plan=plan,
        )

    async def _tell(self, *facts: Fact) -> None:
        await acknowledged([await self._send(fact) for fact in facts])

    async def _send(self, fact: Fact) -> "asyncio.Future[object]":
        return await self._producer.send(FACTS, key=_key(fact.import_id), value=_encode(fact))


def _key(id_: UUID) -> bytes:
    return str(id_).encode()


def _delay(seconds: float) -> tuple[str, timedelta]:
    """The retry topic for a wait: the shortest that is long enough; for longer waits a record goes round again."""
    for name, delay in RETRY_DELAYS.items():
        if seconds <= delay.total_seconds():
            return name, delay
    return name, delay


def _groups(run: Run, stream: str) -> dict[str, str]:
    return run.stand.groups if stream == "connections" else {}
