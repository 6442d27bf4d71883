"""How much of one workspace lies in the log: whoever produces segments waits here, so that none starves the others.

The log is worked off in the order in which it was written, so what somebody has waiting in it is their share of the
importers: a workspace with ten imports has no more than one with a single one, if both have the same at most. And it
is how long whoever comes next must wait, so it is no more than keeps the importers busy, and less for each the more
workspaces there are.

The express lane is for imports that must not wait behind big ones, whoever's. It stays so because nobody has more than
a few segments in it at a time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.core.imports import TERMINAL, State

UNFINISHED_SEGMENTS = 64
"""Of one workspace: some seconds of work, and a few for each partition, so that no importer runs dry meanwhile."""
TOGETHER = 256
"""Of all workspaces together, as long as each has LEAST."""
LEAST = 16
EXPRESS_UNFINISHED = 8
"""Of one workspace in the express lane, beside the first segment of each import."""


@dataclass(slots=True)
class _Import:
    """So many segments were produced, so many of them by the express lane, where they are the first to be done."""

    produced: int = 0
    express: int = 0
    done: int = 0


class Backlog:
    """How many segments of each workspace lie in the log and are not finished.

    Counted from what this process produced and from what the tracker tells of every import.
    """

    def __init__(self, most: int = UNFINISHED_SEGMENTS) -> None:
        self._most = most
        self._running: dict[UUID, dict[UUID, _Import]] = defaultdict(dict)
        self._ended: dict[UUID, set[UUID]] = defaultdict(set)
        self._busy: set[UUID] = set()
        self._moved: dict[UUID, asyncio.Event] = {}

    def produced(self, workspace: UUID, import_id: UUID, segments: int, *, express: bool = False) -> None:
        """So many segments of this import were produced so far, by whomever; if `express`, all by the express lane."""
        if import_id in self._ended[workspace]:
            return
        known = self._running[workspace].setdefault(import_id, _Import())
        known.produced = max(known.produced, segments)
        if express:
            known.express = max(known.express, segments)
        self._notice(workspace)

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
            known = running.setdefault(import_id, _Import())
            known.produced = max(known.produced, state.parts or 0, state.parts_done)
            known.done = state.parts_done
        self._notice(workspace)
        self.wake(workspace)

    def wake(self, workspace: UUID) -> None:
        """Whoever waits for room looks again."""
        moved = self._moved.get(workspace)
        if moved is not None:
            moved.set()

    def unfinished(self, workspace: UUID) -> int:
        return sum(known.produced - known.done for known in self._running[workspace].values())

    def full(self, workspace: UUID, *, express: bool = False) -> bool:
        """Whether this workspace has its share, of all or of the `express` lane."""
        if express:
            waiting = sum(max(known.express - known.done, 0) for known in self._running[workspace].values())
            return waiting >= EXPRESS_UNFINISHED
        return self.unfinished(workspace) >= self.share(workspace)

    def share(self, workspace: UUID) -> int:
        """How many unfinished segments this workspace may have, beside the others that have some."""
        workspaces = len(self._busy | {workspace})
        return self._most if workspaces == 1 else min(self._most, max(LEAST, TOGETHER // workspaces))

    async def room(self, workspace: UUID, unless: Callable[[], bool] = lambda: False, *, express: bool = False) -> None:
        """Waits until one more segment may be produced, or `unless` holds."""
        while self.full(workspace, express=express) and not unless():
            moved = self._moved.setdefault(workspace, asyncio.Event())
            moved.clear()
            await moved.wait()

    def _notice(self, workspace: UUID) -> None:
        """Who has nothing left to be done leaves room to all others."""
        if self.unfinished(workspace) > 0:
            self._busy.add(workspace)
        elif workspace in self._busy:
            self._busy.remove(workspace)
            for other in self._moved:
                self.wake(other)
