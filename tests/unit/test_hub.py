"""Rooms: who hears what, in which order, and what is never lost."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.gateway import hub
from app.gateway.hub import Event, Kind, Position, Room


def event(offset: int, version: int, kind: Kind = "progress", import_id: str = "i") -> Event:
    ended = None if kind == "progress" else float(version)
    state = msgspec.json.encode({"id": import_id, "version": version})
    return Event(offset, kind, import_id, version, 0.0, ended, state)


def unframed(frame: bytes) -> Any:
    """The JSON of a frame."""
    (text,) = all_unframed(frame)
    return text


def all_unframed(frames: bytes) -> list[Any]:
    """The JSON of each frame, by the lengths that RFC 6455 gives them."""
    found = []
    while frames:
        assert frames[0] == 0x81
        size, start = frames[1], 2
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(frames[2:start], "big")
        found.append(msgspec.json.decode(frames[start : start + size]))
        frames = frames[start + size :]
    return found


@dataclass(eq=False)
class Ear:
    """A listener that keeps what it is told."""

    heard: list[Any] = field(default_factory=list)
    writes: int = 0
    last: bytes = b""
    stomach: int = 1_000
    """After so many writes it is busy."""
    is_busy: bool = False
    lost: bool = False

    def busy(self) -> bool:
        return self.is_busy

    def write(self, frames: bytes) -> None:
        assert not self.is_busy, "a busy listener is left alone"
        self.writes += 1
        self.last = frames
        self.is_busy = self.writes >= self.stomach
        self.heard += all_unframed(frames)

    def lose(self) -> None:
        self.lost = True

    def said(self) -> list[tuple[int, int, str, int]]:
        return [(said["previous"], said["offset"], said["kind"], said["state"]["version"]) for said in self.heard]


def placed(offset: int = 0, epoch: str = "e", floor: int | None = None, *states: Event) -> Room:
    room = Room("c")
    room.place(Position(epoch, offset, offset if floor is None else floor, states, ()), 0.0)
    return room


def joined(room: Room, epoch: str | None = None, offset: int | None = None) -> tuple[Ear, Any]:
    ear = Ear()
    return ear, unframed(room.join(ear, 1, epoch, offset))


def test_the_first_word_on_an_import_and_its_end_are_told_at_once() -> None:
    room = placed()
    ear, _ = joined(room)
    room.receive("e", event(1, 1), 100.00)
    room.receive("e", event(2, 2), 100.01)
    room.receive("e", event(3, 1, import_id="j"), 100.02)
    room.receive("e", event(4, 3), 100.03)
    room.receive("e", event(5, 4, "finished"), 100.04)
    room.receive("e", event(6, 5, "visible"), 100.05)
    assert [(offset, kind) for _, offset, kind, _ in ear.said()] == [
        (1, "progress"),
        (2, "progress"),
        (3, "progress"),
        (5, "finished"),
        (6, "visible"),
    ]


def test_progress_is_told_at_most_five_times_a_second() -> None:
    room = placed()
    ear, _ = joined(room)
    now = 100.0
    for offset in range(1, 1001):
        now += 0.001
        if room.due is not None and now >= room.due:
            room.flush(now)
        room.receive("e", event(offset, offset), now)
    assert 5 <= len(ear.heard) <= 6
    assert room.told.conflated == 1000 - len(ear.heard) - (1000 - ear.said()[-1][1] > 0)
    room.flush(now)
    assert ear.said()[-1][1] == 1000


def test_previous_is_what_this_listener_was_sent() -> None:
    room = placed(4)
    early, _ = joined(room)
    room.receive("e", event(5, 1), 100.0)
    room.receive("e", event(6, 2), 100.1)
    late, _ = joined(room)
    room.receive("e", event(7, 3, "finished"), 100.15)
    assert early.said() == [(4, 5, "progress", 1), (5, 7, "finished", 3)]
    assert late.said() == [(6, 7, "finished", 3)]


def test_a_busy_listener_costs_nothing_and_catches_up_with_what_matters() -> None:
    room = placed()
    slow, _ = joined(room)
    fast, _ = joined(room)
    slow.is_busy = True
    room.receive("e", event(1, 1), 100)
    room.receive("e", event(2, 2, "finished"), 101)
    room.receive("e", event(3, 1, import_id="j"), 102)
    room.receive("e", event(4, 2, import_id="j"), 103)
    assert slow.heard == []
    slow.is_busy = False
    room.catch_up(slow)
    assert slow.said() == [(0, 2, "finished", 2), (2, 4, "progress", 2)]
    assert len(fast.heard) == 4


def test_who_catches_up_is_written_to_a_few_times_and_not_once_for_each_event() -> None:
    room = placed()
    slow, _ = joined(room)
    slow.is_busy = True
    count = 2 * hub.BATCH_EVENTS + 1
    for offset in range(1, count + 1):
        room.receive("e", event(offset, offset, "visible"), float(offset))
    slow.is_busy = False
    room.catch_up(slow)
    assert slow.writes == 3
    assert slow.said() == [(offset - 1, offset, "visible", offset) for offset in range(1, count + 1)]


def test_who_has_enough_after_one_write_gets_the_rest_later() -> None:
    room = placed()
    slow, _ = joined(room)
    slow.is_busy, slow.stomach = True, 1
    for offset in range(1, hub.BATCH_EVENTS + 2):
        room.receive("e", event(offset, offset, "visible"), float(offset))
    slow.is_busy = False
    room.catch_up(slow)
    assert len(slow.heard) == hub.BATCH_EVENTS
    slow.is_busy = False
    room.catch_up(slow)
    assert [said["offset"] for said in slow.heard] == list(range(1, hub.BATCH_EVENTS + 2))


def test_an_event_is_framed_once_for_all_who_stand_at_the_same_place() -> None:
    room = placed()
    ears = [joined(room)[0] for _ in range(3)]
    room.receive("e", event(1, 1), 100.0)
    assert ears[0].last is ears[1].last is ears[2].last
    assert room.told.frames == 3
    assert len(room.told.events) == 1


def test_a_listener_too_far_behind_is_lost_instead_of_told_half() -> None:
    room = placed()
    slow, _ = joined(room)
    slow.is_busy = True
    for offset in range(1, hub.LOG_EVENTS + 2):
        room.receive("e", event(offset, offset, "visible"), float(offset))
    slow.is_busy = False
    room.catch_up(slow)
    assert slow.lost
    assert slow.heard == []


def test_a_replay_is_complete_or_not_there() -> None:
    room = placed(10, "e", 7)
    room.receive("e", event(11, 3, "finished"), 100)
    for epoch, offset, recovered in [
        ("e", 10, True),
        ("e", 11, True),
        ("e", 7, True),
        ("e", 6, False),
        ("e", 12, False),
        ("f", 10, False),
        (None, None, False),
        ("e", None, False),
        ("", 0, False),
    ]:
        _, answer = joined(room, epoch, offset)
        assert answer["recovered"] is recovered, (epoch, offset)
        assert answer["offset"] == 11
        assert [state["version"] for state in answer["states"]] == [3]
    _, answer = joined(room, "e", 10)
    assert [(said["offset"], said["previous"]) for said in answer["events"]] == [(11, 10)]


def test_a_long_replay_gives_way_to_the_snapshot() -> None:
    room = placed()
    for offset in range(1, hub.RECOVERED_EVENTS + 2):
        room.receive("e", event(offset, offset, "visible"), float(offset))
    _, answer = joined(room, "e", 0)
    assert (answer["recovered"], answer["events"]) == (False, [])
    _, answer = joined(room, "e", 1)
    assert len(answer["events"]) == hub.RECOVERED_EVENTS


def test_a_gap_makes_the_room_read_its_position_and_nothing_is_told_twice() -> None:
    room = placed()
    ear, _ = joined(room)
    room.receive("e", event(1, 1, "finished"), 100)
    room.receive("e", event(3, 3, "visible"), 101)
    noticed = room.behind
    room.receive("e", event(4, 4, "visible"), 102)
    missing = [event(1, 1, "finished"), event(2, 2, "visible"), event(3, 3, "visible")]
    room.place(Position("e", 3, 0, [event(0, 3, "visible")], missing), 103)
    assert (noticed, room.behind) == (True, False)
    assert [offset for _, offset, _, _ in ear.said()] == [1, 2, 3, 4]


def test_a_new_epoch_is_told_from_its_beginning() -> None:
    room = placed(5, "e", 5, event(0, 9))
    ear, _ = joined(room)
    room.receive("f", event(1, 9), 100)
    assert room.behind
    assert ear.heard == []
    room.place(Position("f", 1, 0, [event(0, 9)], [event(1, 9)]), 101)
    room.receive("f", event(2, 10, "finished"), 102)
    assert [(said["epoch"], said["previous"], said["offset"]) for said in ear.heard] == [("f", 0, 1), ("f", 1, 2)]


def test_an_epoch_whose_beginning_is_gone_loses_its_listeners() -> None:
    room = placed(5)
    ear, _ = joined(room)
    room.place(Position("f", 9, 8, [event(0, 9)], [event(9, 9)]), 101)
    assert ear.lost


def test_what_redis_does_not_hold_is_known_to_be_unwritten() -> None:
    room = placed()
    room.receive("e", event(1, 5), 100)
    room.know([event(0, 3, import_id="j")])
    assert [state.import_id for state in room.unwritten()] == ["j"]
    room.place(Position("f", 0, 0, [event(0, 4)], []), 101)
    assert {(state.import_id, state.version) for state in room.unwritten()} == {("i", 5), ("j", 3)}
    assert room.version("i") == 5, "an older Redis teaches nothing"


def test_a_snapshot_shows_all_that_runs_and_the_last_that_ended() -> None:
    room = placed()
    room.know(event(0, number, "finished", f"over-{number}") for number in range(40))
    room.know([event(0, 1, import_id="running")])
    _, answer = joined(room)
    assert {state["id"] for state in answer["states"]} == {"running", *(f"over-{number}" for number in range(20, 40))}


def test_a_room_forgets_what_nobody_is_shown() -> None:
    room = placed()
    for number in range(1, 3000):
        room.receive("e", event(number, 1, "finished", f"over-{number}"), float(number))
    assert len(room.states) <= hub.STATES_KEPT


def test_a_late_older_progress_is_not_told_after_a_newer_snapshot() -> None:
    room = placed()
    room.know([event(0, 7)])
    ear, answer = joined(room)
    assert [state["version"] for state in answer["states"]] == [7]
    room.receive("e", event(1, 6), 100)
    room.receive("e", event(2, 8), 101)
    assert ear.said() == [(0, 2, "progress", 8)]


def test_a_room_knows_since_when_nobody_listens() -> None:
    room = placed()
    ear, _ = joined(room)
    room.leave(ear, 7.0)
    assert (len(room), room.empty_since) == (0, 7.0)
    joined(room)
    assert room.empty_since is None
