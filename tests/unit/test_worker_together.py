"""A worker that may handle records side by side does, and acknowledges them in order."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from workers import faustapp
from workers.harness import Harness, Record


class Stream:
    """Gives out events as Faust does, and knows which were acknowledged."""

    enable_acks = True

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    async def events(self) -> AsyncIterator[Any]:
        for offset in range(5):
            yield SimpleNamespace(
                message=SimpleNamespace(
                    topic="t", partition=0, offset=offset, key=b"same", value=b"", headers=[("a", b"1")]
                ),
                ack=lambda offset=offset: self.acknowledged.append(offset),
            )
            if self.enable_acks:
                self.acknowledged.append(offset)


async def run(together: int) -> tuple[list[int], int]:
    """The offsets handled, and how many were in flight at most; fails if one was acknowledged before its end."""
    stream, handled, flying, most = Stream(), [], 0, 0

    async def handle(record: Record) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        assert record.offset not in stream.acknowledged
        flying -= 1
        handled.append(record.offset)
        assert record.headers == {"a": b"1"}

    await faustapp._loop(Harness(handle, None), together, 0)(stream)  # type: ignore[arg-type]  # nothing is set aside
    async with asyncio.timeout(60):
        while len(stream.acknowledged) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert stream.acknowledged == [0, 1, 2, 3, 4]
    return handled, most


async def test_one_at_a_time_is_the_rule() -> None:
    assert await run(1) == ([0, 1, 2, 3, 4], 1)


async def test_side_by_side_so_many_are_in_flight() -> None:
    handled, most = await run(3)
    assert (sorted(handled), most) == ([0, 1, 2, 3, 4], 3)
