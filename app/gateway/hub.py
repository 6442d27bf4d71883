"""Who hears what, without waiting for anything: rooms, their logs, and where each listener stands.

    Redis ──receive()/place()──▶ Room ──write()──▶ listeners
                                  │ states  the newest state of each import: the snapshot
                                  │ log     what was said, progress conflated: replay, and every slow client's backlog

A room's log is the only buffer. A listener is one offset in it; one that cannot take more right now simply stays
where it is and catches up later, so a stalled client costs nothing. Times are given, in seconds of any steady clock.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from app.gateway import frames

T = TypeVar("T")
Kind = Literal["progress", "finished", "failed", "cancelled", "visible"]

PROGRESS_SECONDS = 0.2
"""Progress of a room is told at most this often; the first word on an import and its end are told at once."""

LOG_EVENTS = 128
"""How many events a room remembers; who fell behind further gets a snapshot instead."""

RECOVERED_EVENTS = 64
"""The longest replay in one answer; beyond it a snapshot is cheaper."""

ENDED_SHOWN = 20
"""A snapshot shows every running import and this many ended ones, the latest."""

STATES_KEPT = 256
"""When a room knows more imports than this, it forgets ended ones that no snapshot shows."""

BATCH_EVENTS = 16
"""So many frames go out in one write: who catches up costs few of them, and who stalls is not handed everything."""

STASH_EVENTS = 256
"""Events that wait until the room knows its position; what overflows is read from the stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """One state of one import, as it was told on a channel.

    `offset` is 0 for a state that has no place in this epoch's order (it came from the map or the hash);
    `at` is when it was produced (Unix seconds), `ended` when the import ended, None while it runs; `state` is JSON.
    `trace` is the traceparent it came with, where anybody hears of traces.
    """

    offset: int
    kind: Kind
    import_id: str
    version: int
    at: float
    ended: float | None
    state: bytes
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """What Redis holds of a channel, read in one go: the states, and the events above `floor`, in order."""

    epoch: str
    offset: int
    floor: int
    states: Sequence[Event]
    events: Sequence[Event]


class Listener(Protocol):
    """A socket, as the room sees it."""

    def busy(self) -> bool:
        """Whether it cannot take more right now; it calls `Room.catch_up` when it can."""

    def write(self, frames: bytes) -> None:
        """Takes one or more frames, at once."""

    def lose(self) -> None:
        """Its position cannot be bridged: it must come back and ask for a snapshot."""


class Log:
    """Events in the order of their offsets, where a newer state of an import replaces its older progress."""

    def __init__(self, floor: int = 0) -> None:
        self.floor = floor
        """Events up to here are gone; above it nothing but conflated progress is missing."""
        self._events: dict[str | int, Event] = {}

    def add(self, event: Event) -> Event | None:
        """Appends; answers the older progress that gave way."""
        replaced = self._events.pop(event.import_id, None)
        self._events[event.import_id if event.kind == "progress" else event.offset] = event
        if len(self._events) > LOG_EVENTS:
            self.floor = self._events.pop(next(iter(self._events))).offset
        return replaced

    def after(self, offset: int) -> list[Event]:
        """What was said after `offset`, oldest first. Complete only if `offset` is not below the floor."""
        found: list[Event] = []
        for event in reversed(self._events.values()):
            if event.offset <= offset:
                break
            found.append(event)
        found.reverse()
        return found


@dataclass(slots=True)
class _Place:
    """How far a listener has been told."""

    epoch: str
    sent: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """What everyone who stands at the same offset is told next: ready frames of `events` events, up to `until`."""

    frames: bytes
    events: int
    until: int
    more: bool


@dataclass(slots=True)
class Told:
    """What went out since the caller last looked: frames, progress that gave way, and which events."""

    frames: int = 0
    conflated: int = 0
    events: list[Event] = field(default_factory=list)

    def clear(self) -> None:
        self.frames = self.conflated = 0
        self.events.clear()


