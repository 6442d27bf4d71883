"""A thousand sockets, two gateways: one is killed, then both are replaced one after the other, while imports end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx

from app.stack import run
from app.stack.whole import Whole, free_ports
from bench import gateway, people
from bench.client import Client, ended
from bench.fleet import fleet
from bench.fleet_process import Report

SOCKETS = 1_000
IMPORTS = 10
ROWS = 3_000
WITHIN = 120


class Upload:
    """An import whose bytes come in two halves, told on a channel of its own."""

    def __init__(self, client: Client, made: dict[str, Any], channel: str, data: bytes) -> None:
        self.id, self.channel = str(made["id"]), channel
        self._http, self._url = client.http, made["upload"]["url"]
        self._data, self._half = data, len(data) // 2

    async def begin(self) -> None:
        await self._send(0, self._data[: self._half])

    async def finish(self) -> None:
        await self._send(self._half, self._data[self._half :])

    async def _send(self, offset: int, data: bytes) -> None:
        headers = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
        answer = await self._http.patch(self._url, content=data, headers={**headers, "Upload-Offset": str(offset)})
        assert answer.status_code == 204, answer.text


async def upload(client: Client) -> Upload:
    data = (people.HEADER + "".join(people.rows(ROWS, who=f"fleet{uuid4().hex[:6]}x"))).encode()
    channel = (await client.channel())["channel"]
    made = await client.request_import("fleet.csv", uuid4().hex, channel=channel, size=len(data))
    return Upload(client, made, channel, data)


@contextmanager
def second_gateway(stack: Whole, keys: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """One more beside the stack's own, on the same port; the process, and where it answers /readyz."""
    facts = stack.facts()
    (health,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "app.gateway"],
        env={
            **os.environ,
            "PROCESS_NAME": "gateway.2",
            "KAFKA_BOOTSTRAP": facts["kafka"],
            "REDIS_URL": facts["redis"],
            "PUBLIC_URL": facts["web"],
            "GATEWAY_PORT": str(urlsplit(facts["gateway"]).port),
            "CHANNEL_KEYS": keys,
            "HEALTH_PORT": str(health),
            "DRAIN_SECONDS": "3",
        },
    )
    try:
        yield process, health
    finally:
        process.kill()
        process.wait()


async def ready(port: int) -> None:
    async with asyncio.timeout(WITHIN), httpx.AsyncClient(timeout=60) as http:
        while True:
            try:
                if (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass  # not yet
            await asyncio.sleep(0.1)


async def transactions(stack: Whole) -> int:
    """How often PostgreSQL was asked so far by the one process that pages can ask; gateways have no database."""
    port = next(one["port"] for one in stack.facts()["processes"] if one["name"] == "web")
    async with httpx.AsyncClient(timeout=60) as http:
        lines = (await http.get(f"http://127.0.0.1:{port}/metrics")).text.splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("addressbus_database_seconds_count")))


def knowing(report: Report, ends: dict[str, int]) -> int:
    """How many sockets know how their import ended; it becomes visible when the machine has time for that."""
    return sum(
        sockets for state, sockets in report.endings if state.status == "finished" and state.version >= ends[state.id]
    )


async def test_a_thousand_sockets_end_with_the_truth_through_a_kill_and_a_rolling_restart(
    stack: Whole, client: Client
) -> None:
    keys = run.web_environment(stack.data_dir)["CHANNEL_KEYS"]
    workspace = UUID((await client.get("/api/v1/me"))["workspace"]["id"])
    uploads = [await upload(client) for _ in range(IMPORTS)]
    for one in uploads:
        await one.begin()
    with second_gateway(stack, keys) as (second, health):
        await ready(health)
        order = gateway.order(stack, keys, SOCKETS, [(workspace, one.channel) for one in uploads], comes_back=True)
        watching = client.watching(await client.channel(scope="workspace"))
        async with fleet(order) as crowd:
            asked = await transactions(stack)

            before = stack.pid("gateway.1")
            stack.kill("gateway.1")
            await asyncio.gather(*(one.finish() for one in uploads[:4]))
            await gateway.back(stack, "gateway.1", before, WITHIN)
            killed = await crowd.until(lambda report: report.open == SOCKETS, WITHIN)
            assert killed.codes.get("lost", 0) > 0, "nobody was at the gateway that was killed"

            before = stack.pid("gateway.1")
            stack.kill("gateway.1", signal.SIGTERM)
            await asyncio.gather(*(one.finish() for one in uploads[4:7]))
            await gateway.back(stack, "gateway.1", before, WITHIN)
            second.send_signal(signal.SIGTERM)
            await asyncio.gather(*(one.finish() for one in uploads[7:]))
            assert await asyncio.to_thread(second.wait, WITHIN) == 0
            with second_gateway(stack, keys) as (_, health):
                await ready(health)
                async with watching as watched:
                    last = [await watched.until(one.id, ended, WITHIN) for one in uploads]
                ends = {state["id"]: state["version"] for state in last}
                report = await crowd.until(lambda report: knowing(report, ends) == SOCKETS, WITHIN)
    assert [(state["status"], state["rows"]) for state in last] == [("finished", ROWS)] * IMPORTS
    assert report.gaps == 0
    assert report.codes["4001"] > 0
    assert set(report.codes) <= {"lost", "4001"}
    # At most once for each client; in truth it is what the uploads asked, and nobody came back over the database.
    assert 0 < await transactions(stack) - asked <= SOCKETS
