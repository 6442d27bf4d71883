"""Waiting for a fact, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], *, within: float = 60) -> T:
    """What `look` finds as soon as it is `good`. Raises TimeoutError with what it found last."""
    deadline = asyncio.get_running_loop().time() + within
    found = await look()
    while not good(found):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"after {within} s still {found!r}")
        await asyncio.sleep(0.01)
        found = await look()
    return found


async def until(fact: Callable[[], bool], within: float = 60) -> None:
    """Waits for what comes true in other tasks, threads and processes. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not fact():  # noqa: ASYNC110 (what is waited for has no event here)
            await asyncio.sleep(0.01)
