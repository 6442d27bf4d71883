"""How much one workspace may ask for at a time: previews a minute, uploads at once, segments in the log."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from app.core.errors import Rejected
from app.core.imports import TERMINAL, State

UNFINISHED_SEGMENTS = 256


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


class Backlog:
    """How many segments of each workspace lie in the log and are not finished.

    Counted from what this process produced and from what the tracker tells of every import.
    """

    def __init__(self, most: int = UNFINISHED_SEGMENTS) -> None:
        self._most = most
        self._running: dict[UUID, dict[UUID, tuple[int, int]]] = defaultdict(dict)
        self._ended: dict[UUID, set[UUID]] = defaultdict(set)
        self._moved: dict[UUID, asyncio.Event] = {}

    def produced(self, workspace: UUID, import_id: UUID, segments: int) -> None:
        """So many segments of this import were produced so far, by whomever."""
        if import_id in self._ended[workspace]:
            return
        before, done = self._running[workspace].get(import_id, (0, 0))
        self._running[workspace][import_id] = (max(before, segments), done)

    def changed(self, workspace: UUID, import_id: UUID, state: State | None) -> None:
        """The tracker told a new state, or forgot the import."""
        running, ended = self._running[workspace], self._ended[workspace]
        if state is None:
            running.pop(import_id, None)
            ended.discard(import_id)
        elif state.status in TERMINAL:
            running.pop(import_id, None)
            ended.add(import_id)
        else:
            produced, _ = running.get(import_id, (0, 0))
            running[import_id] = (max(produced, state.parts or 0, state.parts_done), state.parts_done)
        self.wake(workspace)

    def wake(self, workspace: UUID) -> None:
        """Whoever waits for room looks again."""
        moved = self._moved.get(workspace)
        if moved is not None:
            moved.set()

    def unfinished(self, workspace: UUID) -> int:
        return sum(produced - done for produced, done in self._running[workspace].values())

    def full(self, workspace: UUID) -> bool:
        return self.unfinished(workspace) >= self._most

    async def room(self, workspace: UUID, unless: Callable[[], bool] = lambda: False) -> None:
        """Waits until one more segment may be produced, or `unless` holds."""
        while self.full(workspace) and not unless():
            moved = self._moved.setdefault(workspace, asyncio.Event())
            moved.clear()
            await moved.wait()
