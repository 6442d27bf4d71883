"""A small client of the public API: imports a file and watches its channel, as a browser would."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets

CHUNK_BYTES = 256 * 1024
TERMINAL = ("finished", "failed", "cancelled")


@dataclass(slots=True)
class Watched:
    """What one subscription heard: (monotonic time, frame) in order, and the newest state of each import."""

    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, import_id: str, reached: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any]:
        """Waits for a state that satisfies `reached`. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not ((state := self.states.get(import_id)) and reached(state)):
                self.changed.clear()
                await self.changed.wait()
            return state

    def take(self, frame: dict[str, Any]) -> None:
        self.frames.append((time.monotonic(), frame))
        states = frame.get("states", []) if frame["type"] == "subscribed" else [frame.get("state")]
        for state in states:
            if state and state["version"] > self.states.get(state["id"], {"version": -1})["version"]:
                self.states[state["id"]] = state
        self.changed.set()


class Client:
    """Speaks to one server with one token."""

    def __init__(self, web: str, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(base_url=web, headers=self._headers, timeout=120)

    async def close(self) -> None:
        await self.http.aclose()

    async def channel(self, **body: str) -> dict[str, Any]:
        return await self._post("/api/v1/channels", body)

    @asynccontextmanager
    async def watching(self, channel: dict[str, Any]) -> AsyncIterator[Watched]:
        """Subscribes to a channel and collects its frames while the body runs."""
        watched = Watched()
        async with websockets.connect(
            channel["url"],
            subprotocols=[websockets.Subprotocol("addressbus.v1")],
            additional_headers=self._headers,
            compression=None,
        ) as socket:
            subscribed = asyncio.Event()

            async def listen() -> None:
                async for text in socket:
                    frame = json.loads(text)
                    if frame["type"] == "ping":
                        await socket.send('{"type":"pong"}')
                        continue
                    if frame["type"] == "subscribed":
                        subscribed.set()
                    watched.take(frame)

            listening = asyncio.create_task(listen())
            request = {"type": "subscribe", "id": 1, "channel": channel["channel"], "token": channel["token"]}
            await socket.send(json.dumps(request))
            async with asyncio.timeout(20):
                await subscribed.wait()
            try:
                yield watched
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def request_import(self, name: str, key: str, **body: Any) -> dict[str, Any]:
        """POST /api/v1/imports; the answer has `id`, `state` and `upload`."""
        return await self._post(
            "/api/v1/imports", {"source": "file", "name": name, **body}, headers={"Idempotency-Key": key}
        )

    async def upload(self, url: str, path: Path) -> None:
        """PUT of the whole file, streamed."""
        answer = await self.http.put(url, content=_chunks(path), headers={"Content-Length": str(size_of(path))})
        answer.raise_for_status()

    async def cancel(self, import_id: str) -> None:
        (await self.http.post(f"/api/v1/imports/{import_id}/cancel")).raise_for_status()

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = await self.http.get(path, params=query)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def put_setting(self, name: str, value: object) -> None:
        answer = await self.http.put(f"/api/v1/settings/{name}", json={"value": value})
        answer.raise_for_status()

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=body, headers=headers)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made


def size_of(path: Path) -> int:
    """The size of a local file in bytes."""
    return path.stat().st_size


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def ended(state: dict[str, Any]) -> bool:
    """Whether an import has come to its end."""
    return state["status"] in TERMINAL


def visible(state: dict[str, Any]) -> bool:
    """Whether everything of an import can be seen in the read model."""
    return ended(state) and bool(state["visible"])
