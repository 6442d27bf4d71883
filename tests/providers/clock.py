"""The providers' time: it runs with ours, can be moved forward, and can stand still."""

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970. Tokens, cursors and throttles look only here."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._still: float | None = None

    def now(self) -> float:
        return (time.time() if self._still is None else self._still) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def freeze(self, at: float) -> None:
        """From here on it is `at`, until `advance` or `run`."""
        self._still, self._ahead = at, 0.0

    def run(self) -> None:
        """Back to our time."""
        self._still, self._ahead = None, 0.0


def iso(at: float, *, fraction: int = 0) -> str:
    """`2026-03-01T00:00:00Z`, with as many digits of a second as asked for."""
    moment = datetime.fromtimestamp(at, UTC)
    digits = f".{moment.microsecond:06}0"[: fraction + 1] if fraction else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + digits + "Z"


def http_date(at: float) -> str:
    """`Sun, 01 Mar 2026 00:00:00 GMT`."""
    return datetime.fromtimestamp(at, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
