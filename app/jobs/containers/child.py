"""Unpacks containers in limited processes of their own, few at a time (`__main__.py` is what runs there)."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from app.jobs.containers.parts import Refused, Unpacked, too_large_inside, unreadable
from app.jobs.containers.spool import Spool

log = logging.getLogger(__name__)

AT_ONCE = 2
SECONDS = 120
MODULE = "app.jobs.containers"
_ROOT = Path(__file__).parents[3]
_OUT_OF_LIMITS = frozenset({-6, -9, -14, -24, -25})
"""Ends by SIGABRT (no memory), SIGKILL, SIGALRM, SIGXCPU, SIGXFSZ."""


class Texts(NamedTuple):
    """What was found, and the file with the texts of it, which goes when it is closed."""

    found: Unpacked
    file: IO[bytes]


class Unpacker:
    """Unpacks what lies in the spool, and anything else."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._turn = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def texts(self, container: IO[bytes], most: int = 0) -> AsyncIterator[Texts]:
        """The texts of a container, at most `most` bytes of each (0: all). Raises Rejected."""
        with tempfile.TemporaryFile(dir=self.spool.folder) as target:
            async with self._turn:
                found = await _run(container, target, most)
            yield Texts(found, target)


async def _run(container: IO[bytes], target: IO[bytes], most: int) -> Unpacked:
    source = container.fileno()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        str(source),
        str(target.fileno()),
        str(most),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(source, target.fileno()),
        cwd=_ROOT,
        env={},
    )
    try:
        async with asyncio.timeout(SECONDS):
            told, errors = await process.communicate()
    except TimeoutError:
        log.warning("a container took too long")
        raise too_large_inside() from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode in _OUT_OF_LIMITS:
        log.info("a container was beyond the limits", extra={"status": process.returncode})
        raise too_large_inside()
    if process.returncode:
        # The reader came to grief over this file, and would again: nobody is helped by trying.
        log.error(
            "a container could not be read",
            extra={"status": process.returncode, "error": errors[-2000:].decode(errors="replace")},
        )
        raise unreadable()
    return _read(told)


def _read(told: bytes) -> Unpacked:
    try:
        return msgspec.json.decode(told, type=Unpacked)
    except msgspec.ValidationError:
        raise msgspec.json.decode(told, type=Refused).as_error() from None
