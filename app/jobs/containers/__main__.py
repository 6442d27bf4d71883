"""The limited process that unpacks one container and ends: python -m app.jobs.containers SOURCE TARGET MOST

SOURCE and TARGET are file descriptors: the container, and an empty file for the texts in it, of which at most MOST
bytes each are needed (0: all). Prints what was found as JSON (parts.Unpacked or parts.Refused). Whatever is in the
file, this process gets no environment, little memory and time, and can do no more harm than end.
"""

import ctypes
import os
import resource
import signal
import sys

import msgspec

from app.core.errors import Rejected
from app.jobs.containers.parts import MAX_TEXT_BYTES, Refused, too_large_inside
from app.jobs.containers.unpacking import unpack

MEMORY_BYTES = 768 * 1024**2
CPU_SECONDS = 60
WALL_SECONDS = 120
_PR_SET_PDEATHSIG = 1


def main() -> None:
    source, target, most = map(int, sys.argv[1:4])
    _limit()
    try:
        with os.fdopen(source, "rb") as file, os.fdopen(target, "wb") as texts:
            found = unpack(file, texts, most)
        told = msgspec.json.encode(found)
    except Rejected as error:
        told = msgspec.json.encode(Refused(code=error.code, detail=error.detail))
    except MemoryError:
        refused = too_large_inside()
        told = msgspec.json.encode(Refused(code=refused.code, detail=refused.detail))
    sys.stdout.buffer.write(told)


def _limit() -> None:
    """From here on this process can do little, and does not outlive the one that started it for long."""
    _at_most(resource.RLIMIT_CPU, CPU_SECONDS)
    _at_most(resource.RLIMIT_FSIZE, MAX_TEXT_BYTES + 1024**2)
    _at_most(resource.RLIMIT_CORE, 0)
    _at_most(resource.RLIMIT_NOFILE, 32)
    if sys.platform == "linux":
        # macOS refuses this limit; there the time is what bounds it.
        _at_most(resource.RLIMIT_AS, MEMORY_BYTES)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(WALL_SECONDS)


def _at_most(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
