"""Ctrl-C ends a command even if something has swallowed it."""

import asyncio
import contextlib

import pytest

from workers import stopping


async def test_a_cancellation_that_was_swallowed_is_noticed_at_the_next_step() -> None:
    stopping.go_on()
    waits = asyncio.Event()

    async def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            waits.set()
            await asyncio.Event().wait()
        stopping.go_on()
        pytest.fail("it went on")

    working = asyncio.create_task(work())
    await waits.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
