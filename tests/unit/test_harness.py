"""What happens to a record whose handling fails, and who is told."""

import asyncio
from typing import Any

import pytest

from app.core.errors import Rejected, TryAgain
from app.core.events import MalformedEvent
from app.core.groups import Orders, orders_of
from app.core.topics import BULK, DEAD, EXPRESS, RETRY_DELAYS, TOPICS, Topic
from tests.remembering import Remembering
from workers import crash
from workers.control import Control
from workers.harness import Fault, Harness, Hopeless, Policy, Record, Skipped, whose

QUICK = Policy(delays=("5s", "30s"), patience=0.05, first_pause=0.001, longest_pause=0.002)
RECORD = Record(topic=BULK.name, partition=3, offset=17, key=b"k", value=b"v", headers={"segment": b"{}"})


class Left(BaseException):
    """Stands for the end of the process."""


class Outlet(Remembering):
    """Remembers what was published; the first `away` times the broker is away."""

    def __init__(self, away: int = 0) -> None:
        super().__init__()
        self.away = away

    async def send(self, topic: Topic | str, **record: Any) -> "asyncio.Future[object]":
        if self.away:
            self.away -= 1
            raise TryAgain("no broker")
        assert (record["key"], record["value"]) == (b"k", b"v")
        return await super().send(topic, **record)


