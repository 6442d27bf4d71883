"""What a campaign left behind, as plain data: rows of tables, records of topics, frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from app.core.events import AnyFact, Counts, Notice
from app.core.imports import ImportRecord, State
from tests.faults.course import Fault, Sample, Usage
from tests.faults.witness import Heard

Mark = tuple[int, str, int]
"""Of an element of a set, or of a custom value: the position or stamp that wrote it, its text, its place in its row."""
Part = tuple[UUID, int]
"""A segment: import and index."""


class Stored(NamedTuple):
    """A contact of `contacts.contacts`, or what it must be. `fields` has (stamp, value) of each field ever written."""

    key: str
    fields: Mapping[str, tuple[int, str]]
    sets: Mapping[str, Mark]
    custom: Mapping[str, Mark]
    sources: tuple[int, ...]
    born: int
    last: int
    version: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Ledgered:
    """A row of `contacts.ledger`. `at` is when its transaction began (Unix seconds), `xid` which one it was."""

    workspace: UUID
    import_id: UUID
    index: int
    crc: int
    counts: Counts
    at: float
    xid: int


class Job(NamedTuple):
    """A row of `jobs.imports`. `told`: the fact that ends its upload is acknowledged."""

    workspace: UUID
    import_id: UUID
    second: int
    phase: str
    told: bool


class Shown(NamedTuple):
    """A row of `lookup.contacts`; `listed` says whether it can be found (`lookup.entries`)."""

    version: int
    deleted: bool
    listed: bool
    doc: bytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """A rejected row, as a topic or the read model has it."""

    import_id: UUID
    index: int
    row: int
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A record of a segment topic. `crc` is what its header says, `sum` that of its bytes; `at` is Unix seconds.

    Its lines are those from `first_line` to before `end_line`.
    """

    topic: str
    partition: int
    offset: int
    at: float
    workspace: UUID
    import_id: UUID
    index: int
    second: int
    first_line: int
    end_line: int
    crc: int
    sum: int

    @property
    def reference(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Happened(NamedTuple):
    """A record of `import.facts`."""

    at: float
    fact: AnyFact


class Folded(NamedTuple):
    """A record of `imports`, in the order of its partition."""

    at: float
    record: ImportRecord


class Addressed(NamedTuple):
    """A record of `notices`."""

    at: float
    notice: Notice


@dataclass(frozen=True, slots=True)
class Changed:
    """A record of `contacts.changed`; `contacts` are (id, version, JSON)."""

    at: float
    workspace: UUID
    import_id: UUID
    index: int
    part: int
    parts: int
    contacts: tuple[tuple[UUID, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """A record of `import.problems`."""

    workspace: UUID
    import_id: UUID
    index: int
    part: int
    parts: int
    troubles: tuple[Trouble, ...]


class Letter(NamedTuple):
    """A record of `dead` or of a retry topic. `origin` is where it was first seen (topic/partition/offset)."""

    topic: str
    origin: str
    reason: str


class Watched(NamedTuple):
    """What a witness heard. `refused` says why it may not come back, "" if it may."""

    name: str
    workspace: UUID
    channel: str
    frames: tuple[Heard, ...]
    refused: str = ""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """All that is known of a campaign, of its workspaces only. Workspaces and uploads have their numbers.

    `contacts` and `shown` are by workspace and contact, `sources` is (workspace, order second) -> import, `kept` the
    newest state of each import in the read model, `lag` how many records each consumer group has not done, by topic.
    """

    workspaces: Mapping[int, UUID]
    answers: Mapping[int, Sequence[UUID]]
    contacts: dict[UUID, dict[UUID, Stored]] = field(default_factory=dict)
    shown: dict[UUID, dict[UUID, Shown]] = field(default_factory=dict)
    sources: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    ledger: list[Ledgered] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    kept: dict[UUID, State] = field(default_factory=dict)
    listed_problems: list[Trouble] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    facts: list[Happened] = field(default_factory=list)
    states: list[Folded] = field(default_factory=list)
    notices: list[Addressed] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    problems: list[Complaint] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    lag: dict[str, int] = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)
    faults: Sequence[Fault] = ()
    samples: Sequence[Sample] = ()
    healed: float = 0.0
    before: Usage | None = None
    after: Usage | None = None
    meant: frozenset[str] = frozenset()
