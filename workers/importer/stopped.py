"""Imports whose segments are not to be written any more: two live maps, reduced to that."""

from uuid import UUID

import msgspec

from app import bus, config
from app.core.settings import CANCEL
from app.core.topics import IMPORTS
from app.settings import Settings


class _State(msgspec.Struct, frozen=True):
    workspace: UUID
    status: str


class _Record(msgspec.Struct, frozen=True):
    """The little of an ImportRecord that is looked at here."""

    state: _State


_decode = msgspec.json.Decoder(_Record).decode


class Stopped:
    """Looks into memory only; within milliseconds of a cancel the answer changes.

    Between data centres a failed import keeps what came of it: the end may overtake segments on their way to one of
    them, which the other has merged long ago.
    """

    def __init__(self, settings: config.Process) -> None:
        self._stops = ("cancelled",) if settings.others else ("cancelled", "failed")
        self._settings = Settings(settings, keep=lambda name: name.startswith(CANCEL))
        self._workspaces: dict[str, str] = {}
        self._ended: bus.LiveMap[str] = bus.LiveMap(settings, IMPORTS, self._ends)

    async def start(self) -> None:
        """Returns once both maps have caught up."""
        await self._settings.start()
        await self._ended.start()

    async def stop(self) -> None:
        await self._settings.stop()
        await self._ended.stop()

    def __call__(self, workspace: UUID, import_id: UUID) -> bool:
        """Whether this import was cancelled, or has ended so that the rest of it is not wanted."""
        return (
            self._settings.get(workspace, f"{CANCEL}{import_id}") is not None
            or self._ended.get(str(workspace), str(import_id)) is not None
        )

    def _ends(self, key: bytes, value: bytes | None) -> tuple[tuple[str, ...], str | None] | None:
        import_id = key.decode()
        if value is None:
            # A tombstone does not say whose it was.
            workspace = self._workspaces.pop(import_id, None)
            return ((workspace, import_id), None) if workspace is not None else None
        state = _decode(value).state
        if state.status not in self._stops:
            return None
        self._workspaces[import_id] = str(state.workspace)
        return (str(state.workspace), import_id), state.status
