"""Live updates in the command line: what a gateway may do to a socket, and what the person sees of it."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from addressbus_cli import live
from addressbus_cli.credentials import Login
from addressbus_cli.server import Server
from addressbus_cli.trouble import Trouble

Turn = Callable[[ServerConnection], Awaitable[None]]


class Gateway:
    """Takes one turn for each connection, and remembers what clients said."""

    def __init__(self, *turns: Turn) -> None:
        self.url = ""
        self.said: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.channels = 0
        self._turns = list(turns)

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.tokens.append(socket.request.headers["Authorization"])
        await tell(socket, type="hello", socket="1", heartbeat=25)
        self.said.append(json.loads(await socket.recv()))
        await self._turns.pop(0)(socket)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """POST /api/v1/channels."""
        self.channels += 1
        body = {"channel": "c", "token": f"t{self.channels}", "url": self.url, "expires_at": 0}
        return httpx.Response(201, json=body)


@contextlib.asynccontextmanager
async def listening(*turns: Turn, url: str = "http://here.example") -> AsyncIterator[tuple[Gateway, Server]]:
    gateway = Gateway(*turns)
    server = Server(Login(url, "secret"), httpx.MockTransport(gateway.answer))
    async with serve(gateway.serve, "127.0.0.1", 0) as sockets:
        gateway.url = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}/v1/ws"
        try:
            yield gateway, server
        finally:
            await server.close()


async def tell(socket: ServerConnection, /, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


def state(version: int) -> dict[str, Any]:
    return {"id": "1", "version": version, "status": "running", "rows": version}


async def snapshot(socket: ServerConnection, *versions: int) -> None:
    states = [state(version) for version in versions]
    await tell(socket, type="subscribed", id=1, channel="c", epoch="e", offset=1, states=states, events=[])


async def event(socket: ServerConnection, version: int) -> None:
    await tell(socket, type="event", channel="c", kind="progress", state=state(version))


async def heard(server: Server, until: int, lost: Callable[[], None] = lambda: None) -> list[int]:
    """The versions told, up to this one."""
    versions = []
    told = live.states(server, "c", lost)
    async with contextlib.aclosing(told):
        async for one in told:
            versions.append(one.version)
            if one.version >= until:
                break
    return versions


async def test_a_lost_connection_comes_back_with_a_new_token_and_nothing_is_told_twice() -> None:
    async def first(socket: ServerConnection) -> None:
        await snapshot(socket, 1)
        await event(socket, 3)
        await event(socket, 2)
        await socket.close(4001)

    async def second(socket: ServerConnection) -> None:
        await snapshot(socket, 3)
        await event(socket, 4)
        await socket.wait_closed()

    lost: list[bool] = []
    async with listening(first, second) as (gateway, server):
        assert await heard(server, 4, lambda: lost.append(True)) == [1, 3, 4]
    assert lost == [True]
    assert [said["token"] for said in gateway.said] == ["t1", "t2"]
    assert gateway.tokens == ["Bearer secret"] * 2


async def test_a_ping_is_answered() -> None:
    answers: list[str] = []

    async def ping(socket: ServerConnection) -> None:
        await tell(socket, type="ping")
        answers.append(str(await socket.recv()))
        await snapshot(socket, 1)
        await socket.wait_closed()

    async with listening(ping) as (_, server):
        assert await heard(server, 1) == [1]
    assert answers == ['{"type":"pong"}']


async def test_a_silent_connection_is_given_up() -> None:
    async def silent(socket: ServerConnection) -> None:
        await tell(socket, type="hello", socket="1", heartbeat=0.02)
        await socket.wait_closed()

    async def second(socket: ServerConnection) -> None:
        await snapshot(socket, 1)
        await socket.wait_closed()

    async with listening(silent, second) as (_, server):
        assert await heard(server, 1) == [1]


@pytest.mark.parametrize("code", [4500, 4503, 4504])
async def test_who_is_sent_away_does_not_come_back(code: int) -> None:
    async def away(socket: ServerConnection) -> None:
        await socket.close(code, "signed out")

    async with listening(away) as (gateway, server):
        with pytest.raises(Trouble, match="Live updates have ended: signed out"):
            await heard(server, 1)
    assert gateway.channels == 1


async def test_a_refused_subscription_is_told() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await tell(socket, type="error", id=1, code="limit", temporary=False)
        await socket.wait_closed()

    async with listening(refuse) as (_, server):
        with pytest.raises(Trouble, match="limit"):
            await heard(server, 1)


async def test_a_token_is_never_sent_without_the_encryption_that_its_server_has() -> None:
    async with listening(url="https://here.example") as (gateway, server):
        with pytest.raises(Trouble, match="without encryption"):
            await heard(server, 1)
    assert gateway.tokens == []
