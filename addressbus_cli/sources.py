"""The bytes to be sent: a file, or what comes through a pipe. Both can be read again from any byte."""

import asyncio
import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Protocol

from addressbus_cli.trouble import Trouble

PIECE_BYTES = 256 * 1024
HEAD_BYTES = 1024 * 1024


class Source(Protocol):
    """`size` is None as long as nobody knows it; `key` is the same for the same content, None where that is unknown."""

    name: str
    size: int | None
    key: str | None
    changed_at: int

    def pieces(self, offset: int) -> AsyncIterator[bytes]:
        """Everything from byte `offset` on. Raises Trouble."""
        ...

    def close(self) -> None: ...


class File:
    """A file on disk. Raises Trouble when it cannot be read."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                head = file.read(HEAD_BYTES)
        except OSError as error:
            raise Trouble(f"{path} cannot be read: {error.strerror}.") from error
        if not stat.S_ISREG(found.st_mode):
            raise Trouble(f"{path} is no file; what comes through a pipe is sent with `-`.")
        self._path = path
        self.name = path.name
        self.size: int | None = found.st_size
        self.key: str | None = hashlib.sha256(found.st_size.to_bytes(8, "big") + head).hexdigest()
        self.changed_at = found.st_mtime_ns

    async def pieces(self, offset: int) -> AsyncIterator[bytes]:
        """From `offset` to the end as it stood at first."""
        left = (self.size or 0) - offset
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                while left > 0:
                    piece = file.read(min(PIECE_BYTES, left))
                    if not piece:
                        raise Trouble(f"{self._path} became shorter while it was sent; begin again.")
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise Trouble(f"{self._path} cannot be read any more: {error.strerror}.") from error

    def close(self) -> None:
        """It is open only while it is read."""


class Pipe:
    """What comes through a pipe. It is kept in a temporary file, so that a broken connection costs nothing."""

    def __init__(self, pipe: IO[bytes], name: str = "standard input") -> None:
        self._pipe = pipe
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115  # as long as this process
        self._ended = False
        self.name = name
        self.size: int | None = None
        self.key: str | None = None
        self.changed_at = 0

    async def pieces(self, offset: int) -> AsyncIterator[bytes]:
        """From `offset` on: what came already, then what comes."""
        while True:
            self._kept.seek(offset)
            if piece := self._kept.read(PIECE_BYTES):
                offset += len(piece)
                yield piece
            elif self._ended:
                return
            else:
                await self._more()

    def close(self) -> None:
        """Forgets what came, and takes no more."""
        self._kept.close()
        self._pipe.close()

    async def _more(self) -> None:
        piece = await _in_thread(self._pipe)
        self._ended = not piece
        self._kept.seek(0, os.SEEK_END)
        self._kept.write(piece)


async def _in_thread(pipe: IO[bytes]) -> bytes:
    # Not `to_thread`: a thread that waits for a silent pipe must not keep the program from ending at Ctrl-C.
    loop = asyncio.get_running_loop()
    found: asyncio.Future[bytes] = loop.create_future()

    def tell(piece: bytes) -> None:
        if not found.done():
            found.set_result(piece)

    def read() -> None:
        piece = os.read(pipe.fileno(), PIECE_BYTES)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, piece)

    threading.Thread(target=read, daemon=True).start()
    return await found


def source(argument: str, name: str | None = None) -> Source:
    """The source that an argument means: a path, or `-`. Raises Trouble."""
    made: Source = Pipe(sys.stdin.buffer) if argument == "-" else File(Path(argument))
    if name is not None:
        made.name = name
    return made
