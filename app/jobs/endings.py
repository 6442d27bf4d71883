"""Who waits for the end of an import."""

import asyncio
from contextlib import suppress

from app.core.imports import TERMINAL, State
from app.jobs.uploads import States


class Endings:
    """`changed` hears what the tracker tells; `waiting` are those who wait, by workspace and import."""

    def __init__(self, imports: States) -> None:
        self._imports = imports
        self.waiting: dict[tuple[str, ...], set[asyncio.Future[None]]] = {}

    def changed(self, key: tuple[str, ...], new: State | None) -> None:
        if new is None or new.status in TERMINAL:
            for waiter in self.waiting.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self, key: tuple[str, ...], within: float) -> None:
        """Returns once the import has ended, or after `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._end_of(key)

    async def _end_of(self, key: tuple[str, ...]) -> None:
        while (found := self._imports.get(*key)) is None or found.status not in TERMINAL:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters = self.waiting.setdefault(key, set())
            waiters.add(waiter)
            try:
                await waiter
            finally:
                waiters.discard(waiter)
