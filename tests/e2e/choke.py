"""A proxy that stops or cuts an upload after some bytes: a cable that somebody pulls at a moment of our choice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlsplit


class Choke:
    """Passes everything on; of the next PATCH only `after` bytes, then it holds still or cuts the connection."""

    def __init__(self) -> None:
        self.url = ""
        self.after: int | None = None
        self.then: Literal["hold", "cut"] = "hold"
        self.reached = asyncio.Event()
        self.offsets: list[int] = []
        self._passing: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._served(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def close(self) -> None:
        """Ends every connection that still holds."""
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._pass(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            await _closed(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.rstrip().split("\r\n")
        method, target, _ = line.split()
        found = urlsplit(f"//{target}" if method == "CONNECT" else target)
        upstream, server = await asyncio.open_connection(found.hostname, found.port or 80)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            # One request a connection, so that each passes here.
            kept = [header for header in headers if not header.lower().startswith(("connection:", "proxy-"))]
            path = f"{found.path}?{found.query}" if found.query else found.path
            lines = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
            server.write("\r\n".join(lines).encode())
        most = None
        if method == "PATCH":
            self.offsets += [int(header.split(":")[1]) for header in headers if header.lower().startswith("upload-off")]
            most, self.after = self.after, None
        back = asyncio.create_task(_copy(upstream, writer))
        try:
            if await _copy(reader, server, most):
                self.reached.set()
                if self.then == "cut":
                    return
            await back
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            await _closed(server)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None = None) -> bool:
    """Until the end, or `most` bytes (then true)."""
    passed = 0
    while data := await reader.read(65_536 if most is None else min(65_536, most - passed)):
        writer.write(data)
        await writer.drain()
        passed += len(data)
        if passed == most:
            return True
    return False


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def choke() -> AsyncIterator[Choke]:
    made = Choke()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()
