"""Every step between taking a record and acknowledging it is one at which some test kills the worker.

Importers and fetchers are killed in tests/integration (test_importer_segments, test_fetcher_kills); trackers and
projectors here.
"""

import ast
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from app.core.channels import workspace_channel
from app.core.events import (
    AnyFact,
    ContactsChanged,
    Counts,
    ImportProblems,
    ProblemOut,
    Projected,
    Requested,
    Sealed,
    SegmentDone,
)
from app.core.imports import ImportRecord, State
from app.core.topics import CHANGED, IMPORTS, PROBLEMS, Topic
from tests.integration.conftest import Servers, servers
from tests.integration.projections import ReadModel, contact, read_model
from tests.integration.test_tracker import final_state, notices_for, producer, tell
from workers import crash
from workers.crash import PROJECTING, STEPS, TRACKING
from workers.harness import Harness, Record

__all__ = ["producer", "servers"]
ROOT = Path(__file__).resolve().parents[2]
WITHIN = 120


# Nothing is forgotten


def parsed(folder: Path, pattern: str) -> Iterator[ast.AST]:
    for path in folder.rglob(pattern):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def points(folder: Path) -> set[str]:
    """The names of all `crash.point("...")` below a folder."""
    return {
        str(node.args[0].value)
        for node in parsed(folder, "*.py")
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "crash.point"
        and isinstance(node.args[0], ast.Constant)
    }


def gone_through() -> set[str]:
    """The names of all that a test goes through item by item: in a `for`, or as its parameters."""
    found: set[str] = set()
    for node in parsed(ROOT / "tests", "test_*.py"):
        if isinstance(node, ast.For):
            found.add(ast.unparse(node.iter))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.parametrize":
            found |= {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
    return found


@pytest.mark.parametrize("worker", STEPS)
def test_every_step_of_a_worker_is_named_and_no_name_is_left_over(worker: str) -> None:
    # Whoever is driven by Faust takes a record in the harness, which all of them share.
    taken = set() if worker == "tracker" else {"polled"}
    assert points(ROOT / "workers" / worker) | taken == set(STEPS[worker])


def test_every_worker_with_a_step_is_listed() -> None:
    assert points(ROOT / "workers") == crash.POINTS
    with_steps = {path.name for path in (ROOT / "workers").iterdir() if path.is_dir() and points(path)}
    assert with_steps == set(STEPS)


def test_some_test_kills_at_each_step() -> None:
    names = {name for name, value in vars(crash).items() if isinstance(value, tuple)}
    assert {id(getattr(crash, name)) for name in names} == {id(steps) for steps in STEPS.values()}
    assert names <= gone_through()


# Trackers, as processes: what is left behind is an open transaction


@asynccontextmanager
async def tracker(servers: Servers, crash_at: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "tracker"),
        env={
            **os.environ,
            "PROCESS_NAME": "tracker.1",
            "KAFKA_BOOTSTRAP": servers.kafka,
            "CRASH_AT": crash_at,
            "LOG_LEVEL": "error",
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WITHIN):
            await process.wait()


async def test_a_tracker_that_dies_at_any_step_is_followed_by_one_that_counts_exactly(
    servers: Servers, producer: Any
) -> None:
    workspace, import_id, channel = uuid4(), uuid4(), "c" * 22
    where: dict[str, Any] = {"workspace": workspace, "import_id": import_id, "at": time.time(), "site": "here"}
    asked = Requested(**where, source="file", name="a.csv", order_second=1, requested_by="me", channel=channel)
    segments: list[AnyFact] = [
        SegmentDone(**where, index=index, bytes=10, counts=Counts(created=3)) for index in range(len(TRACKING))
    ]
    await tell(producer, asked)
    for step in TRACKING:
        async with tracker(servers, step) as process:
            await tell(producer, segments.pop())
            async with asyncio.timeout(WITHIN):
                assert await process.wait() == 137, step
    count = len(TRACKING)
    await tell(producer, Sealed(**where, segments=count, bytes=10 * count, lines=3 * count))
    await tell(producer, Projected(**where, indexes=tuple(range(count))))
    async with tracker(servers):
        state = await final_state(servers, import_id)
        assert (state.status, state.rows, state.created, state.parts_done) == ("finished", 3 * count, 3 * count, count)
        for told_on in (channel, workspace_channel(workspace)):
            told = await notices_for(servers, import_id, told_on)
            assert {notice.kind for notice in told if notice.state.status == "finished"} >= {"finished", "visible"}
            assert max(notice.state.version for notice in told) == state.version


# Projectors, in this process: what they have written is committed before they tell of it


class Killed(BaseException):
    """Stands for `kill -9`."""


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def end(code: int) -> None:
        crash._armed.clear()  # the next process is not armed
        raise Killed(code)

    monkeypatch.setattr(os, "_exit", end)
    yield
    crash._armed.clear()


def record(topic: Topic, value: object, number: int) -> Record:
    return Record(topic.name, 0, number, b"key", msgspec.json.encode(value))


@pytest.mark.parametrize("step", PROJECTING)
async def test_a_projector_that_dies_at_any_step_shows_everything_once(
    servers: Servers, killing: None, step: str
) -> None:
    import_id = uuid4()
    async with read_model(servers) as made:
        killed = 0
        for topic, value in history(made.workspace, import_id):
            handlers = {
                CHANGED: made.projector.show_contacts,
                PROBLEMS: made.projector.keep_problems,
                IMPORTS: made.projector.keep_import,
            }
            harness = Harness(handlers[topic], made.told)
            crash.arm({"CRASH_AT": step})
            for _ in range(3):
                try:
                    await harness.take(record(topic, value, killed))
                    break
                except Killed:
                    killed += 1
            crash._armed.clear()
        assert killed >= 1, f"nothing ever gets to {step}"
        await shown_once(made, import_id)


def history(workspace: UUID, import_id: UUID) -> list[tuple[Topic, object]]:
    where: dict[str, Any] = {"workspace": workspace, "import_id": import_id, "index": 0, "at": 1.0, "site": "here"}
    people = [contact(f"Person {number}") for number in range(6)]
    problem = ProblemOut(row=1, line=2, column=0, code="no_identity", message="m", suggestion="", cells=("x",))
    state = State(id=import_id, workspace=workspace, version=3, name="people.csv", requested_at=5.0)
    return [
        (CHANGED, ContactsChanged(**where, part=0, parts=2, contacts=tuple(people[:3]))),
        (CHANGED, ContactsChanged(**where, part=1, parts=2, contacts=tuple(people[3:]))),
        (PROBLEMS, ImportProblems(**where, part=0, parts=1, problems=(problem,))),
        (IMPORTS, ImportRecord(state=state)),
    ]


async def shown_once(made: ReadModel, import_id: UUID) -> None:
    page = await made.lookup.contacts(made.workspace, limit=500)
    assert (page.total, len(page.docs)) == (6, 6)
    assert len((await made.lookup.problems(made.workspace, import_id)).problems) == 1
    assert [found.id for found in (await made.lookup.imports(made.workspace)).imports] == [import_id]
    assert {fact.indexes for fact in made.told} == {(0,)}, "said at least once, and always the same"
