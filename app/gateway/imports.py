"""The imports as the tracker last committed them: what Redis is compared with, and what is told while it is away."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from app import config
from app.bus import LiveMap
from app.core.channels import workspace_channel
from app.core.imports import ImportRecord, State
from app.core.topics import IMPORTS
from app.gateway.cache import room_name
from app.gateway.hub import shown

_records: msgspec.json.Decoder[ImportRecord] = msgspec.json.Decoder(ImportRecord)


class Imports:
    """A live map of every import, found by the rooms that hear of it."""

    def __init__(self, settings: config.Process, changed: Callable[[State], None] = lambda state: None) -> None:
        self._map: LiveMap[State] = LiveMap(settings, IMPORTS, self._decode, changed=self._index)
        self._changed = changed
        self._workspaces: dict[str, UUID] = {}
        self._rooms: dict[str, dict[str, State]] = {}

    async def start(self) -> None:
        """Returns once the map has caught up."""
        await self._map.start()

    async def stop(self) -> None:
        await self._map.stop()

    @property
    def ready(self) -> bool:
        return self._map.ready

    def get(self, workspace: UUID, import_id: str) -> State | None:
        return self._map.get(str(workspace), import_id)

    def about(self, room: str) -> list[State]:
        """What a snapshot of this room shows."""
        return shown(self._rooms.get(room, {}).values(), lambda state: state.finished_at)

    def _decode(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], State | None] | None:
        import_id = key.decode()
        if value is None:
            # A tombstone names only the import.
            workspace = self._workspaces.pop(import_id, None)
            return None if workspace is None else ((str(workspace), import_id), None)
        state = _records.decode(value).state
        self._workspaces[import_id] = state.workspace
        return (str(state.workspace), import_id), state

    def _index(self, key: tuple[str, ...], state: State | None) -> None:
        workspace, import_id = UUID(key[0]), key[1]
        if state is None:
            self._forget(workspace, import_id)
            return
        for channel in (workspace_channel(workspace), state.channel):
            if channel is not None:
                self._rooms.setdefault(room_name(workspace, channel), {})[import_id] = state
        self._changed(state)

    def _forget(self, workspace: UUID, import_id: str) -> None:
        # Rare (8 days after the end), so looking through the workspace's rooms is cheap enough.
        for name in [name for name, states in self._rooms.items() if import_id in states]:
            assert name.startswith(workspace.hex)
            del self._rooms[name][import_id]
            if not self._rooms[name]:
                del self._rooms[name]
