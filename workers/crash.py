"""Named places where a fault test can kill a worker: CRASH_AT=committed:3 ends it the third time it gets there."""

import os
from collections.abc import Mapping

IMPORTING = (
    "polled",  # a record was taken, nothing is done yet
    "claimed",  # the ledger row is written, not committed
    "staged",  # the rows are in the temporary table
    "merged",  # the upsert is done, not committed
    "committed",  # all of it is in the database, nobody was told
    "half told",  # some results are on their way, none is known to be safe
    "told",  # results are acknowledged, the segment is not yet reported done
    "reported",  # SegmentDone is acknowledged, the record is not
)
"""Every step of an importer between taking a record and acknowledging it, in order."""

FETCHING = (
    "polled",
    "fetched",  # a provider's page is in memory, and nowhere else
    "kept",  # the page is in the fetcher's database, nobody was told
    "told",  # its segments are acknowledged
    "asked on",  # the request for the next page is acknowledged, this page still kept
    "forgotten",  # the page is gone from the fetcher's database, the record not acknowledged
    "swept",  # the last segment of an account's import is in the log, the import is not sealed
    "sealed",  # and now it is, but the fetcher does not know
)
"""Every step of a fetcher."""

TRACKING = (
    "polled",  # a batch of facts was taken, nothing is done yet
    "folded",  # states are new in memory, nobody was told
    "told",  # notices are acknowledged, nothing is committed
    "written",  # the states are in an open transaction, the offset is not
    "offered",  # and so is the offset, the transaction is still open
    "committed",  # both are in Kafka, the tracker does not know
)
"""Every step of a tracker; its acknowledgement is the commit of the transaction."""

PROJECTING = (
    "polled",
    "committed",  # contacts are in the read model, nobody was told
    "reported",  # Projected is acknowledged, the record is not
    "noted",  # rejected rows are in the read model, the record is not acknowledged
    "remembered",  # an import's state is in the read model, the record is not acknowledged
)
"""Every step of a projector; each of its topics goes through some of them."""

STEPS = {"importer": IMPORTING, "fetcher": FETCHING, "tracker": TRACKING, "projector": PROJECTING}
"""Worker -> all of its steps."""
POINTS = frozenset(step for steps in STEPS.values() for step in steps)

_armed: dict[str, int] = {}


def arm(environ: Mapping[str, str]) -> None:
    """Reads CRASH_AT (`name` or `name:n`). Raises ValueError for a place that does not exist."""
    name, _, count = environ.get("CRASH_AT", "").partition(":")
    if not name:
        return
    if name not in POINTS:
        raise ValueError(f"CRASH_AT names no step: {name!r} (there are {', '.join(sorted(POINTS))})")
    _armed[name] = int(count or 1)


def point(name: str) -> None:
    """Ends the process here, as `kill -9` would, if it was armed for it."""
    if not _armed:
        return
    left = _armed.get(name)
    if left is None:
        return
    _armed[name] = left - 1
    if left <= 1:
        os._exit(137)
