"""Whose access ended is told, at once or as soon as it can be."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from app.core.errors import TryAgain
from app.core.events import Revocation
from app.core.topics import REVOCATIONS, Topic
from app.web.endings import Endings
from tests.waiting import eventually


class Store:
    """Remembers who still has to be told of."""

    def __init__(self, *holders: str) -> None:
        self.due = list(holders)

    async def endings(self) -> list[str]:
        return list(self.due)

    async def told(self, holders: Sequence[str]) -> None:
        self.due = [holder for holder in self.due if holder not in holders]


class Log:
    """Kafka, which may be away (`error`) or slow for ever."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: Exception | None = None
        self.slow = False

    async def publish(self, topic: Topic | str, *, key: bytes | None, value: bytes | None) -> None:
        if self.slow:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        assert topic is REVOCATIONS
        assert key is not None
        assert value is not None
        assert msgspec.json.decode(value, type=Revocation).holder == key.decode()
        self.told.append(key.decode())


async def test_an_ending_is_forgotten_here_and_told_everywhere() -> None:
    forgotten: list[str] = []
    store, log = Store("ann"), Log()
    await Endings(store, log, forgotten.append).tell(["ann"])
    assert (forgotten, log.told, store.due) == (["ann"], ["ann"], [])


@pytest.mark.parametrize("slow", [False, True], ids=["away", "slow"])
async def test_while_kafka_is_away_it_is_forgotten_here_all_the_same_and_told_later(slow: bool) -> None:
    forgotten: list[str] = []
    store, log = Store(), Log()
    told = Endings(store, log, forgotten.append, patience=0.01)
    running = asyncio.create_task(told.run())
    await asyncio.sleep(0)
    store.due, log.slow, log.error = ["ann"], slow, None if slow else TryAgain("away")
    with pytest.raises(TryAgain):
        await told.tell(["ann"])
    assert (forgotten, store.due) == (["ann"], ["ann"])
    log.slow, log.error = False, None
    await eventually(store.endings, lambda due: due == [])
    assert log.told == ["ann"]
    running.cancel()


async def test_what_a_process_before_us_left_untold_is_told_at_the_start() -> None:
    store, log = Store("ann", "bob"), Log()
    running = asyncio.create_task(Endings(store, log, lambda holder: None).run())
    await eventually(store.endings, lambda due: due == [])
    assert log.told == ["ann", "bob"]
    running.cancel()
