"""What breaks a stack: faults as data, chosen by a seed, each with its heal.

A blow is a verb, whom it hits and for how long. `choose` deals them out; `Nemesis.strike` does one: it breaks, holds,
heals, and returns when the stack is whole again, within a bound.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import NamedTuple

import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.errors import TryAgain
from app.core.groups import GROUPS
from app.core.topics import BULK, EXPRESS, FACTS
from tests.faults.course import Course, Fault
from tests.faults.exposed import READY_SECONDS, Exposed
from tests.faults.proxy import Bandwidth, Cut, Latency, Reset, SlowClose, Toxic

SESSION_SECONDS = 10
"""After so long without a heartbeat Kafka gives a member's partitions away."""
WORKERS = ("importer.1", "importer.2", "express.1", "tracker.1", "projector.1", "fetcher.1")
PROCESSES = (*WORKERS, "gateway.1", "web")
SERVERS = ("kafka", "postgres", "valkey")
TALKS = (
    *((name, "kafka") for name in PROCESSES),
    *((name, "postgres") for name in ("importer.1", "express.1", "projector.1", "web")),
    ("gateway.1", "valkey"),
)
"""Who speaks to which server."""
AGAIN = 40
"""Records that are delivered a second time by one blow."""


class Blow(NamedTuple):
    """One fault as data. `server` is the other end of a connection, where one is broken."""

    verb: str
    whom: str
    server: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        between = f" from {self.server}" if self.server else ""
        lasting = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.verb} {self.whom}{between}{lasting}"


def _every() -> dict[str, tuple[Blow, ...]]:
    longer = SESSION_SECONDS + 4
    talks = {
        verb: tuple(Blow(verb, whom, server, seconds) for whom, server in TALKS)
        for verb, seconds in (
            ("cut", longer),  # nothing passes, and all of it arrives when it is over
            ("lose", longer),  # nothing passes, and it ends with a reset
            ("mute", 5),  # what is asked arrives, the answer does not: was it done?
            ("delay", 12),
            ("slow", 12),
            ("reset", 6),
            ("linger", 12),
        )
    }
    return {
        "kill": tuple(Blow("kill", whom) for whom in PROCESSES),
        "freeze": tuple(Blow("freeze", whom, seconds=longer) for whom in PROCESSES),
        "kill server": tuple(Blow("kill", whom) for whom in SERVERS),
        "freeze server": (
            Blow("freeze", "kafka", seconds=30),
            Blow("freeze", "postgres", seconds=20),
            Blow("freeze", "valkey", seconds=20),
        ),
        "down": tuple(Blow("down", whom, seconds=8) for whom in SERVERS),
        "flush": (Blow("flush", "valkey"),),
        **talks,
        "fill": (Blow("fill", "kafka", seconds=8), Blow("fill", "postgres", seconds=8)),
        "rewind": (Blow("rewind", "importer"), Blow("rewind", "express")),
        "repeat": tuple(Blow("repeat", topic.name) for topic in (EXPRESS, BULK, FACTS)),
        "storm": (Blow("storm", "importer", seconds=16),),
        "power": (Blow("power", "everything"),),
    }


KINDS = _every()
"""Every kind of fault with all that it can hit."""


def choose(seed: int, count: int, *, without: Sequence[str] = ()) -> list[Blow]:
    """So many blows; no kind comes again before every other one came. The same for each seed."""
    random = Random(f"nemesis {seed}")
    kinds = [kind for kind in KINDS if kind not in without]
    chosen: list[Blow] = []
    while len(chosen) < count:
        chosen += [random.choice(KINDS[kind]) for kind in random.sample(kinds, len(kinds))]
    return chosen[:count]