class Failing:
    """A handler that raises these errors, one per call, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, record: Record) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


def leave(code: int, why: str) -> None:
    raise Left(code, why)


def again(headers: dict[str, bytes]) -> Record:
    """The record as its origin gets it back from a retry topic."""
    return Record(topic=BULK.name, partition=3, offset=99, key=b"k", value=b"v", headers=headers)


async def test_a_record_that_works_is_handled_once_and_nothing_is_sent() -> None:
    outlet, handler = Outlet(), Failing()
    await Harness(handler, outlet, policy=QUICK, leave=leave).take(RECORD)
    assert (handler.calls, outlet.sent) == (1, [])


async def test_the_worlds_faults_are_waited_out_in_place() -> None:
    outlet, handler = Outlet(), Failing(TryAgain("x"), TryAgain("x"))
    await Harness(handler, outlet, policy=QUICK, leave=leave).take(RECORD)
    assert (handler.calls, outlet.sent) == (3, [])


async def test_a_world_that_stays_away_ends_the_process_and_acknowledges_nothing() -> None:
    handler = Failing(*[TryAgain("x")] * 1000)
    with pytest.raises(Left) as left:
        await Harness(handler, Outlet(), policy=QUICK, leave=leave).take(RECORD)
    assert left.value.args[0] == 75


async def test_our_fault_is_tried_three_times_and_then_buried_with_its_origin() -> None:
    outlet, handler = Outlet(), Failing(*[ZeroDivisionError("secret@example.org")] * 3)
    told: list[Record] = []

    async def given_up(record: Record, error: Exception) -> None:
        told.append(record)

    harness = Harness(handler, outlet, policy=QUICK, given_up=given_up, leave=leave)
    await harness.take(RECORD)
    await harness.take(again(outlet.sent[0].headers))
    assert not told
    await harness.take(again(outlet.sent[1].headers))
    assert outlet.topics == [f"{BULK.name}.retry.5s", f"{BULK.name}.retry.30s", DEAD.name]
    headers = outlet.sent[-1].headers
    assert headers["attempts"] == b"3"
    assert headers["origin"] == b"import.segments.bulk/3/17"
    assert headers["segment"] == b"{}"
    assert headers["reason"].startswith(b"ZeroDivisionError at __call__:")
    assert b"secret" not in headers["reason"]
    assert [record.reference for record in told] == ["import.segments.bulk/3/17"]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (TryAgain("x"), "world"),
        (Hopeless("x"), "hopeless"),
        (Skipped("x"), "hopeless"),
        (Rejected("x", "x"), "hopeless"),
        (MalformedEvent("x"), "hopeless"),
        (KeyError("x"), "ours"),
    ],
)
def test_every_error_is_somebodys(error: Exception, fault: Fault) -> None:
    assert whose(error) == fault


@pytest.mark.parametrize("error", [Hopeless("other crc"), Rejected("plan_mismatch", "x")])
async def test_what_no_repetition_can_help_is_buried_at_once(error: Exception) -> None:
    outlet = Outlet()
    await Harness(Failing(error), outlet, policy=QUICK, leave=leave).take(RECORD)
    assert outlet.topics == [DEAD.name]


async def test_a_burial_waits_for_the_broker_without_handling_again() -> None:
    outlet, handler = Outlet(away=2), Failing(Hopeless("x"))
    await Harness(handler, outlet, policy=QUICK, leave=leave).take(RECORD)
    assert handler.calls == 1
    assert outlet.topics == [DEAD.name]


async def test_what_cannot_even_be_set_aside_ends_the_process() -> None:
    async def broken(record: Record, error: Exception) -> None:
        raise ValueError("bug")

    with pytest.raises(Left):
        await Harness(Failing(Hopeless("x")), Outlet(), policy=QUICK, given_up=broken, leave=leave).take(RECORD)


async def test_a_forged_number_of_attempts_harms_nobody() -> None:
    outlet = Outlet()
    record = Record(topic=BULK.name, partition=0, offset=0, key=b"k", value=b"v", headers={"attempts": b"-1e9"})
    await Harness(Failing(ValueError()), outlet, policy=QUICK, leave=leave).take(record)
    assert outlet.sent[0].headers["attempts"] == b"1"


def test_a_crash_point_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="names no step"):
        crash.arm({"CRASH_AT": "nowhere"})


def test_every_delay_of_a_topic_has_a_topic_of_its_own() -> None:
    names = {topic.name for topic in TOPICS}
    for topic in TOPICS:
        assert set(topic.retries) <= set(RETRY_DELAYS)
        assert {f"{topic.name}.retry.{delay}" for delay in topic.retries} <= names


def test_a_segment_is_tried_three_times() -> None:
    assert BULK.retries == EXPRESS.retries == ("5s", "30s")


async def test_while_its_group_is_paused_no_record_is_begun_and_nobody_takes_that_for_being_stuck() -> None:
    outlet, handler, alive = Outlet(), Failing(), []
    control = Control(Orders(paused=True))
    harness = Harness(handler, outlet, control=control, policy=QUICK, progress=lambda: alive.append(1), leave=leave)
    taking = asyncio.create_task(harness.take(RECORD))
    async with asyncio.timeout(60):
        while len(alive) < 2:
            control.order(Orders(paused=True, skip=(f"{len(alive)}",)))
            await asyncio.sleep(0.001)
    assert (handler.calls, taking.done()) == (0, False)
    control.order(Orders())
    await taking
    assert (handler.calls, outlet.sent) == (1, [])


async def test_a_pause_is_not_counted_as_the_worlds_absence() -> None:
    handler = Failing(TryAgain("x"), TryAgain("x"))
    control = Control(Orders(paused=True))
    taking = asyncio.create_task(Harness(handler, Outlet(), control=control, policy=QUICK, leave=leave).take(RECORD))
    await asyncio.sleep(2 * QUICK.patience)
    control.order(Orders())
    await taking
    assert handler.calls == 3


@pytest.mark.parametrize("reference", ["import.segments.bulk/3/17", "import.segments.bulk/3/99"])
async def test_a_record_that_an_operator_skips_is_given_up_unseen_under_either_of_its_references(
    reference: str,
) -> None:
    outlet, handler = Outlet(), Failing()
    record = again({"origin": b"import.segments.bulk/3/17", "attempts": b"1"})
    told: list[Exception] = []

    async def given_up(record: Record, error: Exception) -> None:
        told.append(error)

    control = Control(Orders(skip=(reference,)))
    await Harness(handler, outlet, control=control, policy=QUICK, given_up=given_up, leave=leave).take(record)
    assert handler.calls == 0
    assert outlet.topics == [DEAD.name]
    assert outlet.sent[0].headers["reason"].startswith(b"Skipped: ordered by an operator")
    assert len(told) == 1


async def test_a_skip_reaches_a_record_that_waits_for_the_world() -> None:
    outlet, handler = Outlet(), Failing(*[TryAgain("x")] * 1000)
    control = Control()
    policy = Policy(patience=60, first_pause=0.001, longest_pause=0.002)
    taking = asyncio.create_task(Harness(handler, outlet, control=control, policy=policy, leave=leave).take(RECORD))
    await asyncio.sleep(0.02)
    control.order(Orders(skip=(RECORD.reference,)))
    await taking
    assert outlet.topics == [DEAD.name]


async def test_who_replays_a_record_does_not_want_it_skipped_again() -> None:
    outlet, handler = Outlet(), Failing()
    record = again({"origin": b"import.segments.bulk/3/17", "replayed": b"op"})
    control = Control(Orders(skip=("import.segments.bulk/3/17",)))
    await Harness(handler, outlet, control=control, policy=QUICK, leave=leave).take(record)
    assert (handler.calls, outlet.sent) == (1, [])


@pytest.mark.parametrize("value", [None, {"paused": "very"}, {"skip": 3}, [], "x"])
def test_orders_that_cannot_be_read_stop_nobody(value: object) -> None:
    assert orders_of(value) == Orders()
