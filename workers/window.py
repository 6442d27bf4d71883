"""Many records in hand at a time, acknowledged in the order in which they came; `by_key` those of one key in order.

For handlers that mostly wait for somebody else. Faust commits past work in flight when acknowledgements come out of
order, so a record that is dealt with waits for those before it on its partition: what is committed is always done.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from workers.harness import Record

Take = Callable[[Record], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Held:
    acknowledge: Callable[[], object]
    done: bool = False


class Window:
    """`take` deals with a record and never raises (harness.py); at most `most` are not yet acknowledged."""

    def __init__(self, take: Take, most: int, *, by_key: bool = True) -> None:
        self._take = take
        self._by_key = by_key
        self._room = asyncio.Semaphore(most)
        self._held: dict[tuple[str, int], deque[_Held]] = {}
        self._last: dict[tuple[str, int, bytes | None], asyncio.Task[None]] = {}

    async def put(self, record: Record, acknowledge: Callable[[], object]) -> None:
        """Takes a record in hand; waits while there is no room. `acknowledge` is called once, when its turn comes."""
        await self._room.acquire()
        held = _Held(acknowledge)
        self._held.setdefault((record.topic, record.partition), deque()).append(held)
        key = record.topic, record.partition, record.key if self._by_key else str(record.offset).encode()
        before = self._last.get(key)
        task = asyncio.create_task(self._handle(record, held, before))
        self._last[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))

    async def _handle(self, record: Record, held: _Held, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self._take(record)
        held.done = True
        queue = self._held[record.topic, record.partition]
        while queue and queue[0].done:
            queue.popleft().acknowledge()
            self._room.release()

    def _forget(self, key: tuple[str, int, bytes | None], task: asyncio.Task[None]) -> None:
        if self._last.get(key) is task:
            del self._last[key]
        if not task.cancelled():
            task.exception()  # `take` never raises; if it could, this record would never be acknowledged
