"""Sends bytes to an upload (tus 1.0) until all of them are safe, through every broken connection."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import httpx

from addressbus_cli.server import LONGEST_WAIT, Server, refusal, retry_after
from addressbus_cli.sources import Source
from addressbus_cli.trouble import Busy, Unreachable

TUS = {"Tus-Resumable": "1.0.0"}
FIRST_PAUSE = 0.5
PATIENCE = 180.0
"""Seconds without a server after which the person is told, instead of trying on."""

Tell = Callable[[int | None], None]
"""Hears how many bytes were sent so far; None while the connection is lost."""


class DifferentFile(Exception):
    """What was sent before is not the beginning of this file."""


async def send(
    server: Server, url: str, source: Source, tell: Tell, *, verify: bool = False, patience: float = PATIENCE
) -> None:
    """Returns once all bytes are safe. `verify` sends all of them, so that the server compares what it has.

    Raises Unreachable after `patience` seconds without a server, Refused, and DifferentFile with `verify`.
    """
    # Whatever host stands in the address: the token goes to our server only.
    path = urlsplit(url).path
    lost_at, pause = None, FIRST_PAUSE
    while True:
        try:
            if await _attempt(server, path, source, tell, verify=verify):
                return
            lost_at, pause = None, FIRST_PAUSE
        except Busy:
            lost_at = None
        except Unreachable:
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > patience:
                raise
        tell(None)
        await asyncio.sleep(random.uniform(0.1, pause))  # noqa: S311  # no secret
        pause = min(pause * 2, LONGEST_WAIT)


async def _attempt(server: Server, path: str, source: Source, tell: Tell, *, verify: bool) -> bool:
    """Asks where the upload stands and sends the rest; whether it is complete."""
    answer = await server.exchange("HEAD", path, headers=TUS)
    if not answer.is_success:
        return await _settled(server, answer)
    if answer.headers.get("upload-complete") == "?1":
        return True
    offset = 0 if verify else int(answer.headers["upload-offset"])
    tell(offset)
    headers = {**TUS, "Upload-Complete": "?1", "Content-Type": "application/offset+octet-stream"}
    if source.size is not None:
        headers["Content-Length"] = str(source.size - offset)
    if verify:
        answer = await server.exchange("PUT", path, content=_told(source, 0, tell), headers=headers)
    else:
        headers["Upload-Offset"] = str(offset)
        answer = await server.exchange("PATCH", path, content=_told(source, offset, tell), headers=headers)
    return answer.is_success or await _settled(server, answer)


async def _told(source: Source, offset: int, tell: Tell) -> AsyncIterator[bytes]:
    async for piece in source.pieces(offset):
        yield piece
        offset += len(piece)
        tell(offset)


async def _settled(server: Server, answer: httpx.Response) -> bool:
    """Waits where another attempt makes sense. Raises Refused, DifferentFile."""
    wait = retry_after(answer)
    if wait is not None:
        await asyncio.sleep(min(wait, LONGEST_WAIT))
        return False
    error = refusal(answer, server.login.url)
    if error.code == "different_file":
        raise DifferentFile
    if error.http >= 500 or error.http == 408 or error.code == "wrong_offset":
        return False
    raise error
