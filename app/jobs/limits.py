"""How much one workspace may ask for at a time: previews a minute, uploads at once."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.core.errors import Rejected


class Previews:
    """At most `per_minute` in any 60 seconds, for each workspace."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._times: dict[UUID, deque[float]] = defaultdict(deque)

    def take(self, workspace: UUID, now: float) -> None:
        """Counts one at `now` (monotonic seconds). Raises Rejected `too_many_requests`."""
        times = self._times[workspace]
        while times and times[0] <= now - 60:
            times.popleft()
        if len(times) >= self._per_minute:
            wait = int(60 - (now - times[0])) + 1
            raise Rejected("too_many_requests", f"That were many previews. Try again in {wait} s.", retry_after=wait)
        times.append(now)


class Streams:
    """At most `most` requests of one workspace send bytes at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[UUID] = Counter()

    @contextmanager
    def one(self, workspace: UUID) -> Iterator[None]:
        """Holds a place. Raises Rejected `too_many_uploads`."""
        if self._open[workspace] >= self._most:
            raise Rejected(
                "too_many_uploads", f"{self._most} uploads of this workspace are running already.", retry_after=10
            )
        self._open[workspace] += 1
        try:
            yield
        finally:
            self._open[workspace] -= 1
            if not self._open[workspace]:
                del self._open[workspace]
