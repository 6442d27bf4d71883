"""The life of an import: facts are folded into a state, in any order and any number of times.

requested ──▶ running ──▶ finished
    │            ├──────▶ failed
    └────────────┴──────▶ cancelled
"""

from typing import Literal
from uuid import UUID

import msgspec

from app.core.reading.plan import Plan

Status = Literal["requested", "running", "finished", "failed", "cancelled"]
TERMINAL: frozenset[Status] = frozenset({"finished", "failed", "cancelled"})


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an import failed, or what was given up in one that finished."""

    code: str
    detail: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What people see of an import (design.md section 6). `version` counts the distinct facts folded."""

    id: UUID
    workspace: UUID
    version: int = 0
    source: str = "file"
    name: str = ""
    channel: str | None = None
    status: Status = "requested"
    visible: bool = False
    size: int | None = None
    bytes_received: int = 0
    bytes_done: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    parts_done: int = 0
    parts: int | None = None
    plan: Plan | None = None
    requested_by: str = ""
    requested_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    last_received_at: float | None = None
    error: Failure | None = None


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="import.state"):
    """The value on the topic `imports`. Others read `state`; the rest is the tracker's own memory of the facts."""

    state: State
