"""The invariants I1 to I12, each a pure function from `Ground` to `Finding`."""

from collections.abc import Callable

from tests.faults.checks import contents, endings, recovery, sight, work
from tests.faults.checks.ground import Finding, Ground

CHECKS: tuple[tuple[str, str, Callable[[Ground], Finding]], ...] = (
    ("I1", "every import ends, and every row has its outcome", endings.nothing_is_lost),
    ("I2", "contacts are what they must be, each written once a segment", contents.contacts_are_right),
    ("I3", "nothing is told that was not committed", work.only_what_is_committed),
    ("I4", "a segment has one content and one result", work.one_result),
    ("I5", "no offset is committed before its effect", work.offsets_behind_effects),
    ("I6", "progress never goes back, and of two statements the right one wins", sight.only_forward),
    ("I7", "at rest all views are the database", sight.all_agree),
    ("I8", "after each fault work goes on in time", recovery.in_time),
    ("I9", "one request is one import, however often it is sent", endings.one_import_a_request),
    ("I10", "each import ends once, with counts that are right", endings.one_end),
    ("I11", "nothing of one workspace is in another", contents.nothing_strays),
    ("I12", "processes hold no more than before", recovery.nothing_piles_up),
)
"""(name, what holds, how it is judged)."""
