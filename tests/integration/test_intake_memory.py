"""What a big upload costs the process that takes it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import msgspec
import psutil

from tests.integration.conftest import Servers

MB = 2**20
SIZE = 220 * MB
BLOCK = b"".join(
    b'person%d@example.org,"Lovelace, Ada %d",+32 470 12 34 56,Ghent\n' % (n, n * 7919) for n in range(20_000)
)


@asynccontextmanager
async def process(servers: Servers) -> AsyncIterator[tuple[int, psutil.Process]]:
    """A jobs service in a process of its own: its port, and the process."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.intake_process", msgspec.json.encode(servers.addresses).decode()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        async with asyncio.timeout(30):
            port = int(await started.stdout.readline())
        yield port, psutil.Process(started.pid)
    finally:
        started.stdin.close()
        async with asyncio.timeout(30):
            await started.wait()


async def test_an_upload_of_hundreds_of_megabytes_needs_less_than_fifty(servers: Servers) -> None:
    peak = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal peak
        yield b"E-mail,Name,Phone,Town\n"
        for _ in range(SIZE // len(BLOCK)):
            peak = max(peak, server.memory_info().rss)
            yield BLOCK

    async with (
        process(servers) as (port, server),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"X-Workspace": str(uuid4())}, timeout=60
        ) as client,
    ):
        small = await client.post("/api/v1/imports?name=warm-up.csv", content=b"E-mail\nada@example.org\n")
        assert small.status_code == 202
        before = server.memory_info().rss
        began = sum(server.cpu_times()[:2])
        answer = await client.post("/api/v1/imports?name=big.csv", content=pieces())
        spent = sum(server.cpu_times()[:2]) - began
        assert answer.status_code == 202, answer.text
    print(f"+{(peak - before) / MB:.0f} MB, {SIZE / MB / spent:.0f} MB per second of CPU")
    assert peak - before < 50 * MB
