"""How much of one workspace lies in the log: whoever produces segments waits here, so that none starves the others."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

from app.core.imports import TERMINAL, State

UNFINISHED_SEGMENTS = 256


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
