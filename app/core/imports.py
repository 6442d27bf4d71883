"""What is known of an import: the state that people see, and the record that the tracker keeps of the facts.

requested ──▶ running ──▶ finished
    │            ├──────▶ failed
    └────────────┴──────▶ cancelled

How facts become a state is in `app.core.folding`.
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
    """What people see of an import (design.md section 6). `version` counts the distinct facts folded.

    `gone` contacts are deleted at their source, `deleted` of them here as well; no row of the import counts them.
    """

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
    gone: int = 0
    deleted: int = 0
    parts_done: int = 0
    parts: int | None = None
    plan: Plan | None = None
    requested_by: str = ""
    requested_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    last_received_at: float | None = None
    error: Failure | None = None


class IndexSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set of segment indexes: all below `until`, and those whose bit is set in `beyond` (bit 0 is `until`)."""

    until: int = 0
    beyond: bytes = b""

    def __contains__(self, index: int) -> bool:
        return index < self.until or bool(self._bits() >> (index - self.until) & 1)

    def __len__(self) -> int:
        return self.until + self._bits().bit_count()

    def add(self, index: int) -> "IndexSet":
        """The set with `index`; the low-water mark rises over everything that is complete."""
        if index in self:
            return self
        bits = self._bits() | 1 << (index - self.until)
        complete = (~bits & (bits + 1)).bit_length() - 1
        bits >>= complete
        return IndexSet(until=self.until + complete, beyond=bits.to_bytes((bits.bit_length() + 7) // 8, "little"))

    def covers(self, other: "IndexSet") -> bool:
        """Whether everything in `other` is in this set."""
        # `beyond` never has its lowest bit set: what `until` does not cover is not in the set.
        if other.until > self.until:
            return False
        return (other._bits() << other.until >> self.until) & ~self._bits() == 0

    def _bits(self) -> int:
        return int.from_bytes(self.beyond, "little")


class FailedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that was given up: its rows count as rejected until a later SegmentDone replaces it."""

    rows: int
    bytes: int
    reference: str = ""


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="import.state"):
    """The value on the topic `imports`. Others read `state`; the rest is the tracker's own memory of the facts.

    `requested` is False while only facts from before the `Requested` are known: such a state is kept, not told.
    """

    state: State
    requested: bool = False
    planned: bool = False
    done: IndexSet = IndexSet()
    projected: IndexSet = IndexSet()
    failed: dict[int, FailedPart] = {}
    sealed: int | None = None
    last_at: float = 0.0


_record_decoder = msgspec.json.Decoder(ImportRecord)


def decode_record(raw: bytes) -> ImportRecord:
    """Reads a value of the topic `imports`. Raises msgspec.DecodeError."""
    return _record_decoder.decode(raw)
