"""What the person at the terminal sees: one line a step, with a tick and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(label: str) -> Iterator[None]:
    """Shows `label` while the body runs and ticks it off; on an error it crosses it out."""
    started = time.monotonic()
    live = sys.stdout.isatty()
    if live:
        _print(f"  … {label}", end="")
    try:
        yield
    except BaseException:
        _print(f"{_over(live)}  ✗ {label}")
        raise
    _print(f"{_over(live)}  ✓ {label} ({time.monotonic() - started:.1f} s)")


def say(line: str) -> None:
    _print(line)


def _over(live: bool) -> str:
    return "\r\x1b[K" if live else ""


def _print(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)
