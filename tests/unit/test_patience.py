"""How long a record waits for the world, whoever holds it."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import REGISTRY

from app import config
from app.core.errors import TryAgain
from app.patience import WORLD_AWAY, Patience
from workers.tracker.follow import Follower

AWAY = TryAgain("no broker")


class Left(BaseException):
    """Stands for the end of the process."""


class Clock:
    """Time that passes when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def patience(clock: Callable[[], float], seconds: float = 60) -> Patience:
    def leave(code: int, why: str) -> None:
        raise Left(code, why)

    return Patience("t", seconds, first_pause=0.0, longest_pause=0.0, leave=leave, clock=clock)


async def test_it_ends_a_minute_after_the_first_failure() -> None:
    clock = Clock()
    waiting = patience(clock)
    for clock.now in (1000.0, 1030.0, 1059.9):
        await waiting.wait(AWAY)
    clock.now = 1060.0
    with pytest.raises(Left) as left:
        await waiting.wait(AWAY)
    assert left.value.args[0] == WORLD_AWAY


async def test_a_world_that_comes_back_gives_all_of_it_again() -> None:
    clock = Clock()
    waiting = patience(clock)
    await waiting.wait(AWAY)
    clock.now += 59
    waiting.over()
    for _ in range(2):
        await waiting.wait(AWAY)
        clock.now += 59


async def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    waiting = Patience("t", 60, first_pause=1.0, longest_pause=5.0)
    for _ in range(5):
        await waiting.wait(AWAY)
    for pause, most in zip(pauses, (1, 2, 4, 5, 5), strict=True):
        assert most / 2 <= pause <= most


async def test_every_wait_is_counted_by_topic() -> None:
    labels = {"topic": "t", "why": "world"}
    before = REGISTRY.get_sample_value("addressbus_retries_total", labels) or 0
    await patience(Clock()).wait(AWAY)
    assert REGISTRY.get_sample_value("addressbus_retries_total", labels) == before + 1


class Failing(Follower):
    """A tracker whose Kafka is away: each attempt takes so many seconds, and then 20."""

    def __init__(self, clock: Clock, *seconds: float) -> None:
        self.waiting = patience(clock)
        super().__init__(config.Tracker(process_name="tracker.1", kafka_bootstrap="nowhere:1"), self.waiting)
        self._clock, self._seconds = clock, list(seconds)

    async def run(self) -> None:
        self._clock.now += self._seconds.pop(0) if self._seconds else 20
        raise KafkaConnectionError


async def test_a_tracker_without_kafka_ends_itself_after_a_minute() -> None:
    clock = Clock()
    with pytest.raises(Left) as left:
        await Failing(clock, 20, 20, 19).follow()
    assert left.value.args[0] == WORLD_AWAY
    assert clock.now == 1000 + 20 + 20 + 19 + 20 + 20


def test_how_long_is_a_setting_and_a_minute_if_nobody_says() -> None:
    given = {"PROCESS_NAME": "tracker.1", "KAFKA_BOOTSTRAP": "here:1"}
    assert config.read(config.Tracker, given).patience_seconds == 60
    assert config.read(config.Tracker, {**given, "PATIENCE_SECONDS": "5"}).patience_seconds == 5
