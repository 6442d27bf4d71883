"""The gateway with many sockets: memory, deliveries, delay and drain, beside a server that only holds and writes."""

import asyncio
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec
import psutil

from app import bus, config
from app.core import channels
from app.core.events import Notice
from app.core.imports import State
from app.core.topics import NOTICES
from app.stack.whole import Whole, free_ports
from bench import people
from bench.client import Client, size_of, visible
from bench.delays import percentile, spoken
from bench.fleet import Fleet, fleet
from bench.fleet_process import Order
from bench.report import Figure

ROOMS = 10
ROUNDS = 20
"""Events that each room hears, each told at once."""


class Rate(NamedTuple):
    """`kib` of resident memory a socket, and frames a second of CPU time."""

    kib: float
    frames: float


def keys() -> str:
    """CHANNEL_KEYS for a stack whose channels the fleets may open."""
    return f"bench:{secrets.token_hex(32)}"


def order(stack: Whole, keys: str, sockets: int, rooms: list[tuple[UUID, str]], *, comes_back: bool = False) -> Order:
    """A fleet that listens to the stack's gateways."""
    port = urlsplit(stack.facts()["gateway"]).port
    return Order(f"ws://127.0.0.1:{port}/v1/ws", sockets, keys, rooms, comes_back)


async def many(stack: Whole, keys: str, sockets: int) -> list[Figure]:
    """Opens so many, tells them things, and sends SIGTERM."""
    limit = await _bare(sockets)
    process = psutil.Process(stack.pid("gateway.1"))
    await _warm_up(stack, keys)
    rooms = [(uuid4(), channels.new_channel(secrets.token_bytes(16))) for _ in range(ROOMS)]
    resident = process.memory_info().rss
    async with fleet(order(stack, keys, sockets, rooms), within=300) as crowd:
        kib = (process.memory_info().rss - resident) / 1024 / sockets
        rate, costs = await _deliveries(stack, crowd, process, rooms, sockets)
        drained = await _drain(stack, crowd)
    return [
        Figure(
            what=f"gateway's memory per connection, {sockets:,}",
            value=f"{kib:.1f} KiB (a server that only holds them: {limit.kib:.1f})",
            goal="<= 20 KiB",
            met=kib <= 20,
        ),
        Figure(
            what="deliveries to sockets, a core",
            value=f"{rate:,.0f}/s = {rate / limit.frames:.2f} of bare writes",
            goal=">= 50,000/s",
            met=rate >= 50_000,
            detail={**costs, "bare writes a core": round(limit.frames)},
        ),
        Figure(
            what=f"{sockets:,} sockets sent elsewhere on SIGTERM",
            value=f"{drained:.1f} s",
            goal="<= 30 s",
            met=drained <= 30,
        ),
    ]


async def _deliveries(
    stack: Whole, crowd: Fleet, process: psutil.Process, rooms: list[tuple[UUID, str]], sockets: int
) -> tuple[float, dict[str, float]]:
    producer = bus.Producer(config.Process(process_name="bench", kafka_bootstrap=stack.facts()["kafka"]))
    await producer.start()
    try:
        before, theirs, started = _cpu(process), crowd.cpu_seconds(), time.monotonic()
        for version in range(ROUNDS):
            for workspace, channel in rooms:
                state = State(
                    id=workspace,
                    workspace=workspace,
                    channel=channel,
                    name="contacts.csv",
                    version=version,
                    status="finished",
                    finished_at=time.time(),
                    rows=1_000,
                )
                notice = Notice(workspace=workspace, channel=channel, kind="finished", state=state)
                await producer.send(NOTICES, key=channel.encode(), value=msgspec.json.encode(notice))
            await asyncio.sleep(0.05)
        report = await crowd.until(lambda report: report.frames >= sockets * ROUNDS, within=300)
        cpu, seconds = _cpu(process) - before, time.monotonic() - started
    finally:
        await producer.stop()
    costs = {
        "frames": report.frames,
        "gaps": report.gaps,
        "seconds": round(seconds, 2),
        "cpu_us_a_frame": round(cpu / report.frames * 1e6, 2),
        "client_cpu_us_a_frame": round((crowd.cpu_seconds() - theirs) / report.frames * 1e6, 2),
    }
    return report.frames / cpu, costs


async def _drain(stack: Whole, crowd: Fleet) -> float:
    """Seconds from the signal to the last socket closed; the gateway is up again afterwards."""
    started = time.monotonic()
    before = stack.pid("gateway.1")
    stack.kill("gateway.1", signal.SIGTERM)
    report = await crowd.until(lambda report: report.open == 0, within=120)
    drained = time.monotonic() - started
    assert set(report.codes) == {"4001"}, report.codes
    await back(stack, "gateway.1", before)
    return drained


async def back(stack: Whole, name: str, before: int, within: float = 60) -> None:
    """Returns when another process than `before` bears this name and is ready."""
    async with asyncio.timeout(within), httpx.AsyncClient() as http:
        while True:
            one = next((one for one in stack.facts()["processes"] if one["name"] == name), None)
            if one is not None and one["pid"] not in (0, before):
                try:
                    if (await http.get(f"http://127.0.0.1:{one['port']}/readyz")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass  # not yet
            await asyncio.sleep(0.1)


async def _warm_up(stack: Whole, keys: str) -> None:
    """What the first sockets make a process allocate is not the price of the others."""
    room = (uuid4(), channels.new_channel(secrets.token_bytes(16)))
    async with fleet(order(stack, keys, 50, [room])):
        pass


async def _bare(sockets: int) -> Rate:
    async with _bare_server() as (process, port):
        ours = psutil.Process(process.pid)
        async with fleet(Order(f"ws://127.0.0.1:{port}/", 50)):
            pass
        before = ours.memory_info().rss
        async with fleet(Order(f"ws://127.0.0.1:{port}/", sockets), within=300):
            kib = (ours.memory_info().rss - before) / 1024 / sockets
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"%d\n" % ROUNDS)
            cpu = float(await process.stdout.readline())
    return Rate(kib, sockets * ROUNDS / cpu)


@asynccontextmanager
async def _bare_server() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.bare", str(port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield process, port
    finally:
        process.kill()
        await process.wait()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def delays(client: Client, stack: Whole, keys: str, folder: Path, sockets: int, count: int) -> list[Figure]:
    """SegmentDone produced -> frame, at each of the sockets that hear a workspace, on an otherwise idle machine."""
    path = people.write(folder / "heard.csv", 20, who="heard")
    workspace = UUID((await client.get("/api/v1/me"))["workspace"]["id"])
    rooms = [(workspace, channels.workspace_channel(workspace))]
    watching = client.watching(await client.channel(scope="workspace"))
    async with fleet(order(stack, keys, sockets, rooms)) as crowd, watching as watched:
        for number in range(count):
            made = await client.request_import("heard.csv", f"heard-{uuid4().hex}-{number}", size=size_of(path))
            await client.upload(made["upload"]["url"], path)
            await watched.until(made["id"], visible, 30)
        report = await crowd.ask()
    late = [tenths / 10_000 for tenths, times in sorted(report.delays.items()) for _ in range(times)]
    met = percentile(late, 0.5) < 0.020 and percentile(late, 0.99) < 0.050
    return [
        Figure(
            what=f"SegmentDone -> frame at each of {sockets:,} sockets, idle machine",
            value=spoken(late),
            goal="p50 < 20, p99 < 50 ms",
            met=met and len(late) == sockets * count,
            detail={"frames": len(late), "of": sockets * count, "worst_ms": late[-1] * 1000},
        )
    ]
