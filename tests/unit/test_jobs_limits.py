"""How much one workspace may ask of the jobs service."""

import asyncio
from uuid import UUID, uuid4

import pytest

from app.backlog import Backlog
from app.core.errors import Rejected
from app.core.imports import State, Status
from app.jobs.limits import Previews, Streams

OURS, THEIRS = uuid4(), uuid4()
IMPORT = uuid4()


def state(status: Status = "running", *, parts: int | None = None, done: int = 0, of: UUID = IMPORT) -> State:
    return State(id=of, workspace=OURS, status=status, parts=parts, parts_done=done)


def test_previews_are_counted_over_a_minute_for_each_workspace() -> None:
    previews = Previews(2)
    previews.take(OURS, 0.0)
    previews.take(OURS, 30.0)
    with pytest.raises(Rejected) as refused:
        previews.take(OURS, 40.0)
    assert refused.value.code == "too_many_requests"
    assert refused.value.extra["retry_after"] == 21
    previews.take(THEIRS, 40.0)
    previews.take(OURS, 60.0)


def test_so_many_uploads_run_at_once_and_an_end_makes_room() -> None:
    streams = Streams(1)
    with streams.one(OURS):
        with streams.one(THEIRS), pytest.raises(Rejected) as refused, streams.one(OURS):
            pass
        assert refused.value.code == "too_many_uploads"
        assert refused.value.extra["retry_after"]
    with streams.one(OURS):
        pass


def test_unfinished_are_the_produced_less_the_done() -> None:
    backlog = Backlog(most=3)
    backlog.produced(OURS, IMPORT, 3)
    assert backlog.full(OURS)
    assert not backlog.full(THEIRS)
    backlog.changed(OURS, IMPORT, state(done=1))
    assert backlog.unfinished(OURS) == 2


def test_what_another_process_produced_counts_once_it_is_sealed() -> None:
    backlog = Backlog()
    backlog.changed(OURS, IMPORT, state(done=2))
    assert backlog.unfinished(OURS) == 0
    backlog.changed(OURS, IMPORT, state(parts=10, done=4))
    assert backlog.unfinished(OURS) == 6


@pytest.mark.parametrize("status", ["finished", "failed", "cancelled"])
def test_an_import_that_has_ended_takes_no_room_even_if_a_late_writer_goes_on(status: Status) -> None:
    backlog = Backlog()
    backlog.produced(OURS, IMPORT, 9)
    backlog.changed(OURS, IMPORT, state(status))
    backlog.produced(OURS, IMPORT, 10)
    assert backlog.unfinished(OURS) == 0


def test_a_forgotten_import_takes_no_room() -> None:
    backlog = Backlog()
    backlog.produced(OURS, IMPORT, 9)
    backlog.changed(OURS, IMPORT, None)
    assert backlog.unfinished(OURS) == 0


async def test_room_is_waited_for_until_the_tracker_tells_of_progress() -> None:
    backlog = Backlog(most=2)
    backlog.produced(OURS, IMPORT, 2)
    waiting = asyncio.create_task(backlog.room(OURS))
    await asyncio.sleep(0)
    backlog.changed(OURS, uuid4(), state(of=uuid4()))
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.changed(OURS, IMPORT, state(done=1))
    await asyncio.wait_for(waiting, 5)
