"""The projector yields: when the machine is full, importers come first and the read model catches up afterwards.

The process lowers its own priority (`nice`), and that of its database sessions where those are processes of this
machine which it may touch; elsewhere the database decides. Not lower than NICE, and not SCHED_IDLE: a session that
hardly ever runs would hold its locks for as long, and others wait for them. Instead it works less: while others want
the whole machine it rests REST times as long as it worked, unless that was little work.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.sql import Connection

NICE = 10
FULL = 0.7
"""The share of the processors that others must want before we rest."""
REST = 4.0
LONGEST_REST = 1.0
SMALL = 64 * 1024
"""Bytes of a record that is worth no rest."""
LOOK_SECONDS = 0.25


def yield_to_others() -> None:
    """Lowers the priority of this process, for good."""
    os.nice(NICE)


async def lower_session(connection: Connection) -> None:
    """Lowers the priority of a new database session, if it is one of this machine's processes."""
    pid = connection.info.backend_pid
    if _is_session(pid, connection.info.user):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
        except OSError:
            return  # another user's process: its priority is not ours to choose


def _is_session(pid: int, user: str) -> bool:
    """Whether `pid`, as the database calls it, means the same process here (it need not, across containers)."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return title.startswith(f"postgres: {user} ".encode())


class Turns:
    """Whose turn it is. Where Linux does not say how busy the machine is, it is always ours."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._looked_at = 0.0
        self._before = (0, 0)
        self._full = False
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Work on so many bytes is done inside; on a full machine one large piece at a time, and with a rest after it.

        Small pieces, as small imports have them, are shown at once: nobody's import is slower for them.
        """
        if size < SMALL or not self.full():
            yield
            return
        async with self._one_at_a_time:
            started = time.monotonic()
            yield
            await asyncio.sleep(min(REST * (time.monotonic() - started), LONGEST_REST) if self.full() else 0)

    def full(self) -> bool:
        """Whether others want most of the machine; what runs at a lower priority, as we do, does not count."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            wanted, total = self._times()
            passed = total - self._before[1]
            self._full = passed > 0 and (wanted - self._before[0]) / passed > FULL
            self._looked_at, self._before = now, (wanted, total)
        return self._full

    def _times(self) -> tuple[int, int]:
        """Ticks that the processors spent for others, and all ticks, since the machine started (proc(5))."""
        try:
            user, nice, system, idle, iowait, *more = map(int, self._stat.read_text().split("\n", 1)[0].split()[1:9])
        except (OSError, ValueError):
            return 0, 0
        return user + system, user + nice + system + idle + iowait + sum(more)
