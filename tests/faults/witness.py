"""A socket that is watched: every frame of one channel with its time, over all reconnects, by the public protocol."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

import httpx
import websockets

from bench.client import Client

OPENING_SECONDS = 15
"""A connection that does not say hello within this time is given up."""
SILENCE = 1.5
"""So many heartbeats without a frame mean that the connection is dead."""
FRESH_SECONDS = 60
"""A token is renewed when it has no longer than this."""
LONGEST_PAUSE = 5.0
"""Between two attempts; the page waits up to 30 s, here the gateway's return is what is measured."""
FIRST_ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame. `at` is Unix seconds, `socket` counts the connections of one witness from 1."""

    at: float
    socket: int
    frame: dict[str, Any]


class Witness:
    """Listens to one channel as the page does: answers pings, comes back with epoch and offset, renews its token.

    `frames` is everything it heard but pings, `states` the newest state of each import (by id), `ends` (time, close
    code) of each lost connection, 1006 where nothing was said. `refused` is the code of a close, or of an error frame,
    that forbids to come back. `gaps` counts events whose predecessor was missing: then it asks anew, as the page does.
    """

    def __init__(self, client: Client, channel: dict[str, Any], workspace: UUID, name: str = "") -> None:
        """`channel` is the answer of `POST /api/v1/channels` to `client`, who belongs to `workspace`."""
        self.client = client
        self.channel = channel
        self.workspace = workspace
        self.name = name
        self.frames: list[Heard] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.ends: list[tuple[float, int]] = []
        self.refused: int | str | None = None
        self.gaps = 0
        self._headers = {"Authorization": client.http.headers["authorization"]}
        self._random = Random(name)
        self._position: dict[str, Any] = {}
        self._asked = False
        self._socket = 0
        self._changed = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Witness":
        """Listens from here on; comes back when the first `subscribed` was heard. Raises TimeoutError after 30 s."""
        self._listening = asyncio.create_task(self._listen(), name=f"witness {self.name}")
        await self._wait(lambda: bool(self._position), FIRST_ANSWER_SECONDS)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes its socket."""
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def until(self, import_id: str, reached: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any]:
        """Waits for a state of this import that satisfies `reached`. Raises TimeoutError."""
        await self._wait(lambda: import_id in self.states and reached(self.states[import_id]), within)
        return self.states[import_id]

    async def _wait(self, good: Callable[[], bool], within: float) -> None:
        assert self._listening is not None
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: good() or self._listening is None or self._listening.done())
        if not good():
            raise TimeoutError(f"witness {self.name} was refused: {self.refused}")

    async def _listen(self) -> None:
        """Until it is refused."""
        attempt = 0
        while self.refused is None:
            began = time.time()
            code = await self._connection()
            self.ends.append((time.time(), code))
            if 4500 <= code <= 4999:
                self.refused = code
            if code == 4006:
                self.channel["expires_at"] = 0
            attempt = 0 if time.time() - began > 30 else attempt + 1
            await asyncio.sleep(self._random.uniform(0, min(LONGEST_PAUSE, 0.25 * 2**attempt)))
        async with self._changed:
            self._changed.notify_all()

    async def _connection(self) -> int:
        """One connection from its beginning to its end: the close code."""
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                await self._renew()
                socket = await websockets.connect(
                    self.channel["url"],
                    subprotocols=[websockets.Subprotocol("addressbus.v1")],
                    additional_headers=self._headers,
                    compression=None,
                    ping_interval=None,
                    max_size=None,
                )
        except (httpx.HTTPError, OSError, TimeoutError, websockets.InvalidHandshake, websockets.InvalidMessage):
            return 1006
        self._socket += 1
        try:
            return await self._heard(socket)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):  # a stopped gateway does not answer
                    await socket.close()

    async def _heard(self, socket: websockets.ClientConnection) -> int:
        silence = float(OPENING_SECONDS)
        try:
            while True:
                async with asyncio.timeout(silence):
                    frame = json.loads(await socket.recv())
                if frame["type"] == "ping":
                    await socket.send('{"type":"pong"}')
                    if self.channel["expires_at"] - time.time() < FRESH_SECONDS:
                        await self._refresh(socket)
                    continue
                self.frames.append(Heard(time.time(), self._socket, frame))
                if frame["type"] == "hello":
                    silence = SILENCE * frame["heartbeat"]
                    await self._ask(socket)
                elif frame["type"] == "error":
                    if frame["temporary"]:
                        return 1006
                    self.refused = frame["code"]
                    return 1000
                elif frame["type"] == "subscribed":
                    self._asked = False
                    await self._take(frame, [*frame["states"], *(event["state"] for event in frame["events"])])
                elif frame["type"] == "event" and not self._asked and not self._is_old(frame):
                    if self._follows(frame):
                        await self._take(frame, [frame["state"]])
                    else:
                        self.gaps += 1
                        await self._ask(socket)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
        except (OSError, TimeoutError):
            return 1006

    async def _ask(self, socket: websockets.ClientConnection) -> None:
        ticket = {"channel": self.channel["channel"], "token": self.channel["token"]}
        self._asked = True
        await socket.send(json.dumps({"type": "subscribe", "id": 1, **ticket, **self._position}))

    def _is_old(self, frame: dict[str, Any]) -> bool:
        return bool(frame["epoch"] == self._position["epoch"] and frame["offset"] <= self._position["offset"])

    def _follows(self, frame: dict[str, Any]) -> bool:
        """Whether nothing is missing before this event."""
        return bool(frame["previous"] == (self._position["offset"] if frame["epoch"] == self._position["epoch"] else 0))

    async def _take(self, frame: dict[str, Any], states: list[dict[str, Any]]) -> None:
        async with self._changed:
            self._position = {"epoch": frame["epoch"], "offset": frame["offset"]}
            for state in states:
                if state["version"] > self.states.get(state["id"], {"version": -1})["version"]:
                    self.states[state["id"]] = state
            self._changed.notify_all()

    async def _renew(self) -> None:
        """A new token, if this one will not last."""
        if self.channel["expires_at"] - time.time() < FRESH_SECONDS:
            self.channel = await self.client.channel(channel=self.channel["channel"])

    async def _refresh(self, socket: websockets.ClientConnection) -> None:
        try:
            await self._renew()
        except httpx.HTTPError:
            return  # the gateway ends the socket when the token does, and then we ask again
        ticket = {"channel": self.channel["channel"], "token": self.channel["token"]}
        await socket.send(json.dumps({"type": "refresh", "id": 2, **ticket}))