class Nemesis:
    """Strikes a stack, and writes down what it did and when."""

    def __init__(self, exposed: Exposed, course: Course, seed: int) -> None:
        self._exposed = exposed
        self._course = course
        self._random = Random(f"strikes {seed}")
        self._verbs: dict[str, Callable[[Blow], Awaitable[None]]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "down": self._down,
            "flush": self._flush,
            "fill": self._fill,
            "rewind": self._rewind,
            "repeat": self._repeat,
            "storm": self._storm,
            "power": self._power,
            **dict.fromkeys(("cut", "lose", "mute", "delay", "slow", "reset", "linger"), self._between),
        }

    async def strike(self, blow: Blow, within: float = READY_SECONDS) -> None:
        """Does it, heals it, and waits until the stack is whole. Raises NotReady."""
        began = time.time()
        await self._verbs[blow.verb](blow)
        ended = began if blow.verb in ("kill", "flush") else time.time()
        self._course.faults.append(Fault(str(blow), began, ended))
        await self._exposed.whole_again(within)

    async def _kill(self, blow: Blow) -> None:
        before = self._exposed.pid(blow.whom)
        self._exposed.signal(blow.whom, SIGKILL)
        async with asyncio.timeout(READY_SECONDS):
            while self._exposed.pid(blow.whom) in (0, before):  # noqa: ASYNC110 (another process restarts it)
                await asyncio.sleep(0.1)

    async def _freeze(self, blow: Blow) -> None:
        self._exposed.signal(blow.whom, SIGSTOP)
        try:
            await asyncio.sleep(blow.seconds)
        finally:
            self._exposed.signal(blow.whom, SIGCONT)

    async def _down(self, blow: Blow) -> None:
        proxy = self._exposed.proxies[blow.whom]
        await proxy.down()
        try:
            await asyncio.sleep(blow.seconds)
        finally:
            await proxy.up()

    async def _between(self, blow: Blow) -> None:
        def of(port: int) -> bool:
            return self._exposed.calls_from(blow.whom, port)

        toxics: dict[str, Toxic] = {
            "cut": Cut(of),
            "lose": Cut(of, lost=True),
            "mute": Cut(of, ("down",), lost=True),
            "delay": Latency(of, seconds=0.5, jitter=0.05),
            "slow": Bandwidth(of, rate=65_536),
            "reset": Reset(of, chance=0.05),
            "linger": SlowClose(of, seconds=3),
        }
        async with self._exposed.proxies[blow.server].poisoned(toxics[blow.verb]):
            await asyncio.sleep(blow.seconds)

    async def _flush(self, blow: Blow) -> None:
        # Whoever is cut off from the cache is not us: we come through no proxy's toxic.
        async with redis.asyncio.Redis.from_url(self._exposed.facts()["redis"]) as cache:
            await cache.flushall()

    async def _fill(self, blow: Blow) -> None:
        filler = await asyncio.to_thread(self._exposed.fill, blow.whom)
        try:
            await asyncio.sleep(blow.seconds)
        finally:
            filler.unlink()

    async def _storm(self, blow: Blow) -> None:
        """Importers come and go: each time the group shares its partitions out again."""
        deadline = time.monotonic() + blow.seconds
        while time.monotonic() < deadline:
            name = self._random.choice(("importer.1", "importer.2"))
            await self._exposed.order("stop", name)
            await asyncio.sleep(self._random.uniform(0, 2))
            await self._exposed.order("start", name)

    async def _power(self, blow: Blow) -> None:
        await self._exposed.power_cut()

    async def _rewind(self, blow: Blow) -> None:
        """Every segment that is in the log comes again."""
        members = [name for name in self._exposed.names() if name.startswith(f"{blow.whom}.")]
        for name in members:
            await self._exposed.order("stop", name)
        try:
            async with asyncio.timeout(READY_SECONDS):
                # A static member is believed in until its session ends; only then the group is nobody's.
                while not await self._rewound(blow.whom):  # noqa: ASYNC110 (Kafka tells nobody)
                    await asyncio.sleep(0.5)
        finally:
            for name in members:
                await self._exposed.order("start", name)

    async def _rewound(self, group: str) -> bool:
        consumer = AIOKafkaConsumer(**self._connection(), group_id=group, enable_auto_commit=False)
        async with AsyncExitStack() as stack:
            try:
                await consumer.start()
                stack.push_async_callback(consumer.stop)
                places = [place for topic in GROUPS[group] for place in await bus.partitions_of(consumer, topic)]
                consumer.assign(places)
                await consumer.commit(await consumer.beginning_offsets(places))
            except (KafkaError, TryAgain):
                return False
        return True

    async def _repeat(self, blow: Blow) -> None:
        """Records that are in the log come a second time, in another order; segments on another partition, too."""
        consumer = AIOKafkaConsumer(**self._connection(), enable_auto_commit=False)
        producer = AIOKafkaProducer(**self._connection(), acks="all", max_request_size=9_000_000)
        async with AsyncExitStack() as stack:
            for client in (consumer, producer):
                await client.start()
                stack.push_async_callback(client.stop)
            topic = next(topic for topic in (EXPRESS, BULK, FACTS) if topic.name == blow.whom)
            places = await bus.partitions_of(consumer, topic)
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            records = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
            for record in self._random.sample(records, min(AGAIN, len(records))):
                moved = topic is not FACTS and self._random.random() < 0.5
                await producer.send(
                    topic.name,
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=self._random.choice(places).partition if moved else record.partition,
                )
            await producer.flush()

    def _connection(self) -> dict[str, object]:
        return bus.connection(config.Process(process_name="nemesis", kafka_bootstrap=self._exposed.facts()["kafka"]))


async def rage(
    nemesis: Nemesis,
    blows: Sequence[Blow],
    every: float,
    begun: Callable[[int, Blow], None] = lambda number, blow: None,
) -> None:
    """All blows, one after the other, one every so many seconds or, where it takes longer to be whole, later.

    `begun` hears of each before it falls. Raises NotReady.
    """
    for number, blow in enumerate(blows):
        at = time.monotonic()
        begun(number, blow)
        await nemesis.strike(blow)
        await asyncio.sleep(max(0.0, every - (time.monotonic() - at)))
