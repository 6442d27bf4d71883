"""Ctrl-C cancels a command once, and that one time may get lost on its way."""

import asyncio


def go_on() -> None:
    """Raises CancelledError if this task was cancelled and does not know yet; long work asks at each step.

    A lock that times out at that moment, or Python 3.11's `asyncio.wait_for` (python/cpython#86296), may swallow it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
