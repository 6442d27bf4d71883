"""Whatever is dropped, repeated, reordered or emptied on the way, a client ends with the truth and misses no ending."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from app.gateway import hub
from app.gateway.hub import Event, Kind, Position, Room
from tests.unit.test_hub import all_unframed, unframed

STREAM_EVENTS = 4


class Redis:
    """What notice.lua does, in memory; every gateway has a queue of what was published."""

    def __init__(self) -> None:
        self.epochs = 0
        self.history: dict[str, list[Event]] = {}
        self.queues: tuple[list[tuple[str, Event]], ...] = ([], [])
        self.empty()

    def empty(self) -> None:
        self.epoch = ""
        self.states: dict[str, Event] = {}
        self.stream: list[Event] = []

    def open(self) -> None:
        if not self.epoch:
            self.epochs += 1
            self.epoch = f"e{self.epochs}"
            self.history[self.epoch] = []

    @property
    def offset(self) -> int:
        return len(self.history[self.epoch])

    def write(self, state: Event) -> None:
        self.open()
        known = self.states.get(state.import_id)
        if known is not None and known.version >= state.version:
            return
        event = Event(self.offset + 1, state.kind, state.import_id, state.version, state.at, state.ended, state.state)
        self.states[state.import_id] = event
        self.history[self.epoch].append(event)
        self.stream = [*self.stream, event][-STREAM_EVENTS:]
        for queue in self.queues:
            queue.append((self.epoch, event))

    def read(self) -> Position:
        self.open()
        newest = {event.offset for event in self.states.values()}
        events = [event for event in self.stream if event.kind != "progress" or event.offset in newest]
        floor = self.stream[0].offset - 1 if self.stream else self.offset
        return Position(self.epoch, self.offset, floor, list(self.states.values()), events)


@dataclass(eq=False)
class Client:
    """A page: it checks every frame against the contract, and keeps what design.md lets it keep."""

    room: Room | None = None
    is_busy: bool = False
    epoch: str | None = None
    offset: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    raw: dict[str, int] = field(default_factory=dict)
    ended: dict[str, set[int]] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)

    def busy(self) -> bool:
        return self.is_busy

    def lose(self) -> None:
        self.disconnect()

    def write(self, frames: bytes) -> None:
        for event in all_unframed(frames):
            self.event(event)

    def connect(self, room: Room) -> None:
        self.room, self.is_busy, self.raw = room, False, {}
        answer = unframed(room.join(self, 1, self.epoch, self.offset if self.epoch else None))
        if answer["recovered"]:
            for event in answer["events"]:
                self.event(event)
            assert answer["epoch"] == self.epoch
        else:
            assert answer["events"] == []
            # Nothing before this is promised as an event; the snapshot holds it.
            self.since[answer["epoch"]] = answer["offset"]
        self.epoch, self.offset = answer["epoch"], answer["offset"]
        for state in answer["states"]:
            self.keep(state)
            self.raw[state["id"]] = state["version"]

    def disconnect(self) -> None:
        if self.room is not None:
            self.room.leave(self, 0.0)
        self.room = None

    def event(self, frame: dict[str, Any]) -> None:
        state = frame["state"]
        if frame["epoch"] == self.epoch:
            assert frame["previous"] == self.offset, "nothing that was sent may be missing"
        else:
            assert frame["previous"] == 0
            self.raw.clear()
            self.since[frame["epoch"]] = 0
        assert frame["offset"] > frame["previous"]
        if frame["kind"] == "progress":
            assert state["version"] >= self.raw.get(state["id"], 0), "no version goes down"
        else:
            self.ended.setdefault(frame["epoch"], set()).add(frame["offset"])
        self.raw[state["id"]] = max(state["version"], self.raw.get(state["id"], 0))
        self.epoch, self.offset = frame["epoch"], frame["offset"]
        self.keep(state)

    def keep(self, state: dict[str, Any]) -> None:
        self.versions[state["id"]] = max(state["version"], self.versions.get(state["id"], 0))


class World:
    """Two gateways, one Redis, a few pages."""

    def __init__(self) -> None:
        self.now = 0.0
        self.redis = Redis()
        self.rooms = (Room("c"), Room("c"))
        self.clients = [Client() for _ in range(3)]
        self.truth: dict[str, Event] = {}

    def tell(self, import_id: str, kind: Kind, *, taken: bool) -> None:
        """The tracker folds a fact. The notice is `taken` to Redis, or only the map will know."""
        version = self.truth[import_id].version + 1 if import_id in self.truth else 1
        over = import_id in self.truth and self.truth[import_id].ended is not None
        ended = 1.0 if kind != "progress" or over else None
        state = b'{"id":"%b","version":%d}' % (import_id.encode(), version)
        self.truth[import_id] = Event(0, kind, import_id, version, 0.0, ended, state)
        if taken:
            self.redis.write(self.truth[import_id])

    def repeat(self, import_id: str) -> None:
        if import_id in self.truth:
            self.redis.write(self.truth[import_id])

    def deliver(self, gateway: int, how: str) -> None:
        queue, room = self.redis.queues[gateway], self.rooms[gateway]
        if not queue:
            return
        if how == "swap" and len(queue) > 1:
            queue[0], queue[1] = queue[1], queue[0]
        heard = queue[0] if how == "repeat" else queue.pop(0)
        if how != "drop":
            room.receive(*heard, self.now)

    def check(self, gateway: int) -> None:
        room = self.rooms[gateway]
        room.know(self.truth.values())
        room.place(self.redis.read(), self.now)
        for state in room.unwritten():
            self.redis.write(state)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for room in self.rooms:
            if room.due is not None and room.due <= self.now:
                room.flush(self.now)

    def connect(self, client: Client, gateway: int) -> None:
        client.disconnect()
        room = self.rooms[gateway]
        if room.lags(client.epoch, client.offset):
            self.check(gateway)
        client.connect(room)

    def relax(self, client: Client) -> None:
        client.is_busy = False
        if client.room is not None:
            client.room.catch_up(client)

    def come_to_rest(self) -> None:
        """Every queue is heard, every position compared, every page back and reading."""
        for _ in range(3):
            for gateway in (0, 1):
                while self.redis.queues[gateway]:
                    self.deliver(gateway, "well")
                self.check(gateway)
            for client in self.clients:
                self.relax(client)
                if client.room is None:
                    self.connect(client, 0)
            self.pass_time(1.0)


gateways = st.integers(0, 1)
clients = st.integers(0, 2)
imports = st.sampled_from(["i", "j"])
tells = st.tuples(
    st.just("tell"),
    imports,
    st.sampled_from(["progress", "finished", "visible"]),
    st.sampled_from([True, True, True, False]),
)
delivers = st.tuples(st.just("deliver"), gateways, st.sampled_from(["well", "well", "drop", "repeat", "swap"]))
steps = st.one_of(
    tells,
    tells,
    tells,
    delivers,
    delivers,
    delivers,
    st.tuples(st.just("check"), gateways),
    st.tuples(st.just("time"), st.sampled_from([0.01, 0.3])),
    st.tuples(st.just("connect"), clients, gateways),
    st.tuples(st.sampled_from(["disconnect", "busy", "relax"]), clients),
    st.tuples(st.sampled_from(["empty", "repeat"]), imports),
)


def run(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("tell", import_id, kind, taken):
            world.tell(import_id, kind, taken=taken)
        case ("repeat", import_id):
            world.repeat(import_id)
        case ("deliver", gateway, how):
            world.deliver(gateway, how)
        case ("check", gateway):
            world.check(gateway)
        case ("time", seconds):
            world.pass_time(seconds)
        case ("connect", number, gateway):
            world.connect(world.clients[number], gateway)
        case ("disconnect", number):
            world.clients[number].disconnect()
        case ("busy", number):
            world.clients[number].is_busy = True
        case ("relax", number):
            world.relax(world.clients[number])
        case ("empty", _):
            world.redis.empty()


@contextmanager
def small_rooms() -> Iterator[None]:
    """Limits small enough to be reached."""
    with mock.patch.multiple(hub, LOG_EVENTS=3, RECOVERED_EVENTS=2, STASH_EVENTS=2):
        yield


@settings(max_examples=300)
@given(st.lists(steps, max_size=60))
def test_every_client_ends_with_the_newest_state_and_has_missed_no_ending(plan: list[tuple[Any, ...]]) -> None:
    with small_rooms():
        world = World()
        for number, client in enumerate(world.clients):
            world.connect(client, number % 2)
        for step in plan:
            run(world, step)
        world.come_to_rest()
        for room in world.rooms:
            world.clients.append(Client())
            world.clients[-1].connect(room)
    newest = {import_id: event.version for import_id, event in world.truth.items()}
    for client in world.clients:
        assert client.versions == newest
        for epoch in {client.epoch or world.redis.epoch, world.redis.epoch}:
            endings = {event.offset for event in world.redis.history[epoch] if event.kind != "progress"}
            promised = {offset for offset in endings if offset > client.since.get(epoch, 0)}
            assert promised <= client.ended.get(epoch, set()), "an ending was lost"
