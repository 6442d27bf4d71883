"""`python -m bench.fleet_process`: thousands of sockets in one cheap process, which raw frames are counted by.

The first line of its input says what to open (JSON, `Order`); every further line asks for a `Report`. Like the page,
a socket that was lost comes back with full jitter and the position it had, unless it was told not to.
"""

import asyncio
import collections
import contextlib
import itertools
import os
import random
import secrets
import sys
import time
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import uvloop

from app.core import channels
from app.core.channels import Keys

SOCKETS_EACH = 10
"""So many sockets may one credential have open."""

OPENING_AT_ONCE = 64
SLOWEST = 8.0
"""Seconds of jitter at most; the page's 30 would only make everyone wait."""


class Order(msgspec.Struct):
    """`sockets` listeners of `rooms` (workspace, channel), one room each in turn; without rooms they only connect.

    `comes_back`: whether a lost socket is opened again.
    """

    url: str
    sockets: int
    keys: str = ""
    rooms: list[tuple[UUID, str]] = []
    comes_back: bool = False


class Ending(msgspec.Struct, frozen=True):
    """How an import stands for a socket."""

    id: str
    version: int
    status: str
    visible: bool = False
    finished_at: float | None = None


class Report(msgspec.Struct):
    """What the sockets saw: `open` of them stand now, `opened` is how often one got there.

    `frames` counts events, `gaps` those that did not follow the one before, `codes` the closings by code, `endings`
    how many sockets know an import in this state, `delays` the seconds from the end of an import to each socket that
    heard of it since the last report, as a count of each tenth of a millisecond.
    """

    open: int
    opened: int
    frames: int
    gaps: int
    codes: dict[str, int]
    endings: list[tuple[Ending, int]]
    delays: dict[int, int]


class _Frame(msgspec.Struct):
    type: str
    kind: str = ""
    epoch: str = ""
    offset: int = 0
    previous: int = 0
    state: Ending | None = None
    states: list[Ending] = []


_read = msgspec.json.Decoder(_Frame).decode
_PONG = b'{"type":"pong"}'


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame. Its mask is zero, which changes nothing and costs nothing."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + bytes(4) + payload


