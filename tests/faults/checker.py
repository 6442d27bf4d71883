"""Holds what became of a campaign against what was expected: one line per invariant, I1 to I12, with figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.checks import CHECKS
from tests.faults.checks.ground import Ground, Limits
from tests.faults.course import Course
from tests.faults.evidence import Evidence
from tests.faults.expected import Expectation
from tests.faults.gather import gather

TOLD = 20
"""So many sentences are kept of what is wrong with one invariant."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant: `wrong` says what does not hold, in at most 20 short sentences; `count` has them all."""

    name: str
    title: str
    figures: Mapping[str, float]
    wrong: tuple[str, ...]
    count: int

    def lines(self) -> Iterator[str]:
        """The invariant in one line, and what is wrong indented below it."""
        figures = ", ".join(f"{name} {_number(value)}" for name, value in self.figures.items())
        yield f"{self.name:<4}{f'BROKEN {self.count} times' if self.count else 'holds'}: {self.title} ({figures})"
        yield from (f"      {sentence}" for sentence in self.wrong)
        if self.count > len(self.wrong):
            yield f"      and {self.count - len(self.wrong):,} more"


@dataclass(frozen=True, slots=True)
class Report:
    """What the checker found. `figures`: loss, dup, miscount, stuck, ttr_p95, dark_p95, view_delay (s), rework."""

    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        return not self.broken

    @property
    def broken(self) -> list[str]:
        """The names of the invariants that do not hold."""
        return [verdict.name for verdict in self.verdicts if verdict.count]

    @property
    def figures(self) -> dict[str, float]:
        """What a campaign is known by; times are seconds."""
        by = {verdict.name: verdict.figures for verdict in self.verdicts}
        return {
            "loss": by["I1"]["rows lost"] + by["I2"]["loss"],
            "dup": by["I2"]["dup"] + by["I9"]["double"],
            "miscount": by["I10"]["miscount"],
            "stuck": by["I1"]["stuck"],
            "ttr_p95": by["I8"]["ttr_p95"],
            "dark_p95": by["I8"]["dark_p95"],
            "view_delay": by["I7"]["view delay"],
            "rework": by["I4"]["rework"],
        }

    def lines(self) -> list[str]:
        """One line per invariant, what is wrong indented below it, and one line with the figures."""
        told = [line for verdict in self.verdicts for line in verdict.lines()]
        return [*told, "  ".join(f"{name}={_number(value)}" for name, value in self.figures.items())]


async def check(
    expectation: Expectation, course: Course, facts: Mapping[str, Any], limits: Limits | None = None
) -> Report:
    """Reads PostgreSQL, all topics from their beginnings and the witnesses' frames, and judges them.

    `facts` is stack.json (`Whole.facts()`). To be called when the quiet phase is over: whatever is unfinished is stuck.
    Nothing is asked of the services themselves. Raises psycopg.Error, KafkaError, TryAgain when a server is away.
    """
    return judge(expectation, await gather(course, facts), limits)


def judge(expectation: Expectation, evidence: Evidence, limits: Limits | None = None) -> Report:
    """What the evidence proves. Pure."""
    ground = Ground(expectation, evidence, limits or Limits())
    verdicts = []
    for name, title, judged in CHECKS:
        found = judged(ground)
        verdicts.append(Verdict(name, title, found.figures, tuple(found.wrong[:TOLD]), len(found.wrong)))
    return Report(tuple(verdicts))


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
