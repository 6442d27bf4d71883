"""The proxy that campaigns break connections with does what its verbs say, to whom it is told, and no more."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import Bandwidth, Cut, Latency, Proxy, Reset, SlowClose, Timeout

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SOON = 20.0


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = Proxy(0, server.sockets[0].getsockname()[1])
    await made.up()
    yield made
    await made.stop()
    server.close()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def said(streams: Streams, data: bytes = b"hello") -> bytes:
    reader, writer = streams
    writer.write(data)
    async with asyncio.timeout(SOON):
        return await reader.readexactly(len(data))


def port_of(streams: Streams) -> int:
    port: int = streams[1].get_extra_info("sockname")[1]
    return port


async def test_what_is_said_arrives_and_its_end_too(proxy: Proxy) -> None:
    data = bytes(range(256)) * 4096
    async with connected(proxy) as streams:
        assert await said(streams, data) == data
        streams[1].write_eof()
        assert await asyncio.wait_for(streams[0].read(), SOON) == b""


async def test_latency_delays_everything_once_and_not_once_per_piece(proxy: Proxy) -> None:
    async with connected(proxy) as streams, proxy.poisoned(Latency(seconds=0.15, directions=("up",))):
        began = time.monotonic()
        # 46 pieces and more: one after the other they would take seven seconds.
        assert await said(streams, b"x" * 3_000_000) == b"x" * 3_000_000
        assert 0.15 <= time.monotonic() - began < 6.0


async def test_bandwidth_is_what_passes_in_a_second(proxy: Proxy) -> None:
    async with connected(proxy) as streams, proxy.poisoned(Bandwidth(rate=100_000, directions=("up",))):
        began = time.monotonic()
        await said(streams, b"x" * 30_000)
        assert time.monotonic() - began >= 0.3


async def test_what_a_cut_held_back_arrives_late(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        async with proxy.poisoned(Cut()):
            streams[1].write(b"hello")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(streams[0].read(5), 0.1)
        assert await asyncio.wait_for(streams[0].readexactly(5), SOON) == b"hello"


async def test_a_cut_of_one_direction_lets_the_other_pass_and_a_lost_one_resets(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        async with proxy.poisoned(Cut(directions=("down",), lost=True)):
            streams[1].write(b"hello")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(streams[0].read(5), 0.1)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(streams[0].read(5), SOON)


async def test_a_connection_that_is_opened_during_a_cut_is_cut(proxy: Proxy) -> None:
    async with proxy.poisoned(Cut()), connected(proxy) as streams:
        streams[1].write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[0].read(5), 0.1)


async def test_only_those_suffer_who_are_meant(proxy: Proxy) -> None:
    async with connected(proxy) as one, connected(proxy) as other:
        ours = port_of(one)
        async with proxy.poisoned(Reset(of=lambda port: port == ours)):
            assert await said(other) == b"hello"
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await said(one)
        assert await said(other) == b"hello"


async def test_a_timeout_closes_what_is_silent(proxy: Proxy) -> None:
    async with connected(proxy) as streams, proxy.poisoned(Timeout(seconds=0.1)):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await said(streams)


async def test_a_slow_close_keeps_the_end_back(proxy: Proxy) -> None:
    async with connected(proxy) as streams, proxy.poisoned(SlowClose(seconds=0.2, directions=("down",))):
        streams[1].write_eof()
        began = time.monotonic()
        assert await asyncio.wait_for(streams[0].read(), SOON) == b""
        assert time.monotonic() - began >= 0.2


async def test_what_is_down_refuses_and_comes_back_on_its_port(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        await proxy.down()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await said(streams)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.up()
    async with connected(proxy) as streams:
        assert await said(streams) == b"hello"


async def test_a_server_that_is_away_is_told_as_a_lost_connection(proxy: Proxy) -> None:
    proxy.server = 1  # nobody listens there
    async with connected(proxy) as streams:
        assert await asyncio.wait_for(_end(streams[0]), SOON)


async def _end(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionResetError:
        return True
