"""Files that come from the server: whole, or not there."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from addressbus_cli.server import Server
from addressbus_cli.trouble import Trouble


async def save(server: Server, address: str, path: Path, **query: Any) -> int:
    """Writes what a GET answers to `path`, or to standard output for `-`; how many bytes. Raises Trouble.

    A file of that name is replaced only once all of the new one has come. Nobody else may read it: it is about people.
    """
    async with server.download(address, **query) as pieces:
        if str(path) == "-":
            count = 0
            async for piece in pieces:
                count += sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return count
        try:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        except OSError as error:
            raise Trouble(f"{path} cannot be written: {error.strerror}.") from error
        try:
            with open(handle, "wb") as file:
                async for piece in pieces:
                    file.write(piece)
            Path(name).replace(path)
        except OSError as error:
            raise Trouble(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            Path(name).unlink(missing_ok=True)
        return path.stat().st_size
