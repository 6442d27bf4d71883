"""A process tells how it is on the topic `telemetry`, from the same numbers that /metrics answers.

A second after something changed, and every ten seconds anyway; who is silent for longer counts as gone.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import msgspec
import psutil
from aiokafka import TopicPartition
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from app import bus, config
from app.bus import LiveMap
from app.core.errors import TryAgain
from app.core.telemetry import AnySeen, ProcessSeen
from app.core.topics import TELEMETRY
from app.health import Ready

log = logging.getLogger(__name__)
OWNED = Gauge("addressbus_partition_owned", "1 for each partition that this process consumes", ["topic", "partition"])
REBALANCES = Counter("addressbus_rebalances_total", "Times that partitions were given out", ["group"])
REBALANCE = Histogram(
    "addressbus_rebalance_seconds",
    "From the partitions being taken to new ones being given",
    ["group"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 60, 120),
)

LOOK_SECONDS = 1.0
TELL_SECONDS = 10.0
"""A process says at least this often that it is there."""
_GOODBYE_SECONDS = 1.0

FIGURES = {
    "rows": "addressbus_rows",
    "segments": "addressbus_segments",
    "retries": "addressbus_retries",
    "dead": "addressbus_dead",
    "contacts": "addressbus_contacts_shown",
    "pages": "addressbus_pages",
    "uploads": "addressbus_jobs_uploads",
    "cut": "addressbus_jobs_segments",
    "bytes": "addressbus_jobs_bytes",
    "notices": "addressbus_gateway_notices",
    "sockets": "addressbus_gateway_sockets",
}
"""What is told under which name, summed over its labels: families of /metrics, as far as a process has them."""
_DELAY = "addressbus_gateway_delay_seconds"

_taken: dict[str, float] = {}
_seen: msgspec.json.Decoder[AnySeen] = msgspec.json.Decoder(AnySeen)


def taken(group: str) -> None:
    """The partitions are given out anew: nobody works on ours until then."""
    _taken.setdefault(group, time.monotonic())


def assigned(group: str, partitions: Iterable[TopicPartition]) -> None:
    """From now on these partitions, and no others, are this process's."""
    REBALANCES.labels(group).inc()
    since = _taken.pop(group, None)
    if since is not None:
        REBALANCE.labels(group).observe(time.monotonic() - since)
    OWNED.clear()
    for topic, number in partitions:
        OWNED.labels(topic, str(number)).set(1)


@asynccontextmanager
async def told(settings: config.Process, kind: str, ready: Ready) -> AsyncIterator[None]:
    """Tells how this process is while the body runs, and says goodbye. Whatever goes wrong here harms nobody else."""
    teller = _Teller(settings, kind, ready)
    task = asyncio.create_task(bus.forever(teller.run, "telemetry"), name="telemetry")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Teller:
    def __init__(self, settings: config.Process, kind: str, ready: Ready) -> None:
        self._settings = settings
        self._kind = kind
        self._ready = ready
        self._process = psutil.Process()
        self._started_at = self._process.create_time()
        self._told: ProcessSeen | None = None

    async def run(self) -> None:
        """Raises TryAgain when Kafka is away."""
        producer = bus.Producer(self._settings)
        await producer.start()
        try:
            while True:
                found = self._look()
                if self._is_news(found):
                    await tell(producer, found)
                    self._told = found
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            with contextlib.suppress(TryAgain, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await tell(producer, ended(self._look(), "finished"))
            await producer.stop()

    def _look(self) -> ProcessSeen:
        times = self._process.cpu_times()
        values = _values()
        return ProcessSeen(
            id=f"process:{self._settings.process_name}",
            version=stamp(),
            site=self._settings.site,
            name=self._settings.process_name,
            kind=self._kind,
            started_at=self._started_at,
            missing=self._ready() or "",
            partitions=_owned(),
            rebalances=int(values.get("addressbus_rebalances", 0)),
            figures={name: values[family] for name, family in FIGURES.items() if family in values},
            delays=_delays(),
            cpu=round(times.user + times.system, 2),
            memory=self._process.memory_info().rss,
        )

    def _is_news(self, found: ProcessSeen) -> bool:
        told = self._told
        if told is None or found.version - told.version >= TELL_SECONDS * 1000:
            return True
        # What these say changes all the time, and alone is no news.
        return msgspec.structs.replace(found, version=told.version, cpu=told.cpu, memory=told.memory) != told


async def tell(producer: bus.Producer, seen: AnySeen) -> None:
    """Raises TryAgain."""
    await producer.publish(TELEMETRY, key=seen.id.encode(), value=msgspec.json.encode(seen))


def ended(seen: ProcessSeen, how: str) -> ProcessSeen:
    """The same process, now gone: `finished` or `failed`. It owns nothing any more."""
    now = stamp()
    return msgspec.structs.replace(seen, version=now, status=how, finished_at=now / 1000, partitions={}, missing="")


def stamp() -> int:
    return int(time.time() * 1000)


def followed(settings: config.Process) -> LiveMap[AnySeen]:
    """All that is told, by id."""

    def decode(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], AnySeen | None]:
        return (key.decode(),), None if value is None else _seen.decode(value)

    return LiveMap(settings, TELEMETRY, decode, keep=lambda old, new: old is None or new.version >= old.version)


def _values() -> Mapping[str, float]:
    """Each family's value, summed over its labels."""
    wanted = {*FIGURES.values(), "addressbus_rebalances"}
    return {
        family.name: sum(sample.value for sample in family.samples if not sample.name.endswith("_created"))
        for family in REGISTRY.restricted_registry([*wanted, *(f"{name}_total" for name in wanted)]).collect()
        if family.name in wanted
    }


def _owned() -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for family in OWNED.collect():
        for sample in family.samples:
            found.setdefault(sample.labels["topic"], []).append(int(sample.labels["partition"]))
    return {topic: tuple(sorted(numbers)) for topic, numbers in sorted(found.items())}


def _delays() -> dict[str, float]:
    return {
        sample.labels["le"]: sample.value
        for family in REGISTRY.restricted_registry([f"{_DELAY}_bucket"]).collect()
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
