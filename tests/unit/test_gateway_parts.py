"""The gateway's small pure parts: the door, the frames, the batches of notices."""

import json
from uuid import UUID

import msgspec
import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from app.core.channels import holder_of, workspace_channel
from app.core.errors import Rejected
from app.core.events import Notice
from app.core.imports import State
from app.gateway import cache, feed, frames
from app.gateway.door import Door, Refused
from app.gateway.hub import Kind

ORIGIN = "http://localhost:8000"
DOOR = Door.of(ORIGIN, "")
COOKIE = "addressbus_8000=abc"
WORKSPACE = UUID(int=1)
IMPORT = UUID(int=2)


def opened(
    origins: tuple[str, ...] = (),
    cookies: tuple[str, ...] = (),
    bearers: tuple[str, ...] = (),
    *,
    method: str = "GET",
    path: str = "/v1/ws",
    door: Door = DOOR,
) -> str | int:
    try:
        return door.holder(method, path, origins, cookies, bearers)
    except Refused as refusal:
        return refusal.status


def test_a_cookie_needs_a_listed_origin_exactly() -> None:
    assert opened((ORIGIN,), (COOKIE,)) == holder_of("abc")
    for origin in ("http://localhost:8000/", "http://LOCALHOST:8000", "https://localhost:8000", "http://x", "null", ""):
        assert opened((origin,), (COOKIE,)) == 403, origin
    assert opened((), (COOKIE,)) == 403
    assert opened((ORIGIN, ORIGIN), (COOKIE,)) == 403


def test_a_bearer_token_needs_to_come_without_origin_and_cookie() -> None:
    assert opened(bearers=("Bearer abc",)) == opened(bearers=("bearer abc",)) == holder_of("abc")
    assert opened((ORIGIN,), bearers=("Bearer abc",)) == 403
    assert opened((ORIGIN,), (COOKIE,), ("Bearer abc",)) == 403
    assert opened(bearers=("Basic abc",)) == opened(bearers=("Bearer ",)) == 403
    assert opened(bearers=("Bearer a", "Bearer a")) == 403


def test_nobody_comes_in_without_a_credential() -> None:
    assert opened((ORIGIN,)) == opened((ORIGIN,), ("other=1; addressbus_8001=abc",)) == 403


def test_the_session_is_found_among_other_cookies_and_the_last_one_counts() -> None:
    assert opened((ORIGIN,), ("a=1; addressbus_8000=old; b=2", 'addressbus_8000="new"')) == holder_of("new")


def test_listed_origins_replace_that_of_the_public_url() -> None:
    door = Door.of("https://book.example", "https://a.example, https://b.example")
    cookie = ("__Host-addressbus=abc",)
    assert opened(("https://b.example",), cookie, door=door) == holder_of("abc")
    assert opened(("https://book.example",), cookie, door=door) == 403


def test_sockets_are_at_one_address_and_open_with_get() -> None:
    assert opened((ORIGIN,), (COOKIE,), path="/v1/ws?x=1") == holder_of("abc")
    assert opened((ORIGIN,), (COOKIE,), path="/v1/ws/") == opened((ORIGIN,), (COOKIE,), path="/") == 404
    assert opened((ORIGIN,), (COOKIE,), method="POST") == 405


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 100_000])
def test_a_ready_frame_is_what_the_library_reads(size: int) -> None:
    reader = StreamReader()
    reader.feed_data(frames.framed(b"x" * size))
    parser = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parser)
    frame = done.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * size)


def text(frame: bytes) -> object:
    return json.loads(frame[frame.index(b"{") :])


