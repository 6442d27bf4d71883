"""Imports as they happen, from the WebSocket. Nothing is polled; a lost connection comes back by itself."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from addressbus_cli.answers import State, Ticket
from addressbus_cli.server import Server
from addressbus_cli.trouble import Trouble, Unreachable

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
SILENCE = 2.5
"""So many heartbeats without a word, and the connection is dead."""

FINAL_CLOSE = 4500
"""From this close code on one does not come back."""


class Frame(msgspec.Struct, frozen=True):
    """Any frame of the server, as far as it matters here."""

    type: str
    heartbeat: float = 25.0
    states: tuple[State, ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    state: State | None = None
    code: str = ""
    temporary: bool = False


async def states(server: Server, channel: str, lost: Callable[[], None]) -> AsyncGenerator[State, None]:
    """Every new state of the imports of a channel, for ever; a snapshot comes first. `lost` hears of pauses.

    Raises Trouble when the server will not tell.
    """
    versions: dict[str, int] = {}
    pause = FIRST_PAUSE
    while True:
        try:
            ticket = await server.post("/api/v1/channels", {"channel": channel}, Ticket)
            async for frame in _frames(server, ticket):
                pause = FIRST_PAUSE
                for state in (*frame.states, *([frame.state] if frame.state else [])):
                    if state.version > versions.get(state.id, -1):
                        versions[state.id] = state.version
                        yield state
        except (Unreachable, WebSocketException, OSError, TimeoutError) as error:
            if refused := _final(error):
                raise Trouble(refused) from error
        lost()
        await asyncio.sleep(random.uniform(0.1, pause))  # noqa: S311  # no secret
        pause = min(pause * 2, LONGEST_PAUSE)


async def _frames(server: Server, ticket: Ticket) -> AsyncGenerator[Frame, None]:
    if server.login.url.startswith("https:") and urlsplit(ticket.url).scheme != "wss":
        raise Trouble("The server tells live updates without encryption, so they are not listened to.")
    async with connect(
        ticket.url,
        subprotocols=[Subprotocol("addressbus.v1")],
        additional_headers=server.credential,
        compression=None,
        max_size=None,
        close_timeout=2,
    ) as socket:
        subscribe = {"type": "subscribe", "id": 1, "channel": ticket.channel, "token": ticket.token}
        await socket.send(msgspec.json.encode(subscribe).decode())
        heartbeat = Frame.__struct_defaults__[0]
        while True:
            frame = await _next(socket, heartbeat * SILENCE)
            if frame.type == "hello":
                heartbeat = frame.heartbeat
            elif frame.type == "ping":
                await socket.send('{"type":"pong"}')
            elif frame.type == "error":
                if not frame.temporary:
                    raise Trouble(f"The server does not tell live updates here ({frame.code}).")
                return
            else:
                yield frame


async def _next(socket: ClientConnection, within: float) -> Frame:
    async with asyncio.timeout(within):
        return msgspec.json.decode(await socket.recv(), type=Frame)


def _final(error: Exception) -> str:
    """Why one does not come back; empty where one does."""
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code >= FINAL_CLOSE:
        return f"Live updates have ended: {error.rcvd.reason or error.rcvd.code}."
    if isinstance(error, InvalidStatus) and error.response.status_code in {401, 403, 404}:
        return f"The server does not open live updates ({error.response.status_code})."
    return ""
