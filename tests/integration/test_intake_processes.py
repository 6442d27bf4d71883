"""The jobs service in processes of its own: killed, and measured."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import httpx
import msgspec
import psutil
import pytest

from app.core.events import Sealed
from tests.integration import intakes
from tests.integration.conftest import Servers, started

MB = 2**20
SIZE = 220 * MB
HEADER = b"E-mail,Name,Phone,Town\n"
ROW = b'person%d@example.org,"Lovelace, Ada %d",+32 470 12 34 56,Ghent\n'
BLOCK = b"".join(ROW % (number, number * 7919) for number in range(20_000))


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Millions of rows stay behind in them, which importers of other tests would have to work off first."""
    with started() as found:
        yield found


@asynccontextmanager
async def process(servers: Servers) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A jobs service in a process of its own: its address, and the process."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.intake_process", msgspec.json.encode(servers.addresses).decode()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        async with asyncio.timeout(60):
            port = int(await running.stdout.readline())
        yield f"http://127.0.0.1:{port}", psutil.Process(running.pid)
    finally:
        running.stdin.close()
        with suppress(BrokenPipeError, ConnectionResetError):
            await running.stdin.wait_closed()
        async with asyncio.timeout(60):
            await running.wait()


async def test_an_upload_of_hundreds_of_megabytes_needs_less_than_fifty(servers: Servers) -> None:
    peak = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal peak
        yield HEADER
        for _ in range(SIZE // len(BLOCK)):
            peak = max(peak, server.memory_info().rss)
            yield BLOCK

    headers = {"X-Workspace": str(uuid4())}
    async with (
        process(servers) as (address, server),
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client,
    ):
        small = await client.post("/api/v1/imports?name=warm-up.csv", content=b"E-mail\nada@example.org\n")
        assert small.status_code == 202
        before = server.memory_info().rss
        answer = await client.post("/api/v1/imports?name=big.csv", content=pieces())
        assert answer.status_code == 202, answer.text
    grown = (peak - before) / MB
    assert grown < 50


async def test_an_upload_whose_process_was_killed_goes_on_with_the_next_process(servers: Servers) -> None:
    since, data = int(time.time() * 1000), HEADER + BLOCK * 2
    headers = {"X-Workspace": str(uuid4())}

    async def pieces() -> AsyncIterator[bytes]:
        yield data[:2_000_000]
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as watching:
            while (await watching.get(f"/api/v1/imports/{made['id']}")).json()["bytes_received"] < 900_000:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        server.kill()
        yield data[2_000_000:]

    async with (
        process(servers) as (address, server),
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client,
    ):
        asked = await client.post("/api/v1/imports", json={"source": "file", "name": "a.csv", "size": len(data)})
        made = asked.json()
        with pytest.raises(httpx.TransportError):
            await client.put(f"/api/v1/uploads/{made['id']}", content=pieces())
    async with (
        process(servers) as (address, server),
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client,
    ):
        url = f"/api/v1/uploads/{made['id']}"
        offset = int((await client.head(url)).headers["upload-offset"])
        assert 900_000 <= offset <= 2_000_000
        rest = await client.patch(url, content=data[offset:], headers={"Upload-Offset": str(offset)})
        assert rest.status_code == 204
    found = await intakes.tape(servers, made["id"], since)
    assert found.text == data
    (sealed,) = found.of(Sealed)
    assert (sealed.segments, sealed.bytes) == (len(found.segments), len(data))
