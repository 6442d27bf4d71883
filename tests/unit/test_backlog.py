"""How many segments a workspace may have in the log, beside others and alone."""

import asyncio
from uuid import UUID, uuid4

import pytest

from app.backlog import EXPRESS_UNFINISHED, LEAST, TOGETHER, UNFINISHED_SEGMENTS, Backlog
from app.core.imports import State

OURS, THEIRS = UUID(int=1), UUID(int=2)


def running(workspace: UUID, import_id: UUID, done: int) -> State:
    return State(id=import_id, workspace=workspace, status="running", parts_done=done)


def test_a_workspace_with_ten_imports_has_no_more_than_one_with_a_single_one() -> None:
    backlog = Backlog()
    for _ in range(10):
        backlog.produced(OURS, uuid4(), UNFINISHED_SEGMENTS // 10 + 1)
    backlog.produced(THEIRS, uuid4(), UNFINISHED_SEGMENTS - 1)
    assert backlog.full(OURS)
    assert not backlog.full(THEIRS)


@pytest.mark.parametrize("others", [0, 1, 3, 7, 15, 100])
def test_the_more_workspaces_have_something_waiting_the_less_each_may_have(others: int) -> None:
    backlog = Backlog()
    for _ in range(others):
        backlog.produced(uuid4(), uuid4(), 1)
    share = backlog.share(OURS)
    assert LEAST <= share <= UNFINISHED_SEGMENTS
    assert share * (others + 1) <= max(TOGETHER, LEAST * (others + 1))
    assert others or share == UNFINISHED_SEGMENTS


def test_a_workspace_whose_segments_are_all_done_takes_no_share() -> None:
    backlog, imports = Backlog(), {uuid4(): uuid4() for _ in range(20)}
    for workspace, import_id in imports.items():
        backlog.produced(workspace, import_id, 5)
    before = backlog.share(OURS)
    for workspace, import_id in imports.items():
        backlog.changed(workspace, import_id, running(workspace, import_id, 5))
    assert before < backlog.share(OURS) == UNFINISHED_SEGMENTS


async def test_when_others_have_finished_whoever_waits_goes_on() -> None:
    backlog, theirs, ours = Backlog(most=20), [(uuid4(), uuid4()) for _ in range(20)], uuid4()
    for workspace, import_id in theirs:
        backlog.produced(workspace, import_id, 1)
    backlog.produced(OURS, ours, LEAST)
    waiting = asyncio.create_task(backlog.room(OURS))
    await asyncio.sleep(0)
    for workspace, import_id in theirs:
        assert not waiting.done()
        backlog.changed(workspace, import_id, running(workspace, import_id, 1))
    await asyncio.wait_for(waiting, 5)


async def test_a_workspace_has_a_few_segments_in_the_express_lane_at_a_time() -> None:
    backlog, import_id = Backlog(), uuid4()
    for index in range(EXPRESS_UNFINISHED):
        assert not backlog.full(OURS, express=True)
        backlog.produced(OURS, import_id, index + 1, express=True)
    assert backlog.full(OURS, express=True)
    assert not backlog.full(THEIRS, express=True)
    waiting = asyncio.create_task(backlog.room(OURS, express=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.changed(OURS, import_id, running(OURS, import_id, 1))
    await asyncio.wait_for(waiting, 5)


def test_what_waits_in_the_other_lane_leaves_the_express_lane_free() -> None:
    backlog = Backlog()
    backlog.produced(OURS, uuid4(), 50)
    assert not backlog.full(OURS, express=True)