class Room:
    """One channel of one workspace and everyone here who listens to it."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.epoch = ""
        """Empty until the position in Redis has been read."""
        self.offset = 0
        self.behind = True
        """Whether the position must be read (again): at the start, and when an event is missing."""
        self.due: float | None = None
        """When `flush` must be called, because progress waits."""
        self.empty_since: float | None = None
        self.states: dict[str, Event] = {}
        self.told = Told()
        self._log = Log()
        self._stash: list[tuple[str, Event]] = []
        self._cached: dict[str, int] = {}
        self._places: dict[Listener, _Place] = {}
        self._quiet_until = 0.0
        self._flushed = 0

    def __len__(self) -> int:
        return len(self._places)

    # What comes in

    def receive(self, epoch: str, event: Event, now: float) -> None:
        """An event came by pub/sub: told, or held back until it is due; a gap sets `behind`."""
        if epoch == self.epoch and event.offset <= self.offset:
            return
        if epoch != self.epoch or event.offset != self.offset + 1:
            self.behind = True
        if self.behind:
            if len(self._stash) < STASH_EVENTS:
                self._stash.append((epoch, event))
            return
        self._tell(self._take(event), now)

    def place(self, position: Position, now: float) -> None:
        """The position in Redis has been read: goes on from there, or from a new epoch's beginning."""
        if position.epoch != self.epoch:
            self.epoch, self.offset, self._flushed = position.epoch, 0, 0
            self._log, self._cached = Log(), {}
        urgent = any(place.epoch != self.epoch for place in self._places.values())
        if position.floor > self.offset:
            # Events are missing for good. Who stood below the new floor must ask for a snapshot.
            self._log, urgent = Log(position.floor), True
        for event in position.events:
            if event.offset > self.offset:
                urgent |= self._take(event)
        self.offset = max(self.offset, position.offset)
        self.know(position.states)
        self._cached.update({state.import_id: state.version for state in position.states})
        stash, self._stash, self.behind = self._stash, [], False
        self._tell(urgent, now)
        for epoch, event in sorted(stash, key=lambda entry: entry[1].offset):
            if epoch == self.epoch:
                self.receive(epoch, event, now)

    def know(self, states: Iterable[Event]) -> None:
        """States learned without an offset, for snapshots; listeners hear of them when Redis has taken them."""
        for state in states:
            known = self.states.get(state.import_id)
            if known is None or state.version > known.version:
                self.states[state.import_id] = state
        if len(self.states) > STATES_KEPT:
            self.states = {state.import_id: state for state in self._shown()}
            self._cached = {name: version for name, version in self._cached.items() if name in self.states}

    def version(self, import_id: str) -> int:
        """The newest version known here, -1 for an unknown import."""
        known = self.states.get(import_id)
        return -1 if known is None else known.version

    def unwritten(self) -> list[Event]:
        """The states shown here that are newer than what Redis is known to hold."""
        return [state for state in self._shown() if state.version > self._cached.get(state.import_id, -1)]

    # Who listens

    def join(self, listener: Listener, request: int | str, epoch: str | None, offset: int | None) -> bytes:
        """From now on `listener` hears this room; answers the `subscribed` frame.

        The replay is all or nothing: every event after (`epoch`, `offset`), or none. The snapshot is always there.
        """
        events: list[Event] | None = None
        if epoch and epoch == self.epoch and offset is not None and self._log.floor <= offset <= self.offset:
            events = self._log.after(offset)
        recovered = events is not None and len(events) <= RECOVERED_EVENTS
        self._places[listener] = _Place(self.epoch, self.offset)
        self.empty_since = None
        return frames.subscribed(
            request,
            self.channel,
            self.epoch,
            self.offset,
            [state.state for state in self._shown()],
            self._replay(events, offset or 0) if recovered and events else [],
            recovered=recovered,
        )

    def lags(self, epoch: str | None, offset: int | None) -> bool:
        """Whether a client knows more of this channel than this room does: read the position first."""
        return self.behind or (epoch is not None and (epoch != self.epoch or (offset or 0) > self.offset))

    def leave(self, listener: Listener, now: float) -> None:
        """`listener` hears nothing more of this room."""
        self._places.pop(listener, None)
        if not self._places:
            self.empty_since = now

    # What goes out

    def flush(self, now: float) -> None:
        """Tells everyone what they have not heard yet."""
        self.due = None
        self._quiet_until = now + PROGRESS_SECONDS
        self._flushed = self.offset
        batches: dict[int, _Batch] = {}
        for listener, place in list(self._places.items()):
            self._catch_up(listener, place, batches)

    def catch_up(self, listener: Listener) -> None:
        """`listener` can take more again."""
        place = self._places.get(listener)
        if place is not None:
            self._catch_up(listener, place, {})

    def _tell(self, urgent: bool, now: float) -> None:
        if urgent or now >= self._quiet_until:
            self.flush(now)
        elif self.due is None:
            self.due = self._quiet_until

    def _take(self, event: Event) -> bool:
        """Adds an event to what is known; answers whether it must be told at once."""
        known = self.states.get(event.import_id)
        self.offset = event.offset
        self._cached[event.import_id] = event.version
        if known is not None and event.version < known.version and event.kind == "progress":
            return False  # its successor is in every snapshot given out, and on its way to the others
        replaced = self._log.add(event)
        self.told.conflated += replaced is not None and replaced.offset > self._flushed
        self.know([event])
        return known is None or event.kind != "progress"

    def _catch_up(self, listener: Listener, place: _Place, batches: dict[int, _Batch]) -> None:
        if listener.busy():
            return
        if place.epoch != self.epoch:
            place.epoch, place.sent = self.epoch, 0
        if place.sent < self._log.floor:
            listener.lose()
            return
        while True:
            # Nearly all stand at the same offset: what follows it is framed once, and written once to each.
            batch = batches.get(place.sent)
            if batch is None:
                batch = batches[place.sent] = self._batch(place.sent)
            if not batch.events:
                return
            listener.write(batch.frames)
            self.told.frames += batch.events
            place.sent = batch.until
            if not batch.more or listener.busy():
                return

    def _batch(self, sent: int) -> _Batch:
        events = self._log.after(sent)
        some = events[:BATCH_EVENTS]
        self.told.events += some
        return _Batch(
            b"".join(map(frames.framed, self._replay(some, sent))),
            len(some),
            some[-1].offset if some else sent,
            len(some) < len(events),
        )

    def _json(self, event: Event, previous: int) -> bytes:
        return frames.event(self.channel, self.epoch, event.offset, previous, event.kind, event.state)

    def _replay(self, events: Sequence[Event], previous: int) -> list[bytes]:
        found: list[bytes] = []
        for event in events:
            found.append(self._json(event, previous))
            previous = event.offset
        return found

    def _shown(self) -> list[Event]:
        return shown(self.states.values(), lambda state: state.ended)


def shown(states: Iterable[T], ended: Callable[[T], float | None]) -> list[T]:
    """Of these states the ones a snapshot shows: all that run, and the last ones that ended."""
    running: list[T] = []
    over: list[tuple[float, T]] = []
    for state in states:
        at = ended(state)
        if at is None:
            running.append(state)
        else:
            over.append((at, state))
    over.sort(key=lambda entry: entry[0], reverse=True)
    return running + [state for _, state in over[:ENDED_SHOWN]]
