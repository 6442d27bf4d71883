"""The words on the socket (design.md section 6): what clients may say, what they hear, and how a socket ends.

What goes out is built as one ready WebSocket frame, so that a room with a thousand listeners frames an event once.
That holds because nothing is compressed and a server's frames are not masked.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated

import msgspec

from app.core.errors import Rejected

SUBPROTOCOL = "addressbus.v1"

Id = Annotated[str, msgspec.Meta(max_length=64)] | int
"""What a client calls its request; it is only echoed."""


class Close(IntEnum):
    """Why a socket ends. 4000-4499: come back, with full jitter; 4500-4999: do not."""

    DRAINING = 4001
    SLOW = 4002
    NO_PONG = 4003
    POSITION_LOST = 4004
    RATE = 4005
    TOKEN_EXPIRED = 4006
    BAD_TOKEN = 4500
    ORIGIN = 4501
    PROTOCOL = 4502
    LIMIT = 4503
    SIGNED_OUT = 4504


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Let me hear this channel; I already know everything up to this epoch and offset."""

    id: Id
    channel: str
    token: str
    epoch: str | None = None
    offset: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribe"):
    id: Id
    channel: str


class Refresh(msgspec.Struct, frozen=True, tag_field="type", tag="refresh"):
    """A newer token for a channel that I hear."""

    id: Id
    channel: str
    token: str


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    pass


Command = Subscribe | Unsubscribe | Refresh | Pong
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def command(text: bytes | str) -> Command:
    """Reads what a client said. Raises Rejected `malformed`."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("malformed", str(error)) from None


def framed(payload: bytes) -> bytes:
    """One unmasked text frame."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def hello(socket: str, heartbeat: float) -> bytes:
    """The first frame; a ping follows at least every 1.2 x `heartbeat` seconds."""
    return framed(msgspec.json.encode({"type": "hello", "socket": socket, "heartbeat": heartbeat}))


PING = framed(b'{"type":"ping"}')


def drain(within_ms: int) -> bytes:
    return framed(b'{"type":"drain","within_ms":%d}' % within_ms)


def error(request: str | int | None, code: str, *, temporary: bool) -> bytes:
    """`temporary`: the same request may work later."""
    return framed(msgspec.json.encode({"type": "error", "id": request, "code": code, "temporary": temporary}))


def subscribed(
    request: str | int,
    channel: str,
    epoch: str,
    offset: int,
    states: Sequence[bytes],
    events: Sequence[bytes],
    *,
    recovered: bool,
) -> bytes:
    """The answer to `subscribe`: snapshot (`states`) and replay (`events`), both ready JSON."""
    return framed(
        b'{"type":"subscribed","id":%b,"channel":"%b","epoch":"%b","offset":%d,"recovered":%b,"states":[%b],"events":[%b]}'
        % (
            msgspec.json.encode(request),
            channel.encode(),
            epoch.encode(),
            offset,
            b"true" if recovered else b"false",
            b",".join(states),
            b",".join(events),
        )
    )


def event(channel: str, epoch: str, offset: int, previous: int, kind: str, state: bytes) -> bytes:
    """One event as JSON, to be framed or listed in a replay; `previous` is what this client was sent last."""
    return b'{"type":"event","channel":"%b","epoch":"%b","offset":%d,"previous":%d,"kind":"%b","state":%b}' % (
        channel.encode(),
        epoch.encode(),
        offset,
        previous,
        kind.encode(),
        state,
    )
