"""What whoever runs a campaign writes down as it goes: who was asked for what, what was broken when, who listened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.faults.witness import Witness


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that was broken, and when (Unix seconds). A kill ends when it is done: `began` == `ended`."""

    what: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What was committed in Kafka at one moment, and a snapshot of PostgreSQL that was taken only then.

    `committed` is topic/partition -> offset, of the importers' groups; `snapshot` is `pg_current_snapshot()` as text.
    """

    at: float
    committed: Mapping[str, int]
    snapshot: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the stack holds at one moment: per process resident memory (bytes) and open files, and connections.

    `connections` counts those of PostgreSQL and Redis under these names.
    """

    memory: Mapping[str, int]
    files: Mapping[str, int]
    connections: Mapping[str, int]


@dataclass(slots=True)
class Course:
    """A campaign's own record. `workspaces` and `uploads` are named by their numbers in the expectation.

    `answers` has every import id that a request (or its repeat) was answered with; `healed` is when the last fault had
    been undone (Unix seconds); `before` is taken when the stack has done some work and rests, `after` at the end.
    `began` (Unix seconds) spares reading what lies in the topics from before the workspaces were made; 0 reads all.
    `letters` are references (`topic/partition/offset`) of records that were meant to be given up.
    """

    workspaces: Mapping[int, UUID]
    answers: dict[int, list[UUID]] = field(default_factory=dict)
    witnesses: list[Witness] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    began: float = 0.0
    healed: float = 0.0
    before: Usage | None = None
    after: Usage | None = None
    letters: Sequence[str] = ()

    def answered(self, upload: int, import_id: UUID | str) -> None:
        """A request for this upload, or its repeat, was answered with this id."""
        self.answers.setdefault(upload, []).append(UUID(str(import_id)))
