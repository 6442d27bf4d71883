"""Redis pub/sub: one connection that hears the channels somebody listens to, and says when it may have missed some.

redis-py reconnects in silence and loses what was published meanwhile. The only sign is a second confirmation of a
subscription, so each of those means: read the position again.
"""

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.core.errors import TryAgain
from app.gateway.cache import topic

log = logging.getLogger(__name__)

BATCH = 1000
"""Channels in one SUBSCRIBE."""

CONTROL = "addressbus:gateways"
"""Always subscribed, so that there is a connection whose loss is noticed."""

TUNE_SECONDS = 1.0
"""A subscription is confirmed within this time, or Redis counts as away."""

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


class Radio:
    """Hears rooms. `heard(name, payload)` and `missed(name)` are called from one task and must not wait."""

    def __init__(self, client: Redis, heard: Callable[[str, bytes], None], missed: Callable[[str], None]) -> None:
        self._client = client
        self._heard = heard
        self._missed = missed
        self._wanted: set[str] = set()
        self._tuned: dict[str, asyncio.Future[None]] = {}
        self._changes: set[str] = set()
        self._wake = asyncio.Event()
        self.connected = False

    async def tune(self, name: str) -> None:
        """Returns once everything published in this room will be heard. Raises TryAgain while Redis is away."""
        self._wanted.add(name)
        future = self._tuned.get(name)
        if future is None or future.cancelled():
            future = self._tuned[name] = asyncio.get_running_loop().create_future()
            self._changes.add(name)
            self._wake.set()
        try:
            await asyncio.wait_for(asyncio.shield(future), TUNE_SECONDS)
        except TimeoutError:
            raise TryAgain("Redis did not confirm a subscription") from None

    def untune(self, name: str) -> None:
        """This room is no longer of interest."""
        self._wanted.discard(name)
        self._tuned.pop(name, None)
        self._changes.add(name)
        self._wake.set()

    async def run(self) -> None:
        """Listens until it is cancelled."""
        failures = 0
        while True:
            pubsub = self._client.pubsub()
            writer: asyncio.Task[None] | None = None
            try:
                self._changes |= self._wanted
                await pubsub.subscribe(CONTROL)
                writer = asyncio.create_task(self._write(pubsub), name="radio subscriptions")
                while True:
                    # Shorter than the health check, which is only made between reads.
                    message = await pubsub.get_message(timeout=5.0)
                    if message is not None:
                        failures = 0
                        self._take(message)
                    if writer.done():
                        writer.result()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("lost Redis", extra={"why": str(error)})
            finally:
                self.connected = False
                if writer is not None:
                    writer.cancel()
                    await asyncio.gather(writer, return_exceptions=True)
                await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    async def _write(self, pubsub: PubSub) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            changes, self._changes = sorted(self._changes), set()
            for start in range(0, len(changes), BATCH):
                batch = changes[start : start + BATCH]
                tuned = [topic(name) for name in batch if name in self._wanted]
                untuned = [topic(name) for name in batch if name not in self._wanted]
                if tuned:
                    await pubsub.subscribe(*tuned)
                if untuned:
                    await pubsub.unsubscribe(*untuned)

    def _take(self, message: dict[str, object]) -> None:
        kind, channel = message["type"], message["channel"]
        if not isinstance(channel, bytes):
            return
        name = channel.decode().removeprefix(topic(""))
        if kind == "message":
            data = message["data"]
            assert isinstance(data, bytes)
            self._heard(name, data)
        elif kind == "subscribe" and name == CONTROL:
            self.connected = True
        elif kind == "subscribe":
            future = self._tuned.get(name)
            if future is not None and future.done():
                self._missed(name)
            elif future is not None:
                future.set_result(None)
