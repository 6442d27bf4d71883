"""Containers while they arrive: one file each in a folder of this process's own disk, until they are cut.

What another web process kept is not here; then the upload begins anew (`Spool.resume`).
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO
from uuid import UUID

from crc32c import crc32c

from app.core.errors import TryAgain

_STEP = 1024 * 1024


class Spool:
    """The folder, DATA_DIR/spool: made when it is first needed, for our eyes only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    def path(self, workspace: UUID, import_id: UUID) -> Path:
        return self._folder / f"{workspace.hex}.{import_id.hex}"

    async def begin(self, workspace: UUID, import_id: UUID) -> "Spooled":
        """An empty file for a container; what was there of it is dropped."""
        return Spooled(await asyncio.to_thread(self._begin, workspace, import_id))

    async def resume(self, workspace: UUID, import_id: UUID, received: int, checksum: int) -> "Spooled | None":
        """The file, cut back to what is safe; None if these bytes are not here."""
        return await asyncio.to_thread(self._resume, workspace, import_id, received, checksum)

    async def has(self, workspace: UUID, import_id: UUID) -> bool:
        """Whether something of this container is here."""
        return await asyncio.to_thread(self.path(workspace, import_id).exists)

    async def remove(self, workspace: UUID, import_id: UUID) -> None:
        await asyncio.to_thread(self.path(workspace, import_id).unlink, missing_ok=True)

    async def kept(self) -> Sequence[tuple[UUID, UUID]]:
        """(workspace, import) of every container here."""
        return await asyncio.to_thread(self._kept)

    def _kept(self) -> list[tuple[UUID, UUID]]:
        if not self._folder.exists():
            return []
        found = []
        for path in self._folder.iterdir():
            workspace, dot, import_id = path.name.partition(".")
            if dot and len(workspace) == len(import_id) == 32:
                found.append((UUID(workspace), UUID(import_id)))
        return found

    def _resume(self, workspace: UUID, import_id: UUID, received: int, checksum: int) -> "Spooled | None":
        try:
            before = self.path(workspace, import_id).open("rb")
        except FileNotFoundError:
            return None
        with before:
            file = self._begin(workspace, import_id)
            if _copied(before, file, received) == checksum:
                return Spooled(file)
        file.close()
        self.path(workspace, import_id).unlink(missing_ok=True)
        return None

    def _begin(self, workspace: UUID, import_id: UUID) -> IO[bytes]:
        """A new file under this name: whoever still writes the older one writes into nothing."""
        path = self.folder / self.path(workspace, import_id).name
        path.unlink(missing_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


class Spooled:
    """One container on the disk; its methods are not to be called at the same time. They may raise TryAgain."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    async def write(self, data: bytes) -> None:
        """Appends."""
        await asyncio.to_thread(self._do, data, False)

    async def sync(self) -> None:
        """What was written survives a power cut afterwards."""
        await asyncio.to_thread(self._do, b"", True)

    def close(self) -> None:
        """What was not synced may be lost."""
        with suppress(OSError):
            self.file.close()

    def _do(self, data: bytes, sync: bool) -> None:
        try:
            self.file.write(data)
            self.file.flush()
            if sync:
                os.fsync(self.file.fileno())
        except OSError as error:
            raise TryAgain(f"the spool takes nothing: {error.strerror}") from error


def _copied(source: IO[bytes], target: IO[bytes], size: int) -> int:
    """Copies at most so many bytes; their checksum."""
    checksum = 0
    while size and (piece := source.read(min(size, _STEP))):
        target.write(piece)
        checksum = crc32c(piece, checksum)
        size -= len(piece)
    target.flush()
    return checksum