class Fleet:
    """All of the sockets, and what they count together."""

    def __init__(self, order: Order) -> None:
        self.order = order
        url = urlsplit(order.url)
        self.host, self.port, self.path = url.hostname or "", url.port or 80, url.path or "/"
        self.comes_back = order.comes_back
        self.open = self.opened = self.frames = self.gaps = 0
        self.codes: collections.Counter[str] = collections.Counter()
        self.delays: collections.Counter[int] = collections.Counter()
        self.sockets: list[Socket] = []
        self._keys = Keys.parse(order.keys) if order.keys else None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Returns when all stand."""
        credential = ""
        for number in range(self.order.sockets):
            if number % SOCKETS_EACH == 0:
                credential = secrets.token_urlsafe(24)
            self.sockets.append(Socket(self, *self._papers(number, credential)))
        turns = iter(self.sockets)

        async def opener() -> None:
            for socket in turns:
                await socket.connect()

        await asyncio.gather(*(opener() for _ in range(OPENING_AT_ONCE)))
        while self.open < len(self.sockets):
            self._changed.clear()
            await self._changed.wait()

    def standing(self, more: int) -> None:
        self.open += more
        self.opened += more > 0
        self._changed.set()

    def report(self) -> Report:
        endings = collections.Counter(itertools.chain.from_iterable(s.known.values() for s in self.sockets))
        delays, self.delays = self.delays, collections.Counter()
        return Report(self.open, self.opened, self.frames, self.gaps, self.codes, list(endings.items()), delays)

    def _papers(self, number: int, credential: str) -> tuple[str, str, str]:
        if self._keys is None:
            return credential, "", ""
        workspace, channel = self.order.rooms[number % len(self.order.rooms)]
        ends = int(time.time()) + channels.TOKEN_SECONDS
        holder = channels.holder_of(credential)
        return credential, channel, channels.issue(self._keys, channel, workspace, holder, ends)


class Socket(asyncio.Protocol):
    """One of them: connects, subscribes, answers pings, and remembers its position."""

    def __init__(self, fleet: Fleet, credential: str, channel: str, token: str) -> None:
        self.known: dict[str, Ending] = {}
        self._fleet = fleet
        self._credential, self._channel, self._token = credential, channel, token
        self._epoch, self._offset = "", 0
        self._tries = 0
        self._stands = self._upgraded = False
        self._rest = b""
        self._code = "lost"
        self._transport: asyncio.WriteTransport

    async def connect(self) -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_connection(lambda: self, self._fleet.host, self._fleet.port)
                return
            except OSError:
                await asyncio.sleep(self._pause())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclass
        self._upgraded, self._rest, self._code = False, b"", "lost"
        lines = [
            f"GET {self._fleet.path} HTTP/1.1",
            f"Host: {self._fleet.host}:{self._fleet.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
            "Sec-WebSocket-Version: 13",
        ]
        if self._channel:
            lines += ["Sec-WebSocket-Protocol: addressbus.v1", f"Authorization: Bearer {self._credential}"]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start = 0
        if not self._upgraded:
            start = data.find(b"\r\n\r\n") + 4
            if start < 4:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._code = data[9:12].decode()
                self._transport.abort()
                return
            self._upgraded = True
            self._subscribe()
        while (end := self._frame(data, start)) > start:
            start = end
        self._rest = data[start:]

    def connection_lost(self, exc: Exception | None) -> None:
        fleet = self._fleet
        fleet.codes[self._code] += 1
        if self._stands:
            self._stands = False
            fleet.standing(-1)
        if fleet.comes_back and not "4500" <= self._code < "5000":
            asyncio.get_running_loop().call_later(self._pause(), self._again)

    def _again(self) -> None:
        task = asyncio.create_task(self.connect())
        _connecting.add(task)
        task.add_done_callback(_connecting.discard)

    def _pause(self) -> float:
        self._tries += 1
        return random.uniform(0, min(SLOWEST, 0.5 * 2**self._tries))

    def _subscribe(self) -> None:
        if not self._channel:
            self._stand()
            return
        request = {"type": "subscribe", "id": 1, "channel": self._channel, "token": self._token}
        if self._epoch:
            request |= {"epoch": self._epoch, "offset": self._offset}
        self._transport.write(masked(1, msgspec.json.encode(request)))

    def _stand(self) -> None:
        self._stands, self._tries = True, 0
        self._fleet.standing(+1)

    def _frame(self, data: bytes, start: int) -> int:
        """Takes the frame that begins here; answers where the next begins, or `start` if it is not all there."""
        if len(data) < start + 2:
            return start
        size, body = data[start + 1], start + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, body = int.from_bytes(data[body : body + width], "big"), body + width
        end = body + size
        if len(data) < end:
            return start
        if data[start] == 0x81:
            self._hear(_read(data[body:end]))
        elif data[start] == 0x88:
            self._code = str(int.from_bytes(data[body : body + 2], "big"))
            self._transport.write(masked(8, data[body : body + 2]))
            self._transport.close()
        return end

    def _hear(self, frame: _Frame) -> None:
        match frame.type:
            case "event":
                fleet = self._fleet
                fleet.frames += 1
                fleet.gaps += frame.previous != (self._offset if frame.epoch == self._epoch else 0)
                self._epoch, self._offset = frame.epoch, frame.offset
                state = frame.state
                assert state is not None
                self._learn(state)
                if frame.kind == "finished" and state.finished_at is not None:
                    fleet.delays[int((time.time() - state.finished_at) * 10_000)] += 1
            case "subscribed":
                self._epoch, self._offset = frame.epoch, frame.offset
                for state in frame.states:
                    self._learn(state)
                self._stand()
            case "ping":
                self._transport.write(masked(1, _PONG))
            case _:
                pass

    def _learn(self, state: Ending) -> None:
        known = self.known.get(state.id)
        if known is None or state.version > known.version:
            self.known[state.id] = state


_connecting: set["asyncio.Task[None]"] = set()
"""A task that nobody holds may be collected before it is done."""


async def main() -> None:
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    fleet = Fleet(msgspec.json.decode(await reader.readline(), type=Order))
    await fleet.start()
    while True:
        os.write(1, msgspec.json.encode(fleet.report()) + b"\n")
        if not await reader.readline():
            return


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())
