"""How long whoever holds a record waits for something it depends on, and what happens then.

The same for every consumer: it waits where it is, longer each time, while its heartbeats go on; when that has gone on
for too long, it lets go of what it holds, so that somebody gets it who reaches more.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from prometheus_client import Counter

from app import watchdog

log = logging.getLogger(__name__)
RETRIES = Counter("addressbus_retries_total", "Records handled again", ["topic", "why"])
WORLD_AWAY = 75
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Patience:
    """Of one waiter for `topic`'s records: it ends `seconds` after the first `wait` that no `over` has followed.

    Then `leave(code, why)` is called, which does not come back: the process ends, or an exception goes up.
    """

    def __init__(
        self,
        topic: str,
        seconds: float,
        *,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
        leave: Callable[[int, str], None] = watchdog.leave,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = topic
        self._seconds = seconds
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._leave = leave
        self._clock = clock
        self._since: float | None = None
        self._pause = first_pause

    async def wait(self, error: Exception, *, record: str = "") -> None:
        """Waits a little, because of this error of the world; the waits double. Ends the wait for good in time."""
        now = self._clock()
        if self._since is None:
            self._since = now
        RETRIES.labels(self._topic, "world").inc()
        extra = {"topic": self._topic, "why": str(error), **({"record": record} if record else {})}
        log.warning("waiting for something we depend on", extra=extra)
        if now - self._since >= self._seconds:
            self._leave(WORLD_AWAY, "something we depend on stayed away")
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311
        self._pause = min(self._pause * 2, self._longest_pause)

    def over(self) -> None:
        """What was waited for is there, or is not waited for any more."""
        self._since = None
        self._pause = self._first_pause
