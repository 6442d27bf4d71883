"""What Redis holds for the gateways: one hash and one stream a channel, written by `notice.lua` alone.

Redis is a cache. It may be emptied, restarted or away at any moment; the names of its keys carry the workspace.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from app.core.errors import TryAgain
from app.core.imports import TERMINAL, Status
from app.gateway.hub import Event, Kind, Position, shown

HASH_SECONDS = 86_400
STREAM_SECONDS = 3_600
STREAM_EVENTS = 128
SECONDS = 3.0
"""No answer takes longer than this; a Redis that is silent is away."""

CONNECTIONS = 8
"""Of a gateway. Redis answers one command at a time whatever their number; one of them hears the notices."""

FIELDS_KEPT = 512
"""A hash with more fields than this forgets ended imports that no snapshot shows."""

_SCRIPT = Path(__file__).with_name("notice.lua").read_text()


@dataclass(frozen=True, slots=True)
class Notice:
    """A state on its way to Redis: `name` is that of the room, `state` is JSON, `at` Unix seconds.

    `trace` is the traceparent it came with, where anybody hears of traces.
    """

    name: str
    import_id: str
    version: int
    kind: Kind
    at: float
    state: bytes
    trace: str = ""


class _Glance(msgspec.Struct):
    """The little of a state that the gateway looks at."""

    id: str
    version: int
    status: Status
    visible: bool = False
    finished_at: float | None = None

    @property
    def ended(self) -> float | None:
        return (self.finished_at or 0.0) if self.status in TERMINAL else None

    @property
    def kind(self) -> Kind:
        if self.status not in TERMINAL:
            return "progress"
        return "visible" if self.visible else cast(Kind, self.status)


_glances: msgspec.json.Decoder[_Glance] = msgspec.json.Decoder(_Glance)


def room_name(workspace: UUID, channel: str) -> str:
    """The name of a channel wherever gateways meet: nobody hears a channel of another workspace."""
    return f"{workspace.hex}:{channel}"


def event_of(state: bytes, *, offset: int = 0, kind: Kind | None = None, at: float = 0.0) -> Event:
    """An event around a state's JSON; without a kind, it is told as what the state itself says."""
    glance = _glances.decode(state)
    return Event(offset, kind or glance.kind, glance.id, glance.version, at, glance.ended, state)


def read_message(payload: bytes) -> tuple[str, Event]:
    """What `notice.lua` published: the epoch and the event."""
    epoch, offset, kind, _, _, at, state = payload.split(b" ", 6)
    at, _, traceparent = at.partition(b";")
    event = event_of(state, offset=int(offset), kind=cast(Kind, kind.decode()), at=float(at))
    return epoch.decode(), replace(event, trace=traceparent.decode()) if traceparent else event


