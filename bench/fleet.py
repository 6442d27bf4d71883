"""Many sockets, in a process of their own, so that what is measured does not share its time with who measures."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import psutil

from bench.fleet_process import Order, Report

_LINE_BYTES = 2**24


class Fleet:
    """A fleet that stands; `ask` says what its sockets saw so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ours = psutil.Process(process.pid)

    async def ask(self) -> Report:
        self._write(b"\n")
        return await self._answer()

    async def until(self, true: Callable[[Report], bool], within: float) -> Report:
        """The first report that satisfies `true`. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not true(report := await self.ask()):  # noqa: ASYNC110  # it speaks only when asked
                await asyncio.sleep(0.1)
            return report

    def cpu_seconds(self) -> float:
        """What the sockets themselves cost so far."""
        times = self._ours.cpu_times()
        return times.user + times.system

    async def start(self, order: Order) -> Report:
        """Returns when all sockets stand."""
        self._write(msgspec.json.encode(order) + b"\n")
        return await self._answer()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    async def _answer(self) -> Report:
        assert self._process.stdout is not None
        return msgspec.json.decode(await self._process.stdout.readline(), type=Report)


@asynccontextmanager
async def fleet(order: Order, within: float = 120) -> AsyncIterator[Fleet]:
    """Opens all sockets, and closes them when the body ends. Raises TimeoutError when they do not get in."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.fleet_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        made = Fleet(process)
        async with asyncio.timeout(within):
            await made.start(order)
        yield made
    finally:
        process.kill()
        await process.wait()
