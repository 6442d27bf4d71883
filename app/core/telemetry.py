"""How each process, consumer group and topic is, told on the topic `telemetry` and shown to operators.

A process tells of itself; groups and topics are measured from outside (app/observing.py). Each record is whole and
replaces the one before it.
"""

from typing import Literal

import msgspec

Status = Literal["running", "finished", "failed"]


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What has an `id` (`process:importer.1`, the record's key) was like this at `version`, in Unix milliseconds.

    Of two records the one with the higher version holds. `finished`: it said goodbye; `failed`: it fell silent.
    """

    id: str
    version: int
    site: str
    status: Status = "running"
    finished_at: float | None = None


class ProcessSeen(Seen, frozen=True, kw_only=True, tag="telemetry.process"):
    """One process. `kind` is its name in the Procfile, and that of its consumer group.

    `missing` is what keeps it from its work, in words; `partitions` are those it owns, by topic; `figures` are totals
    since its start or numbers of the moment; `delays` counts events by how late the first socket heard of them, under
    upper bounds in seconds, each with all below it; `cpu` is seconds of processor time, `memory` bytes.
    """

    name: str
    kind: str
    started_at: float
    missing: str = ""
    partitions: dict[str, tuple[int, ...]] = {}
    rebalances: int = 0
    figures: dict[str, float] = {}
    delays: dict[str, float] = {}
    cpu: float = 0.0
    memory: int = 0


class Behind(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A consumer group on one partition: the log's `end`, the offset up to which all is `done`.

    `waiting` records are not finished; the oldest of them is `oldest` seconds old.
    """

    end: int
    done: int
    waiting: int = 0
    oldest: float = 0.0


class GroupSeen(Seen, frozen=True, kw_only=True, tag="telemetry.group"):
    """One consumer group: how far it is on each partition of each topic, in their order; `paused` by an operator."""

    name: str
    topics: dict[str, tuple[Behind, ...]]
    paused: bool = False


class TopicSeen(Seen, frozen=True, kw_only=True, tag="telemetry.topic"):
    """One topic: the first and the next offset of each partition. `letters` (of `dead`) wait to be brought back."""

    name: str
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    letters: int = 0


AnySeen = ProcessSeen | GroupSeen | TopicSeen
