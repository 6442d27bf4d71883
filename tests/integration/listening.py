"""Gateways in this process, pages that listen to them, and imports whose tracker is the test."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app import bus, config
from app.core import channels
from app.core.channels import Keys
from app.core.events import Notice
from app.core.imports import ImportRecord, State
from app.core.topics import IMPORTS, NOTICES
from app.gateway.limits import Limits
from app.gateway.server import Gateway
from tests.integration.conftest import Servers
from tests.waiting import until

KEYS = "k:" + "5a" * 32
ORIGIN = "http://localhost:8000"
QUICK = Limits(positions=0.4, linger=0.5, closing=0.5)


def settings(servers: Servers, name: str, *, redis: str | None = None, drain_seconds: int = 1) -> config.Gateway:
    return config.Gateway(
        process_name=name,
        kafka_bootstrap=servers.kafka,
        gateway_port=0,
        gateway_host="127.0.0.1",
        redis_url=redis or servers.redis,
        public_url=ORIGIN,
        channel_keys=KEYS,
        drain_seconds=drain_seconds,
    )


@contextlib.asynccontextmanager
async def gateway(settings: config.Gateway, group: str, limits: Limits = QUICK) -> AsyncIterator[Gateway]:
    stop = asyncio.Event()
    running = Gateway(settings, limits=limits, group=group)
    task = asyncio.create_task(running.run(stop))
    try:
        await until(lambda: task.done() or running.missing() is None)
        yield running
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


@dataclass
class Client:
    """A reader of frames that answers pings and keeps what it was told, as a page does."""

    socket: ClientConnection
    credential: str
    frames: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: list[tuple[str, int]] = field(default_factory=list)
    positions: dict[str, dict[str, Any]] = field(default_factory=dict)
    code: int | None = None
    task: "asyncio.Task[None] | None" = None

    async def read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                self.frames.append(frame)
                match frame["type"]:
                    case "ping":
                        await self.socket.send('{"type":"pong"}')
                    case "subscribed":
                        self.positions[frame["channel"]] = {"epoch": frame["epoch"], "offset": frame["offset"]}
                        for event in frame["events"]:
                            self.hear(event["kind"], event["state"])
                        for state in frame["states"]:
                            self.hear("snapshot", state)
                    case "event":
                        position = self.positions[frame["channel"]]
                        same = frame["epoch"] == position["epoch"]
                        assert frame["previous"] == (position["offset"] if same else 0)
                        assert frame["offset"] > frame["previous"]
                        self.positions[frame["channel"]] = {"epoch": frame["epoch"], "offset": frame["offset"]}
                        self.hear(frame["kind"], frame["state"])
        except ConnectionClosed:
            pass
        self.code = self.socket.close_code

    @property
    def position(self) -> dict[str, Any]:
        """Of the channel it subscribed to first."""
        return next(iter(self.positions.values()))

    def hear(self, kind: str, state: dict[str, Any]) -> None:
        known = self.states.get(state["id"])
        if known is None or state["version"] > known["version"]:
            self.states[state["id"]] = state
            self.kinds.append((kind, state["version"]))

    def token(self, workspace: UUID, channel: str, seconds: float = 600) -> str:
        holder = channels.holder_of(self.credential)
        return channels.issue(Keys.parse(KEYS), channel, workspace, holder, int(time.time() + seconds))

    async def say(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def subscribe(self, workspace: UUID, channel: str, **position: Any) -> dict[str, Any]:
        number = secrets.token_hex(4)
        await self.say(type="subscribe", id=number, channel=channel, token=self.token(workspace, channel), **position)
        await until(lambda: any(frame.get("id") == number for frame in self.frames) or self.code is not None)
        return next(frame for frame in self.frames if frame.get("id") == number)

    def version(self, import_id: UUID) -> int:
        return int(self.states.get(str(import_id), {"version": -1})["version"])


@contextlib.asynccontextmanager
async def client(gateway: Gateway, *, credential: str | None = None, **options: Any) -> AsyncIterator[Client]:
    credential = credential or secrets.token_urlsafe(32)
    options.setdefault("additional_headers", {"Authorization": f"Bearer {credential}"})
    async with connect(
        f"ws://127.0.0.1:{gateway.port}/v1/ws",
        subprotocols=[Subprotocol("addressbus.v1")],
        compression=None,
        ping_interval=None,
        close_timeout=1,
        **options,
    ) as socket:
        found = Client(socket, credential)
        found.task = asyncio.create_task(found.read())
        yield found
    await found.task


@contextlib.asynccontextmanager
async def producing(servers: Servers) -> AsyncIterator[bus.Producer]:
    made = bus.Producer(config.Process(process_name="test", kafka_bootstrap=servers.kafka))
    await made.start()
    yield made
    await made.stop()


@dataclass
class Import:
    """An import whose tracker is this test."""

    producer: bus.Producer
    workspace: UUID = field(default_factory=uuid4)
    channel: str = field(default_factory=lambda: channels.new_channel(secrets.token_bytes(16)))
    id: UUID = field(default_factory=uuid4)

    name: str = ""

    def state(self, version: int, kind: str = "progress") -> State:
        over = kind in ("finished", "visible")
        return State(
            id=self.id,
            workspace=self.workspace,
            channel=self.channel,
            name=self.name,
            version=version,
            status="finished" if over else "running",
            visible=kind == "visible",
            finished_at=time.time() if over else None,
            rows=version * 10,
        )

    async def notice(self, version: int, kind: Any = "progress", *, to: str | None = None) -> None:
        for channel in [to] if to else [self.channel, channels.workspace_channel(self.workspace)]:
            notice = Notice(workspace=self.workspace, channel=channel, kind=kind, state=self.state(version, kind))
            await self.producer.publish(NOTICES, key=channel.encode(), value=msgspec.json.encode(notice))

    async def commit(self, version: int, kind: str = "progress") -> None:
        record = ImportRecord(state=self.state(version, kind))
        await self.producer.publish(IMPORTS, key=str(self.id).encode(), value=msgspec.json.encode(record))
