"""The corpus: contacts files of our own making, and beside each one what a person would want to come of it.

`files/<group>/<name>.<ext>` are raw bytes, `files/<group>/<name>.json` says what they are:
- `about`: one sentence; `defaults`: settings of the workspace; `given`: what the person's plan says;
- `expect`: members of the completed plan that matter, those of the dialect and `date_order` beside the others.
  `columns` is `{header: "field[ slot][ part]"}`; a header that is there twice, or empty, is `#` and its index;
- `contacts`: all people, in the order of their rows, as a preview shows them; `problems`: all problems, in order, each
  with the members that matter (`line`, `code`, `column`, `suggestion`); `warnings`: likewise, if they matter;
- or, instead of these, `rejected`: the code with which the file as a whole is refused.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.core.errors import Rejected
from app.core.events import SegmentHeader
from app.core.reading import blocks, plans, segments
from app.core.reading.cutting import Cut, Cutter
from app.core.reading.doubts import doubts
from app.core.reading.plan import Column, Plan
from app.jobs.containers.parts import is_container
from tests.reading import containers

FILES = Path(__file__).parent / "files"
HEAD = 256 * 1024
PIECES = (1, 7, 3, 61, 2, 997, 5_003)
"""A file arrives in pieces of these sizes, over and over."""

Stage = Literal["encoding", "dialect", "mapping", "contacts", "problems"]
STAGES: tuple[Stage, ...] = ("encoding", "dialect", "mapping", "contacts", "problems")
_STAGE_OF: dict[str, Stage] = {
    "encoding": "encoding",
    "repair": "encoding",
    "columns": "mapping",
    "date_order": "mapping",
}


@dataclass(frozen=True)
class Case:
    """One file with what is expected of it."""

    path: Path
    expected: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.relative_to(FILES).as_posix()

    @property
    def group(self) -> str:
        return self.path.parent.name

    @cached_property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def defaults(self) -> plans.Defaults:
        return plans.Defaults(**self.expected.get("defaults", {}))

    @property
    def given(self) -> Plan | None:
        given = self.expected.get("given")
        return plans.parse(given) if given is not None else None


@dataclass(frozen=True)
class Difference:
    """Something that is not as expected."""

    stage: Stage
    where: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.stage}: {self.where}: expected {_short(self.expected)}, found {_short(self.found)}"


@dataclass(frozen=True)
class Verdict:
    """What came of one file: the stages that it says something about, and where they differ."""

    case: Case
    stages: frozenset[Stage]
    differences: tuple[Difference, ...]

    def right(self, stage: Stage) -> bool:
        return all(difference.stage != stage for difference in self.differences)


def cases() -> list[Case]:
    """All files, in order."""
    paths = sorted(path for path in FILES.glob("*/*") if path.suffix != ".json")
    return [Case(path, json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))) for path in paths]


def judge(case: Case) -> Verdict:
    """Reads a file as an import would, and compares."""
    expected = case.expected
    stages = {_STAGE_OF.get(name, "dialect") for name in expected.get("expect", {})}
    stages |= {"problems"} if "rejected" in expected else {"contacts", "problems"}
    try:
        differences = tuple(_differences(expected, Outcome.of(case)))
    except Rejected as refusal:
        found = f"{refusal.code} ({refusal.detail})"
        if refusal.code == expected.get("rejected"):
            differences = ()
        else:
            wanted = expected.get("rejected", "a file that can be read")
            differences = tuple(
                Difference(stage, "the whole file", wanted, found) for stage in STAGES if stage in stages
            )
    return Verdict(case, frozenset(stages), differences)


@dataclass(frozen=True)
class Outcome:
    """What reading a file gave."""

    plan: Plan
    contacts: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    warnings: list[dict[str, Any]]

    @classmethod
    def of(cls, case: Case) -> "Outcome":
        """Completes the plan from the head, cuts the file while it arrives in odd pieces, and reads the segments."""
        if is_container(case.data):
            plan, readings = containers.read(case.data, case.given, case.defaults)
            return cls.read(plan, readings)
        head = case.data[:HEAD]
        plan = plans.complete(
            head,
            whole=len(head) == len(case.data),
            given=case.given,
            defaults=case.defaults,
            remembered=lambda signature: None,
        ).plan
        readings = [read_both_ways(cut.data, header_of(plan, cut)) for cut in cut_in_pieces(plan, case.data)]
        return cls.read(plan, readings)

    @classmethod
    def read(cls, plan: Plan, readings: Sequence[segments.Reading]) -> "Outcome":
        """What the segments of a file gave."""
        for reading in readings:
            assert reading.rows == len(reading.people) + len(reading.problems)
        return cls(
            plan,
            [plans.contact_shown(person) for reading in readings for person in reading.people],
            [msgspec.to_builtins(told) for reading in readings for told in reading.problems],
            [msgspec.to_builtins(told) for reading in readings for told in doubts(reading.people, plan)],
        )


def read_both_ways(data: bytes, header: SegmentHeader) -> segments.Reading:
    """What a segment holds; row by row and by columns it is the same."""
    reading = segments.read(data, header)
    block, rest = blocks.read(data, header)
    assert sorted([*(block.people() if block else []), *rest.people]) == reading.people
    assert (rest.problems, rest.rows) == (reading.problems, reading.rows)
    return reading


def cut_in_pieces(plan: Plan, data: bytes) -> Iterator[Cut]:
    """The segments of a file that arrives little by little."""
    cutter = Cutter(plan)
    at = 0
    for size in cycle(PIECES):
        if at >= len(data):
            break
        yield from cutter.feed(data[at : at + size])
        at += size
    yield from cutter.end()


def header_of(plan: Plan, cut: Cut) -> SegmentHeader:
    """The header with which intake would send a segment."""
    return SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=cut.index,
        order_second=1,
        start=cut.start,
        end=cut.end,
        first_line=cut.first_line,
        crc32c=0,
        plan=plan,
        opens=cut.opens,
        continues=cut.continues,
    )


# --- comparing


def _differences(expected: Mapping[str, Any], found: Outcome) -> Iterator[Difference]:
    if "rejected" in expected:
        yield Difference("problems", "the whole file", expected["rejected"], f"{len(found.contacts)} contacts")
        return
    plan = msgspec.to_builtins(found.plan)
    members = {**plan, **(plan.get("dialect") or {}), **(plan.get("values") or {})}
    for name, value in expected.get("expect", {}).items():
        if name == "columns":
            yield from _column_differences(value, found.plan.columns or ())
        elif members.get(name) != value:
            yield Difference(_STAGE_OF.get(name, "dialect"), name, value, members.get(name))
    yield from _list_differences("contacts", "contact", expected["contacts"], found.contacts, exact=True)
    yield from _list_differences("problems", "problem", expected.get("problems", []), found.problems, exact=False)
    if "warnings" in expected:
        yield from _list_differences("problems", "warning", expected["warnings"], found.warnings, exact=False)


def _column_differences(expected: Mapping[str, str], columns: Sequence[Column]) -> Iterator[Difference]:
    """What is not said in particular may be anything: `name` is any part of it."""
    times = Counter(column.header for column in columns)
    by_name = {column.header: column for column in columns if times[column.header] == 1}
    by_name |= {f"#{column.index}": column for column in columns}
    for name, wanted in expected.items():
        column = by_name.get(name)
        said = _said(column) if column else "no such column"
        if said != wanted and not said.startswith(f"{wanted} "):
            yield Difference("mapping", f"column {name}", wanted, said)


def _said(column: Column) -> str:
    part = column.part or ("value" if column.slot is not None else None)
    return " ".join(str(word) for word in (column.field, column.slot, part) if word is not None)


def _list_differences(
    stage: Stage, what: str, expected: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], *, exact: bool
) -> Iterator[Difference]:
    for number, (wanted, there) in enumerate(zip(expected, found, strict=False), start=1):
        names = {**wanted, **there} if exact else wanted
        for name in names:
            if wanted.get(name) != there.get(name):
                yield Difference(stage, f"{what} {number}, {name}", wanted.get(name), there.get(name))
    if len(expected) != len(found):
        more = (expected if len(expected) > len(found) else found)[min(len(expected), len(found))]
        yield Difference(stage, f"number of {what}s", len(expected), f"{len(found)}; the first odd one is {more}")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else value
    return text if len(text) <= 300 else text[:300] + " …"
