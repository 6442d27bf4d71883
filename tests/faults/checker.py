"""Holds what became of a campaign against what was expected: one line per invariant, I1 to I12, with figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.course import Course
from tests.faults.expected import Expectation


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant: `wrong` says what does not hold, in at most 20 short sentences; `count` has them all."""

    name: str
    title: str
    figures: Mapping[str, float]
    wrong: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the checker found. `figures`: loss, dup, miscount, stuck, ttr_p95, dark_p95, view_delay (s), rework."""

    verdicts: tuple[Verdict, ...]
    figures: Mapping[str, float]

    @property
    def ok(self) -> bool:
        return not any(verdict.count for verdict in self.verdicts)

    def lines(self) -> list[str]:
        """One line per invariant, what is wrong indented below it, and one line with the figures."""
        raise NotImplementedError


async def check(expectation: Expectation, course: Course, facts: Mapping[str, Any]) -> Report:
    """Reads PostgreSQL, all topics from their beginnings and the witnesses' frames, and judges them.

    `facts` is stack.json (`Whole.facts()`). To be called when the quiet phase is over: whatever is unfinished is stuck.
    Nothing is asked of the services themselves. Raises TryAgain when Kafka or PostgreSQL is away.
    """
    raise NotImplementedError
