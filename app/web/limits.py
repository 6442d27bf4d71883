"""How often: one bucket of tokens per key, in memory. Several web processes each grant their own share."""

from collections import OrderedDict
from math import ceil

from app.core.errors import Rejected

_KEYS = 10_000
"""How many keys are remembered; the one not seen for longest is forgotten, which forgives it."""


class Rate:
    """At most `per_minute` a minute for each key, all of which may come at once."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> None:
        """Counts one use at `now` (monotonic seconds). Raises Rejected `too_many_requests` with `retry_after`."""
        left, then = self._buckets.pop(key, (float(self._per_minute), now))
        left = min(left + (now - then) * self._per_minute / 60, float(self._per_minute))
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _KEYS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, ceil((1 - left) * 60 / self._per_minute))
            raise Rejected("too_many_requests", f"That was too often. Try again in {wait} s.", retry_after=wait)
