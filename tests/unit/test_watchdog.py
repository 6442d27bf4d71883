"""A stuck process ends itself."""

import asyncio
import threading
import time

from app.watchdog import Watchdog


class Ended:
    """Remembers why the process would have ended."""

    def __init__(self) -> None:
        self.why: list[str] = []
        self.happened = threading.Event()

    def __call__(self, code: int, why: str) -> None:
        self.why.append(why)
        self.happened.set()


async def busy() -> bool:
    return True


async def idle() -> bool:
    return False


async def test_work_that_does_not_move_ends_the_process() -> None:
    ended = Ended()
    dog = Watchdog(busy, patience=0.2, interval=0.02, leave=ended)
    dog.start()
    assert await asyncio.to_thread(ended.happened.wait, 5)
    dog.stop()
    assert "nothing moves" in ended.why[0]


async def test_a_loop_that_does_not_answer_ends_the_process() -> None:
    ended = Ended()
    dog = Watchdog(idle, patience=0.3, interval=0.02, leave=ended)
    dog.start()
    await asyncio.sleep(0)
    ended.happened.wait(5)  # which blocks the loop
    dog.stop()
    assert "does not answer" in ended.why[0]


async def test_progress_and_idleness_keep_it_alive() -> None:
    ended = Ended()
    working, resting = (Watchdog(look, patience=0.5, interval=0.02, leave=ended) for look in (busy, idle))
    working.start()
    resting.start()
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        working.progress()
        await asyncio.sleep(0.01)
    working.stop()
    resting.stop()
    assert not ended.why