def test_the_words_of_the_server() -> None:
    assert text(frames.hello("s", 25.0)) == {"type": "hello", "socket": "s", "heartbeat": 25.0}
    assert text(frames.PING) == {"type": "ping"}
    assert text(frames.drain(1500)) == {"type": "drain", "within_ms": 1500}
    assert text(frames.error(7, "limit", temporary=False)) == {
        "type": "error",
        "id": 7,
        "code": "limit",
        "temporary": False,
    }
    event = frames.event("c", "e", 5, 3, "finished", b'{"id":"i"}')
    assert json.loads(event) == {
        "type": "event",
        "channel": "c",
        "epoch": "e",
        "offset": 5,
        "previous": 3,
        "kind": "finished",
        "state": {"id": "i"},
    }
    assert text(frames.subscribed('a"b', "c", "e", 5, [b'{"id":"i"}'], [event], recovered=True)) == {
        "type": "subscribed",
        "id": 'a"b',
        "channel": "c",
        "epoch": "e",
        "offset": 5,
        "recovered": True,
        "states": [{"id": "i"}],
        "events": [json.loads(event)],
    }


def test_the_words_of_the_client() -> None:
    assert frames.command('{"type":"pong"}') == frames.Pong()
    assert frames.command('{"type":"unsubscribe","id":"x","channel":"c","more":1}') == frames.Unsubscribe("x", "c")
    assert frames.command('{"type":"subscribe","id":1,"channel":"c","token":"t","epoch":"e","offset":2}') == (
        frames.Subscribe(1, "c", "t", "e", 2)
    )
    for nonsense in ("", "{}", '{"type":"hello"}', '{"type":"subscribe","id":1,"channel":"c","token":"t","offset":-1}'):
        with pytest.raises(Rejected):
            frames.command(nonsense)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("DRAINING", 4001),
        ("SLOW", 4002),
        ("NO_PONG", 4003),
        ("POSITION_LOST", 4004),
        ("RATE", 4005),
        ("TOKEN_EXPIRED", 4006),
        ("BAD_TOKEN", 4500),
        ("ORIGIN", 4501),
        ("PROTOCOL", 4502),
        ("LIMIT", 4503),
        ("SIGNED_OUT", 4504),
    ],
)
def test_close_codes_are_a_promise(code: str, number: int) -> None:
    assert frames.Close[code] == number


def notice(version: int, kind: Kind = "progress", import_id: UUID = IMPORT) -> bytes:
    state = State(id=import_id, workspace=WORKSPACE, version=version, status="running", name="Ünï\n")
    return msgspec.json.encode(
        Notice(workspace=WORKSPACE, channel=workspace_channel(WORKSPACE), kind=kind, state=state)
    )


def test_a_notice_keeps_the_text_of_its_state_and_goes_to_a_room_of_its_workspace() -> None:
    found = feed.read_notice(notice(3), 12.5)
    assert found.name == cache.room_name(WORKSPACE, workspace_channel(WORKSPACE))
    assert (found.import_id, found.version, found.at) == (str(IMPORT), 3, 12.5)
    assert msgspec.json.decode(found.state, type=State).name == "Ünï\n"


def test_of_waiting_progress_only_the_last_is_written_and_every_ending_is() -> None:
    kinds: list[Kind] = ["progress", "progress", "finished", "progress", "visible", "progress", "progress"]
    found = feed.conflated(feed.read_notice(notice(number, kind), 0) for number, kind in enumerate(kinds))
    assert [(one.version, one.kind) for one in found] == [(2, "finished"), (4, "visible"), (6, "progress")]


def test_a_message_survives_the_way_through_redis() -> None:
    state = b'{"id":"i","version":4,"status":"finished","finished_at":9.5,"name":"a b"}'
    epoch, event = cache.read_message(b"e1 7 finished i 4 1.25 " + state)
    assert (epoch, event.offset, event.kind, event.version, event.at, event.ended, event.state) == (
        "e1",
        7,
        "finished",
        4,
        1.25,
        9.5,
        state,
    )


@pytest.mark.parametrize(
    ("status", "visible", "kind"),
    [
        ("requested", "false", "progress"),
        ("running", "false", "progress"),
        ("failed", "false", "failed"),
        ("cancelled", "false", "cancelled"),
        ("finished", "false", "finished"),
        ("finished", "true", "visible"),
    ],
)
def test_a_state_from_the_map_is_told_as_what_it_says(status: str, visible: str, kind: str) -> None:
    event = cache.event_of(f'{{"id":"i","version":1,"status":"{status}","visible":{visible}}}'.encode())
    assert event.kind == kind
    assert (event.ended is None) == (kind == "progress")
