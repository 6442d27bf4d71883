"""Telling every service whose access ended, so that sockets close within a second.

An ending is committed first, in one transaction with the row that says it is still to be told, and told after: a
crash between the two leads to telling again, and telling twice is harmless.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from app import bus
from app.core.errors import TryAgain
from app.core.events import Revocation
from app.core.topics import REVOCATIONS, Topic

PATIENCE_SECONDS = 5.0
"""So long whoever ended something waits for Kafka; afterwards it is told without them."""


class Untold(Protocol):
    """What is needed of the store."""

    async def endings(self) -> list[str]: ...

    async def told(self, holders: Sequence[str]) -> None: ...


class Publisher(Protocol):
    async def publish(self, topic: Topic | str, *, key: bytes | None, value: bytes | None) -> None: ...


class Endings:
    """`tell` for the one who waits, `run` for what nobody could be told of at once, or by a process before us."""

    def __init__(
        self,
        store: Untold,
        producer: Publisher,
        forget: Callable[[str], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._producer = producer
        self._forget = forget
        self._patience = patience
        self._late = asyncio.Event()
        self._late.set()

    async def tell(self, holders: Sequence[str]) -> None:
        """Returns when Kafka has the revocations of these holders, whose ends are committed. Raises TryAgain."""
        for holder in holders:
            self._forget(holder)
        try:
            async with asyncio.timeout(self._patience):
                await self._tell_all()
        except (TimeoutError, TryAgain) as error:
            self._late.set()
            raise TryAgain(f"the end of an access is told later: {error}") from error

    async def run(self) -> None:
        """Tells what is late, until it is cancelled."""
        while True:
            await self._late.wait()
            self._late.clear()
            await bus.forever(self._tell_all, "telling whose access ended")

    async def _tell_all(self) -> None:
        due = await self._store.endings()
        for holder in due:
            value = msgspec.json.encode(Revocation(holder=holder, at=time.time()))
            await self._producer.publish(REVOCATIONS, key=holder.encode(), value=value)
        if due:
            await self._store.told(due)
