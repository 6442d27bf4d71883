"""After a fault: how long until work goes on, how long pages were dark, and whether anything is left behind."""

from collections import defaultdict
from itertools import pairwise
from uuid import UUID

from tests.faults.checks.ground import Finding, Ground, share
from tests.faults.checks.sight import accepted
from tests.faults.course import Fault

SERVERS = frozenset({"kafka", "postgres", "valkey"})
"""Not ours: what they hold follows from what was stored."""
SLACK_BYTES = 24 * 1024 * 1024
SLACK_FILES = 16
SLACK_CONNECTIONS = 12
"""Pools breathe."""


def in_time(ground: Ground) -> Finding:
    """I8: from a fault's end to the moment when every partition with work waiting has done some of it."""
    found = Finding()
    times = []
    for fault, seconds in recoveries(ground):
        if seconds is None:
            found.wrong.append(f"after {fault.what} some work was never gone on with")
        else:
            times.append(seconds)
    longest, limit = share(times, 0.95), ground.limits.recovery
    found.expect(longest <= limit, f"it takes {longest:.1f} s (p95) to go on, at most {limit:.1f} s is allowed")
    found.figures = {"faults": len(ground.evidence.faults), "ttr_p95": longest, "dark_p95": share(dark(ground), 0.95)}
    return found


def recoveries(ground: Ground) -> list[tuple[Fault, float | None]]:
    """Of each fault with work waiting at its end: seconds until all of its partitions moved; None: never."""
    done: dict[tuple[UUID, int], float] = {}
    for row in ground.evidence.ledger:
        done[row.import_id, row.index] = row.at
    waiting: dict[str, list[tuple[float, float | None]]] = defaultdict(list)
    for segment in ground.evidence.segments:
        if not ground.stopped(segment.import_id):
            at = done.get((segment.import_id, segment.index))
            waiting[f"{segment.topic}/{segment.partition}"].append((segment.at, at))
    found: list[tuple[Fault, float | None]] = []
    for fault in ground.evidence.faults:
        moved: list[float | None] = []
        for segments in waiting.values():
            left = [at for came, at in segments if came <= fault.ended and (at is None or at > fault.ended)]
            if left:
                ends = [at for at in left if at is not None]
                moved.append(min(ends) - fault.ended if ends else None)
        if moved:
            found.append((fault, None if None in moved else max(each for each in moved if each is not None)))
    return found


def dark(ground: Ground) -> list[float]:
    """Of each page and import: the longest time without news while it ran, in seconds."""
    found = []
    for watched in ground.evidence.watched:
        for seen in accepted(watched).values():
            gaps = [after.at - before.at for before, after in pairwise(seen)]
            if gaps:
                found.append(max(gaps))
    return found


def nothing_piles_up(ground: Ground) -> Finding:
    """I12: memory, open files and connections are back where they were."""
    found = Finding()
    before, after = ground.evidence.before, ground.evidence.after
    if before is None or after is None:
        return found
    growth = 1.0
    for name, memory in before.memory.items():
        if name in SERVERS:
            continue
        now, limit = after.memory.get(name, 0), memory * ground.limits.memory + SLACK_BYTES
        growth = max(growth, now / memory)
        found.expect(now, f"{name} is gone")
        found.expect(now <= limit, f"{name} holds {now / 2**20:.0f} MiB, and held {memory / 2**20:.0f}")
        files, had = after.files.get(name, 0), before.files.get(name, 0)
        found.expect(files <= had + SLACK_FILES, f"{name} has {files} files open, and had {had}")
    for name, count in after.connections.items():
        had = before.connections.get(name, 0)
        found.expect(count <= had + SLACK_CONNECTIONS, f"{name} has {count} connections, and had {had}")
    found.figures = {"growth": growth}
    return found
