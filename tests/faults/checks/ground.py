"""What all checks stand on: expectation and evidence side by side, and what follows from the two."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID, uuid5

from app.core.events import Counts, SegmentDone, SegmentFailed
from app.core.imports import TERMINAL, State
from tests.faults import model
from tests.faults.evidence import Evidence, Ledgered, Part, Stored
from tests.faults.expected import Expectation, Upload
from tests.faults.views import View, of_stored

OUTCOMES = ("created", "updated", "unchanged", "duplicate", "rejected")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed: seconds to recover and to be seen (p95, the longest), work done again, growth of memory.

    `rework` is how often work may be done on an average. Of a short run a fault may take more: `in_hand` segments, two
    of each of the three importers, which is all that can be begun and not yet committed when it strikes.
    """

    recovery: float = 15.0
    view: float = 5.0
    rework: float = 1.1
    in_hand: int = 6
    memory: float = 1.2


@dataclass(slots=True)
class Finding:
    """What a check found: `wrong` are sentences, `figures` numbers by name."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def expect(self, holds: object, otherwise: str) -> None:
        """Notes what is wrong, unless it holds."""
        if not holds:
            self.wrong.append(otherwise)


class Ground:
    """One campaign as expected and as found."""

    def __init__(self, expectation: Expectation, evidence: Evidence, limits: Limits) -> None:
        self.expectation = expectation
        self.evidence = evidence
        self.limits = limits
        uploads = {upload.number: upload for upload in expectation.uploads}
        self.imports: dict[UUID, Upload] = {
            answers[0]: uploads[number] for number, answers in evidence.answers.items() if answers
        }
        self.numbers: Mapping[UUID, int] = {id_: number for number, id_ in evidence.workspaces.items()}

    def name(self, import_id: UUID) -> str:
        """How an import is called in a sentence."""
        upload = self.imports.get(import_id)
        return f"import {upload.number}" if upload else f"import {import_id}, for which nobody asked,"

    @cached_property
    def ends(self) -> dict[UUID, State]:
        """The newest state of each import."""
        found: dict[UUID, State] = {}
        for folded in self.evidence.states:
            state = folded.record.state
            if state.id not in found or found[state.id].version < state.version:
                found[state.id] = state
        return found

    @cached_property
    def finished(self) -> dict[UUID, Upload]:
        """The imports that came to a good end."""
        return {id_: upload for id_, upload in self.imports.items() if self.status(id_) == "finished"}

    def status(self, import_id: UUID) -> str:
        return self.ends[import_id].status if import_id in self.ends else "unknown"

    def stopped(self, import_id: UUID) -> bool:
        """Whether its segments need not be merged."""
        return self.status(import_id) in TERMINAL - {"finished"}

    @cached_property
    def seconds(self) -> dict[UUID, int]:
        """Import -> order second."""
        found = {segment.import_id: segment.second for segment in self.evidence.segments}
        return found | {job.import_id: job.second for job in self.evidence.jobs}

    @cached_property
    def spans(self) -> dict[UUID, dict[int, tuple[int, int]]]:
        """Import -> index of each segment -> its first line, and the line behind it."""
        found: dict[UUID, dict[int, tuple[int, int]]] = defaultdict(dict)
        for segment in self.evidence.segments:
            if segment.reference not in self.evidence.meant:
                found[segment.import_id].setdefault(segment.index, (segment.first_line, segment.end_line))
        return found

    @cached_property
    def ledger(self) -> dict[Part, Ledgered]:
        return {(row.import_id, row.index): row for row in self.evidence.ledger}

    @cached_property
    def merged(self) -> dict[UUID, set[int]]:
        """Import -> segments that are in the ledger."""
        found: dict[UUID, set[int]] = defaultdict(set)
        for row in self.evidence.ledger:
            found[row.import_id].add(row.index)
        return found

    @cached_property
    def given_up(self) -> dict[UUID, dict[int, int]]:
        """Import -> segments that were given up, and not brought back since -> their rows."""
        found: dict[UUID, dict[int, int]] = defaultdict(dict)
        for happened in self.evidence.facts:
            fact = happened.fact
            if isinstance(fact, SegmentFailed) and fact.index not in self.merged[fact.import_id]:
                found[fact.import_id][fact.index] = fact.rows
        return found

    @cached_property
    def done(self) -> dict[Part, list[Counts]]:
        """The counts that were told of each segment, once for each time."""
        found: dict[Part, list[Counts]] = defaultdict(list)
        for happened in self.evidence.facts:
            if isinstance(happened.fact, SegmentDone):
                found[happened.fact.import_id, happened.fact.index].append(happened.fact.counts)
        return found

    @cached_property
    def model(self) -> dict[UUID, dict[UUID, Stored]]:
        """Workspace -> contact -> what it must be, given the segments that were merged."""
        placed: dict[int, list[model.Placed]] = defaultdict(list)
        for import_id, upload in self.imports.items():
            spans, merged = self.spans[import_id], self.merged[import_id]
            if import_id in self.finished:
                # All of it has to be in the database, whatever the ledger says.
                merged = spans.keys() - self.given_up[import_id].keys()
            placed[upload.workspace].append(model.Placed(upload, self.seconds.get(import_id, 0), spans, merged))
        return {
            workspace: {uuid5(workspace, key): stored for key, stored in model.contacts(placed[number]).items()}
            for number, workspace in self.evidence.workspaces.items()
        }

    @cached_property
    def brought(self) -> dict[UUID, dict[int, UUID]]:
        """Workspace -> order second -> import."""
        found: dict[UUID, dict[int, UUID]] = {workspace: {} for workspace in self.numbers}
        for (workspace, second), import_id in self.evidence.sources.items():
            found[workspace][second] = import_id
        return found

    @cached_property
    def views(self) -> dict[UUID, dict[UUID, View]]:
        """Workspace -> contact -> what people must see of it, as the database has it."""
        return {
            workspace: {id_: of_stored(stored, self.brought[workspace]) for id_, stored in contacts.items()}
            for workspace, contacts in self.evidence.contacts.items()
        }

    def contacts(self) -> Iterator[tuple[UUID, UUID, Stored | None, Stored | None]]:
        """(workspace, contact, what it must be, what it is) of everybody who is or must be."""
        for workspace in self.evidence.workspaces.values():
            must, is_ = self.model[workspace], self.evidence.contacts.get(workspace, {})
            for id_ in must.keys() | is_.keys():
                yield workspace, id_, must.get(id_), is_.get(id_)


def share(values: list[float], part: float) -> float:
    """The value below which `part` of them are; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0
