"""What the tracker tells of imports, and the runs that wait for it: for the last segment, or for room in the log.

Nothing is asked again and again: a change of an import's state wakes whoever waited for it. What waits is also in the
database, so that a fetcher that takes over partitions knows it too; a run that is woken twice does nothing twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

import msgspec

from app import bus, config
from app.backlog import Backlog
from app.core.imports import State, Status, decode_record
from app.core.topics import IMPORTS

Go = Callable[[], Awaitable[None]]


class Progress(NamedTuple):
    """How far an import has come in the database."""

    status: Status = "requested"
    parts_done: int = 0
    rejected: int = 0
    failed: int = 0

    @property
    def unwanted(self) -> bool:
        """Cancelled, or failed: nothing more is to be done for it."""
        return self.status in {"cancelled", "failed"}


NOTHING = Progress()


class _Seen(NamedTuple):
    state: State
    failed: int


class Imports:
    """Every import that the tracker knows; `told` hears of each change."""

    def __init__(self, settings: config.Process, told: Callable[[UUID, UUID, State | None], None]) -> None:
        self._told = told
        self._workspaces: dict[str, str] = {}
        self._map: bus.LiveMap[_Seen] = bus.LiveMap(settings, IMPORTS, self._decode, changed=self._changed)

    async def start(self) -> None:
        """Returns once it has caught up."""
        await self._map.start()

    async def stop(self) -> None:
        await self._map.stop()

    def progress(self, workspace: UUID, import_id: UUID) -> Progress:
        seen = self._map.get(str(workspace), str(import_id))
        if seen is None:
            return NOTHING
        return Progress(seen.state.status, seen.state.parts_done, seen.state.rejected, seen.failed)

    def _decode(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], _Seen | None] | None:
        import_id = key.decode()
        if value is None:
            # A tombstone does not say whose it was.
            workspace = self._workspaces.pop(import_id, None)
            return None if workspace is None else ((workspace, import_id), None)
        record = decode_record(value)
        self._workspaces[import_id] = str(record.state.workspace)
        state = msgspec.structs.replace(record.state, plan=None)
        return (str(state.workspace), import_id), _Seen(state, len(record.failed))

    def _changed(self, key: tuple[str, ...], seen: _Seen | None) -> None:
        workspace, import_id = key
        self._told(UUID(workspace), UUID(import_id), None if seen is None else seen.state)


class Waiting:
    """Runs that go on by `go` when their condition holds; each once."""

    def __init__(self) -> None:
        self._runs: dict[UUID, dict[UUID, tuple[Callable[[], bool], Go]]] = {}
        self._going: set[asyncio.Task[None]] = set()

    def add(
        self, workspace: UUID, import_id: UUID, ready: Callable[[], bool], go: Callable[[], Awaitable[None]]
    ) -> None:
        """Waits for `ready`; perhaps it is so already."""
        self._runs.setdefault(workspace, {})[import_id] = ready, go
        self.look(workspace)

    def look(self, workspace: UUID) -> None:
        """Something happened in this workspace."""
        runs = self._runs.get(workspace, {})
        for import_id, (ready, go) in list(runs.items()):
            if ready():
                del runs[import_id]
                task = asyncio.create_task(bus.forever(go, f"going on with {import_id}"))
                self._going.add(task)
                task.add_done_callback(self._going.discard)
        if not runs:
            self._runs.pop(workspace, None)

    async def stop(self) -> None:
        """What waits is taken up by the next one."""
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)


class Watch:
    """Both together: what `Fetching` looks at."""

    def __init__(self, settings: config.Process) -> None:
        self.backlog = Backlog()
        self.waiting = Waiting()
        self._imports = Imports(settings, self._told)

    async def start(self) -> None:
        await self._imports.start()

    async def stop(self) -> None:
        await self._imports.stop()
        await self.waiting.stop()

    def progress(self, workspace: UUID, import_id: UUID) -> Progress:
        return self._imports.progress(workspace, import_id)

    def _told(self, workspace: UUID, import_id: UUID, state: State | None) -> None:
        self.backlog.changed(workspace, import_id, state)
        self.waiting.look(workspace)
