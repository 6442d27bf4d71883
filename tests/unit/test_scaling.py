"""More or fewer processes of a kind: who is started and who is stopped, and who may ask for what."""

from typing import cast

import pytest

from app import config
from app.core.errors import Rejected, TryAgain
from app.scaling import MOST, Wish, ask
from app.stack import processes
from app.stack.scaling import Scaling, differences
from app.stack.supervision import Seen, Supervision
from tests.waiting import eventually

NAMES = {"importer": [f"importer.{number}" for number in range(1, 5)]}


def seen(*states: str) -> list[Seen]:
    return [Seen(name, state, 0) for name, state in zip(NAMES["importer"], states, strict=True)]


def test_those_that_are_missing_are_started_and_the_last_ones_are_stopped() -> None:
    now = seen("RUNNING", "STOPPED", "STOPPED", "STOPPED")
    assert differences(now, NAMES, {"importer": 3}) == (["importer.2", "importer.3"], [])
    now = seen("RUNNING", "RUNNING", "STARTING", "BACKOFF")
    assert differences(now, NAMES, {"importer": 2}) == ([], ["importer.4", "importer.3"])


def test_who_is_just_ending_is_waited_for() -> None:
    now = seen("RUNNING", "STOPPING", "STOPPED", "STOPPED")
    assert differences(now, NAMES, {"importer": 2}) == ([], [])
    assert differences(now, NAMES, {"importer": 1}) == ([], [])


def test_who_died_is_the_supervisors_matter() -> None:
    now = seen("RUNNING", "EXITED", "FATAL", "STOPPED")
    assert differences(now, NAMES, {"importer": 3}) == ([], [])


def test_there_are_spare_processes_up_to_as_many_as_help() -> None:
    spare = processes.spare(config.Stack(importers=3, partitions=5))
    assert [name for name, kind in spare if kind == "importer"] == ["importer.4", "importer.5"]
    assert len(processes.spare(config.Stack(importers=1))) == 4 * (MOST - 1)
    assert all(name not in dict(processes.names(config.Stack())) for name, _ in processes.spare(config.Stack()))


class Recorder:
    """Supervisor's part: what it was told."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(NAMES["importer"], "STOPPED") | {"importer.1": "RUNNING"}

    def processes(self) -> list[Seen]:
        return [Seen(name, state, 0) for name, state in self.states.items()]

    def start_process(self, name: str) -> None:
        self.states[name] = "RUNNING"

    def stop_process(self, name: str) -> None:
        self.states[name] = "STOPPED"


async def test_a_wish_is_followed_and_what_is_no_wish_is_refused() -> None:
    supervision = Recorder()

    async def running() -> list[str]:
        return [name for name, state in supervision.states.items() if state == "RUNNING"]

    with Scaling() as scaling:
        scaling.open(cast(Supervision, supervision), NAMES, {"importer": 1})
        await ask(str(scaling.address), Wish("importer", 3))
        await eventually(running, lambda names: names == NAMES["importer"][:3])
        await ask(str(scaling.address), Wish("importer", 1))
        await eventually(running, lambda names: names == ["importer.1"])
        for wish in (Wish("importer", 0), Wish("importer", 5), Wish("kafka", 2)):
            with pytest.raises(Rejected):
                await ask(str(scaling.address), wish)
        assert scaling._heard(b"stop everything\n").refused
    with pytest.raises(TryAgain):
        await ask(str(scaling.address), Wish("importer", 2))