class Cache:
    """The commands; each raises TryAgain while Redis is away."""

    def __init__(self, url: str) -> None:
        # As many pages may come back at once as there are: they take turns, and none opens a connection that stays.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=SECONDS,
            socket_timeout=SECONDS,
            socket_connect_timeout=SECONDS,
            health_check_interval=15,
            # Retrying is ours: redis-py would hide a dead server for a minute.
            retry=Retry(NoBackoff(), 0),
        )
        self.client: Redis = Redis.from_pool(pool)
        self._sha = ""

    async def close(self) -> None:
        await self.client.aclose()

    async def reach(self) -> None:
        """Returns if Redis is there."""
        await self._pipeline([("PING", "")])

    async def write(self, notices: Sequence[Notice]) -> set[str]:
        """Keeps, numbers and publishes each; what is not newer changes nothing. Answers names of overgrown rooms."""
        answers = await self._pipeline([self._notice(notice) for notice in notices])
        return {notice.name for notice, answer in zip(notices, answers, strict=True) if answer[2] > FIELDS_KEPT}

    async def read(self, name: str) -> Position:
        """The position of a channel, opened if it is new here."""
        _, fields, entries = await self._pipeline(
            [
                self._notice(Notice(name, "", 0, "progress", 0, b"")),
                ("HGETALL", _hash(name)),
                ("XRANGE", _stream(name), "-", "+"),
            ],
            atomic=True,
        )
        return _position(_pairs(fields), entries)

    async def positions(self, names: Sequence[str]) -> list[tuple[str, int] | None]:
        """Epoch and offset of each; None where there is none, or where it is of a server's earlier life."""
        answers = await self._pipeline(
            [("INFO", "server"), *(("HMGET", _hash(name), "epoch", "offset", "run") for name in names)]
        )
        run = answers[0]["run_id"].encode()
        return [
            (epoch.decode(), int(offset)) if epoch is not None and its == run else None
            for epoch, offset, its in answers[1:]
        ]

    async def trim(self, name: str) -> None:
        """Forgets the ended imports that no snapshot shows."""
        (fields,) = await self._pipeline([("HGETALL", _hash(name))])
        states = _states(_pairs(fields))
        kept = {state.import_id for state in shown(states, lambda state: state.ended)}
        gone = [state.import_id for state in states if state.import_id not in kept]
        if gone:
            await self._pipeline([("HDEL", _hash(name), *(f"{part}:{name}" for name in gone for part in "vs"))])

    def _notice(self, notice: Notice) -> tuple[Any, ...]:
        return (
            "EVALSHA",
            self._sha,
            2,
            _hash(notice.name),
            _stream(notice.name),
            secrets.token_hex(8),
            notice.import_id,
            notice.version,
            notice.kind,
            f"{notice.at};{notice.trace}" if notice.trace else notice.at,
            notice.state,
            topic(notice.name),
            HASH_SECONDS,
            STREAM_SECONDS,
            STREAM_EVENTS,
        )

    async def _pipeline(self, commands: Sequence[tuple[Any, ...]], *, atomic: bool = False) -> list[Any]:
        for attempt in (1, 2):
            try:
                async with self.client.pipeline(transaction=atomic) as pipeline:
                    for name, first, *rest in commands:
                        # The script's hash may have become known since the command was made.
                        pipeline.execute_command(name, self._sha if name == "EVALSHA" else first, *rest)
                    return await pipeline.execute()
            except NoScriptError as error:
                # The server is new, or has been emptied. A script run twice writes once.
                if attempt == 2:
                    raise TryAgain(f"Redis forgot the script: {error}") from error
                await self._load()
            except (RedisError, OSError, TimeoutError) as error:
                raise TryAgain(f"Redis is away: {error}") from error
        raise AssertionError("unreachable")

    async def _load(self) -> None:
        try:
            self._sha = await self.client.script_load(_SCRIPT)
        except (RedisError, OSError, TimeoutError) as error:
            raise TryAgain(f"Redis is away: {error}") from error


def topic(name: str) -> str:
    """The pub/sub channel of a room."""
    return f"addressbus:notices:{name}"


def _hash(name: str) -> str:
    return f"addressbus:channel:{{{name}}}"


def _stream(name: str) -> str:
    return f"addressbus:channel:{{{name}}}:stream"


def _pairs(fields: Any) -> dict[bytes, bytes]:
    # A dict or a flat list, by protocol version and transaction.
    return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))


def _states(fields: dict[bytes, bytes]) -> list[Event]:
    return [event_of(state) for name, state in fields.items() if name.startswith(b"s:")]


def _position(fields: dict[bytes, bytes], entries: Iterable[tuple[bytes, Any]]) -> Position:
    """Joins hash and stream. Progress that has a successor is left out: the successor says it all."""
    offset = int(fields[b"offset"])
    events: list[Event] = []
    first = last = 0
    for entry, content in entries:
        last = int(entry.partition(b"-")[0])
        first = first or last
        said = _pairs(content)
        state = said.get(b"s")
        if state is None and fields.get(b"v:" + said[b"i"]) == said[b"v"]:
            state = fields[b"s:" + said[b"i"]]
        if state is not None:
            at = float(said[b"a"].partition(b";")[0])
            events.append(event_of(state, offset=last, kind=cast(Kind, said[b"k"].decode()), at=at))
    # The stream may have been trimmed, or have expired before the hash.
    floor = first - 1 if last == offset and first else offset
    return Position(fields[b"epoch"].decode(), offset, floor, _states(fields), events)
