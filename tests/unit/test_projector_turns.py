"""When the projector works and when it lets others work."""

import asyncio
from pathlib import Path

import pytest

from workers.projector import yielding


def spent(path: Path, *, others: int, nice: int, idle: int) -> Path:
    path.write_text(f"cpu  {others} {nice} 0 {idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\n")
    return path


@pytest.fixture
def stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(yielding, "LOOK_SECONDS", 0.0)
    return spent(tmp_path / "stat", others=0, nice=0, idle=100)


def test_a_machine_is_full_when_others_want_most_of_it(stat: Path) -> None:
    turns = yielding.Turns(stat)
    assert not turns.full()
    spent(stat, others=90, nice=0, idle=110)
    assert turns.full()
    spent(stat, others=95, nice=0, idle=205)
    assert not turns.full()


def test_our_own_work_does_not_fill_the_machine(stat: Path) -> None:
    turns = yielding.Turns(stat)
    turns.full()
    spent(stat, others=10, nice=190, idle=100)
    assert not turns.full()


def test_where_nobody_says_how_busy_the_machine_is_it_is_always_our_turn(tmp_path: Path) -> None:
    turns = yielding.Turns(tmp_path / "missing")
    assert not turns.full()


@pytest.mark.parametrize(("size", "at_a_time"), [(yielding.SMALL, 1), (yielding.SMALL - 1, 5)])
async def test_on_a_full_machine_one_large_piece_of_work_is_done_at_a_time_and_small_ones_are_done_at_once(
    stat: Path, monkeypatch: pytest.MonkeyPatch, size: int, at_a_time: int
) -> None:
    monkeypatch.setattr(yielding.Turns, "full", lambda self: True)
    turns, working, most = yielding.Turns(stat), 0, 0

    async def work() -> None:
        nonlocal working, most
        async with turns.turn(size):
            working += 1
            most = max(most, working)
            await asyncio.sleep(0)
            working -= 1

    await asyncio.gather(*(work() for _ in range(5)))
    assert most == at_a_time
