"""The gateway: memory of a connection, beside a bare `websockets` server on the same machine."""

import asyncio
import json
import sys
from typing import NamedTuple

import psutil
import websockets

from app.stack.whole import Whole, free_ports
from bench.client import Client
from bench.report import Figure

SOCKETS_EACH = 10
"""So many sockets may one credential have open."""


class _Listener(NamedTuple):
    url: str
    headers: dict[str, str]
    subscribe: str


_BARE = """
import asyncio, sys, websockets
async def main():
    async def handler(socket):
        await socket.wait_closed()
    async with websockets.serve(handler, "127.0.0.1", int(sys.argv[1]), compression=None, ping_interval=None):
        await asyncio.Future()
asyncio.run(main())
"""


async def memory(client: Client, stack: Whole, connections: int) -> list[Figure]:
    """Resident memory per subscribed connection."""
    people = [await _listener(client, stack) for _ in range(connections // SOCKETS_EACH + 1)]
    ours = await _growth(stack.pid("gateway.1"), people[0].url, connections, people)
    (port,) = free_ports(1)
    bare = await asyncio.create_subprocess_exec(sys.executable, "-c", _BARE, str(port))
    try:
        limit = await _growth(bare.pid, f"ws://127.0.0.1:{port}", connections, [])
    finally:
        bare.terminate()
        await bare.wait()
    return [
        Figure(
            what=f"gateway's memory per connection, {connections:,}",
            value=f"{ours:.1f} KiB (a bare server: {limit:.1f})",
            goal="<= 20 KiB",
            met=ours <= 20,
        )
    ]


async def _listener(client: Client, stack: Whole) -> _Listener:
    """A program with a token of its own, because each may have only so many sockets."""
    made = await client.http.post("/api/v1/tokens", json={"name": "bench", "role": "viewer"})
    made.raise_for_status()
    program = Client(stack.facts()["web"], made.json()["token"])
    channel = await program.channel(scope="workspace")
    headers = {"Authorization": program.http.headers["authorization"]}
    await program.close()
    subscribe = {"type": "subscribe", "id": 1, "channel": channel["channel"], "token": channel["token"]}
    return _Listener(channel["url"], headers, json.dumps(subscribe))


async def _growth(pid: int, url: str, connections: int, listeners: list[_Listener]) -> float:
    """KiB of resident memory per connection; without listeners they only connect."""
    process = psutil.Process(pid)
    sockets: list[websockets.ClientConnection] = []

    async def connect(number: int) -> None:
        listener = listeners[number // SOCKETS_EACH] if listeners else None
        socket = await websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol("addressbus.v1")] if listener else None,
            additional_headers=listener.headers if listener else None,
            compression=None,
            ping_interval=None,
        )
        sockets.append(socket)
        if listener:
            await socket.send(listener.subscribe)
            while json.loads(await socket.recv())["type"] != "subscribed":
                pass

    for attempt in range(50):
        try:
            await connect(0)
            break
        except OSError:
            await asyncio.sleep(0.05 * (attempt + 1))
    before = process.memory_info().rss
    for start in range(1, connections, 20):
        await asyncio.gather(*(connect(number) for number in range(start, min(start + 20, connections))))
    growth = process.memory_info().rss - before
    await asyncio.gather(*(socket.close() for socket in sockets))
    return growth / 1024 / connections
