"""The fleet's own eyes: frames are counted in whatever pieces they come, and a missing event is seen."""

import asyncio
from itertools import pairwise
from typing import Any, cast
from uuid import uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.gateway import frames
from bench.fleet_process import Fleet, Order, Socket, masked

CHANNEL = "c" * 22
HELLO = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.over = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.over = True

    abort = close


def state(version: int, status: str = "running") -> bytes:
    return msgspec.json.encode({"id": "i", "version": version, "status": status, "name": "x" * 200})


def event(offset: int, previous: int, kind: str = "progress", status: str = "running") -> bytes:
    return frames.framed(frames.event(CHANNEL, "e", offset, previous, kind, state(offset, status)))


def socket() -> tuple[Fleet, Socket, Wire]:
    keys = "k:" + "5a" * 32
    fleet = Fleet(Order("ws://127.0.0.1:1/v1/ws", 1, keys, [(uuid4(), CHANNEL)]))
    made = Socket(fleet, "credential", CHANNEL, "token")
    fleet.sockets.append(made)
    wire = Wire()
    made.connection_made(cast(asyncio.BaseTransport, wire))
    return fleet, made, wire


def hear(said: bytes, cuts: list[int] | None = None) -> tuple[Fleet, Wire]:
    fleet, made, wire = socket()
    edges = [0, *sorted(cut % (len(said) + 1) for cut in cuts or []), len(said)]
    for start, end in pairwise(edges):
        made.data_received(said[start:end])
    return fleet, wire


@given(st.lists(st.integers(min_value=0, max_value=5_000), max_size=12))
def test_frames_are_counted_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    answer = frames.subscribed(1, CHANNEL, "e", 4, [state(4)], [], recovered=False)
    said = HELLO + frames.hello("s", 25) + answer + event(5, 4) + frames.PING + event(9, 5, "finished", "finished")
    fleet, wire = hear(said, cuts)
    report = fleet.report()
    assert (report.open, report.opened, report.frames, report.gaps) == (1, 1, 2, 0)
    ((ending, sockets),) = report.endings
    assert (ending.version, ending.status, sockets) == (9, "finished", 1)
    assert wire.written.endswith(masked(1, b'{"type":"pong"}'))


def test_an_event_that_does_not_follow_the_one_before_is_a_gap() -> None:
    answer = frames.subscribed(1, CHANNEL, "e", 4, [], [], recovered=False)
    fleet, _ = hear(HELLO + answer + event(6, 5))
    assert fleet.report().gaps == 1


def test_a_close_is_answered_and_its_code_counted() -> None:
    answer = frames.subscribed(1, CHANNEL, "e", 0, [], [], recovered=False)
    close = b"\x88\x02" + (4001).to_bytes(2, "big")
    fleet, wire = hear(HELLO + answer + close)
    assert wire.over
    fleet.sockets[0].connection_lost(None)
    assert fleet.report().codes == {"4001": 1}
    assert fleet.report().open == 0


def test_who_comes_back_says_where_it_stood() -> None:
    answer = frames.subscribed(1, CHANNEL, "e", 4, [], [], recovered=False)
    fleet, _ = hear(HELLO + answer + event(5, 4))
    again: Any = Wire()
    fleet.sockets[0].connection_made(again)
    fleet.sockets[0].data_received(HELLO)
    assert b'"epoch":"e","offset":5' in again.written


def test_a_door_that_stays_shut_is_counted_by_its_status() -> None:
    fleet, made, wire = socket()
    made.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert wire.over
    made.connection_lost(None)
    assert fleet.report().codes == {"503": 1}
