"""A TCP proxy that breaks what passes through it; its verbs are those of toxiproxy.

A client connects to `Proxy.port` instead of its server. While a toxic is in force it acts on every piece of data, on
connections that are open and on those to come; `of` narrows it to some clients, known by the port they come from.
"""

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

PIECE_BYTES = 65_536
WAITING_PIECES = 16
"""So many pieces of a direction are in memory at most."""
Direction = Literal["up", "down"]
"""`up` is from the client to the server."""
BOTH: tuple[Direction, Direction] = ("up", "down")


class Closed(Exception):
    """A toxic ended this connection."""


@dataclass(eq=False)
class Link:
    """One connection through the proxy: the client's port, and both of its halves."""

    client_port: int
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter

    def reset(self) -> None:
        """Ends both halves with a RST, as the death of a machine or a firewall does."""
        for writer in (self.near, self.far):
            with contextlib.suppress(OSError):
                opened = writer.get_extra_info("socket")
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@dataclass(eq=False)
class Toxic:
    """What happens to each piece of data. `of` is asked once per connection, with the client's port."""

    of: Callable[[int], bool] = lambda port: True
    directions: tuple[Direction, ...] = BOTH
    healed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _hit: dict[Link, bool] = field(default_factory=dict, init=False)

    def hits(self, link: Link, direction: Direction) -> bool:
        if direction not in self.directions:
            return False
        if link not in self._hit:
            self._hit[link] = self.of(link.client_port)
        return self._hit[link]

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        """Called before so many bytes, read at `read_at` (monotonic), are passed on. Raises Closed."""

    async def close(self, link: Link) -> None:
        """Called before the end of a stream is passed on. Raises Closed."""

    async def _wait(self, seconds: float) -> None:
        """Waits so long, or until the toxic is taken away."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.healed.wait(), seconds)


@dataclass(eq=False)
class Latency(Toxic):
    """Every piece comes so many seconds later, more or less `jitter`; their order stays."""

    seconds: float = 0.1
    jitter: float = 0.0

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        due = read_at + self.seconds + random.uniform(-self.jitter, self.jitter)
        await self._wait(max(0.0, due - time.monotonic()))


@dataclass(eq=False)
class Bandwidth(Toxic):
    """So many bytes a second and no more, for each connection."""

    rate: int = 65_536

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        await self._wait(size / self.rate)


@dataclass(eq=False)
class Cut(Toxic):
    """Nothing passes any more, and nobody is told. What was held arrives late, when the cut is healed.

    With `lost` it never does: the connection is reset instead, as when TCP has given up.
    """

    lost: bool = False

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        await self.healed.wait()
        if self.lost:
            raise Closed

    async def close(self, link: Link) -> None:
        await self.treat(link, 0, 0.0)


@dataclass(eq=False)
class Timeout(Toxic):
    """Nothing passes, and after so many seconds the connection is closed."""

    seconds: float = 1.0

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        await asyncio.sleep(self.seconds)
        raise Closed


@dataclass(eq=False)
class Reset(Toxic):
    """The next piece ends the connection with a RST instead of arriving, `chance` of all pieces being such."""

    chance: float = 1.0

    async def treat(self, link: Link, size: int, read_at: float) -> None:
        if random.random() < self.chance:
            raise Closed


@dataclass(eq=False)
class SlowClose(Toxic):
    """The end of a stream is told so many seconds late."""

    seconds: float = 1.0

    async def close(self, link: Link) -> None:
        await self._wait(self.seconds)


class Proxy:
    """Listens on `port` of the loopback interface and passes everything on to `server` (a port there)."""

    def __init__(self, port: int, server: int) -> None:
        self.port = port
        self.server = server
        self.links: set[Link] = set()
        self._toxics: list[Toxic] = []
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        """Listens. Raises OSError when the port is taken."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=PIECE_BYTES)
            if self.port == 0:
                self.port = self._listener.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuses every connection from now on and resets those that are open; `up` ends that."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for link in list(self.links):
            link.reset()

    async def stop(self) -> None:
        """Ends all of it."""
        await self.down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def poisoned(self, toxic: Toxic) -> AsyncIterator[None]:
        """The toxic is in force while the body runs."""
        self._toxics.append(toxic)
        try:
            yield
        finally:
            self._toxics.remove(toxic)
            toxic.healed.set()

    async def _accepted(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, near)
        except asyncio.CancelledError:
            near.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.server, limit=PIECE_BYTES)
        except OSError:
            near.transport.abort()
            return
        link = Link(near.get_extra_info("peername")[1], near, far)
        if self._listener is None:  # it went down while we were connecting
            link.reset()
            return
        self.links.add(link)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(link, "up", reader, far))
                both.create_task(self._pass(link, "down", far_reader, near))
        except* (Closed, OSError):
            link.reset()
        finally:
            self.links.discard(link)
            near.close()
            far.close()

    async def _pass(
        self, link: Link, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction: read at once, passed on as the toxics let it."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_PIECES)

        async def read() -> None:
            data = b"?"
            while data:
                data = await reader.read(PIECE_BYTES)
                await waiting.put((time.monotonic(), data))

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            while True:
                read_at, data = await waiting.get()
                for toxic in list(self._toxics):
                    if toxic.hits(link, direction):
                        await (toxic.treat(link, len(data), read_at) if data else toxic.close(link))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
