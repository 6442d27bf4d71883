"""Ends a process that is stuck, so that its supervisor starts a fresh one (design.md rule 7)."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)
STUCK = 70


def leave(code: int, why: str) -> None:
    """Ends the process at once: nothing is acknowledged, so whoever comes next does it again."""
    log.critical("the process ends itself", extra={"why": why, "exit_code": code})
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


async def idle() -> bool:
    """For processes that only answer: nothing waits for them, but their event loop must turn."""
    return False


class Watchdog:
    """Watches from a thread of its own, because a stuck event loop cannot watch itself.

    `behind` answers whether there is work to do; without progress on it for `patience` seconds, or with the
    loop unresponsive for as long (a process that was paused and is a zombie now, too), the process ends. It looks
    every `interval` seconds.
    """

    def __init__(
        self,
        behind: Callable[[], Awaitable[bool]] = idle,
        *,
        patience: float = 30.0,
        interval: float = 1.0,
        leave: Callable[[int, str], None] = leave,
    ) -> None:
        self._behind = behind
        self._patience = patience
        self._interval = interval
        self._leave = leave
        self._beat = self._progress = time.monotonic()
        self._done = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def progress(self) -> None:
        """Something was handled, or is being waited for on purpose."""
        self._progress = time.monotonic()

    def start(self) -> None:
        self._task = asyncio.create_task(self._beating(), name="watchdog")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def __aenter__(self) -> "Watchdog":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._done.set()
        if self._task is not None:
            self._task.cancel()

    async def _beating(self) -> None:
        while True:
            if not await self._behind():
                self.progress()
            self._beat = time.monotonic()
            await asyncio.sleep(self._interval)

    def _watch(self) -> None:
        while not self._done.wait(self._interval):
            now = time.monotonic()
            if now - self._beat > self._patience:
                self._leave(STUCK, "the event loop does not answer")
                return
            if now - self._progress > self._patience:
                self._leave(STUCK, "there is work and nothing moves")
                return
