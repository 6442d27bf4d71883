"""Uploads that were begun and are not complete, so that the same command goes on where an earlier one stopped.

What is kept is the request as it was sent, with its key: sent again it is the same import. It is forgotten once all
bytes are safe.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from addressbus_cli import folders
from addressbus_cli.sources import Source


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A request for an import, and when its file was last changed (ns)."""

    key: str
    body: dict[str, Any]
    changed_at: int


class Unfinished:
    """What is remembered of one file (by size and beginning) for one workspace of one server."""

    def __init__(self, source: Source, workspace: str, url: str, wanted: object, folder: Path | None = None) -> None:
        """`wanted` is what was asked for besides the file: something else is another import."""
        self._path: Path | None = None
        if source.key is not None:
            words = msgspec.json.encode([url, workspace, source.key, wanted])
            name = hashlib.sha256(words).hexdigest()[:32]
            self._path = (folder or folders.home()) / "uploads" / f"{name}.json"

    def find(self) -> Begun | None:
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Begun)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, begun: Begun) -> None:
        if self._path is not None:
            folders.write(self._path, msgspec.json.encode(begun))

    def forget(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
