"""The projector yields: when the machine is full, importers come first and the read model catches up afterwards.

The process lowers its own priority (`nice`), and that of its database sessions where those are processes of this
machine which it may touch; elsewhere the database decides. Not lower than NICE, and not SCHED_IDLE: a session that
hardly ever runs would hold its locks for as long, and others wait for them.
"""

import os
from pathlib import Path

from app.sql import Connection

NICE = 10


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
