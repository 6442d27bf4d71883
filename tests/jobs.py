"""Jobs as the jobs service writes them down, with nothing remarkable about them unless a test says so."""

from typing import Any
from uuid import UUID

from app.jobs.jobs import Job

NOW = 1_800_000_000.0


def new_job(workspace: UUID, id_: UUID, **fields: Any) -> Job:
    """A request for an import of a file, of which nothing has come."""
    values: dict[str, Any] = {
        "request_hash": b"hash",
        "order_second": 0,
        "source": "file",
        "name": "a.csv",
        "size": None,
        "channel": None,
        "requested_by": "ada@example.org",
        "requested_at": NOW,
        "given": None,
        "version": 1,
        "phase": "open",
        "told": False,
        "received": 0,
        "checksum": 0,
        "plan": None,
        "head": None,
        "cutter": None,
        "failure": None,
        "cancelled_by": None,
    }
    return Job(workspace=workspace, id=id_, **{**values, **fields})
