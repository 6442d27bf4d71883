"""The gateway: memory of a connection, beside a bare `websockets` server on the same machine."""

import asyncio
import json
import sys

import psutil
import websockets

from app.stack.whole import Whole, free_ports
from bench.client import Client
from bench.report import Figure

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
    channel = await client.channel(scope="workspace")
    headers = dict(client.http.headers)
    ours = await _growth(
        stack.pid("gateway.1"), channel["url"], connections, {"Authorization": headers["authorization"]}, channel
    )
    (port,) = free_ports(1)
    bare = await asyncio.create_subprocess_exec(sys.executable, "-c", _BARE, str(port))
    try:
        limit = await _growth(bare.pid, f"ws://127.0.0.1:{port}", connections, {}, None)
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


async def _growth(
    pid: int, url: str, connections: int, headers: dict[str, str], channel: dict[str, str] | None
) -> float:
    process = psutil.Process(pid)
    protocols = [websockets.Subprotocol("addressbus.v1")] if channel else None
    sockets: list[websockets.ClientConnection] = []

    async def connect() -> None:
        for attempt in range(50):
            try:
                socket = await websockets.connect(
                    url, subprotocols=protocols, additional_headers=headers, compression=None, ping_interval=None
                )
                break
            except (OSError, websockets.InvalidHandshake):
                await asyncio.sleep(0.05 * (attempt + 1))
        else:
            raise TimeoutError(f"no connection to {url}")
        sockets.append(socket)
        if channel is not None:
            request = {"type": "subscribe", "id": 1, "channel": channel["channel"], "token": channel["token"]}
            await socket.send(json.dumps(request))
            while json.loads(await socket.recv())["type"] != "subscribed":
                pass

    await connect()
    before = process.memory_info().rss
    for start in range(0, connections, 50):
        await asyncio.gather(*(connect() for _ in range(min(50, connections - start))))
    growth = process.memory_info().rss - before
    await asyncio.gather(*(socket.close() for socket in sockets))
    return growth / 1024 / connections
