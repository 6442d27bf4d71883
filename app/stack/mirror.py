"""Apache Kafka's MirrorMaker 2: one for each data centre, which fetches what the others have for it.

It writes `east.import.facts` and so on at `west`, record by record as they stand: key, value, headers, time, partition.
Nothing that begins with a site's name is copied on, so nothing goes in circles.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.errors import TryAgain
from app.core.topics import COPIED, SEGMENT_RECORD_BYTES
from app.stack import jars, ready, servers
from app.stack.places import Home
from app.stack.servers import Program

HEARTBEATS = "heartbeats"
"""A record a second of each MirrorMaker, in its own data centre; copied to the others it says that copying works."""
_HEAP = "160m"
_FLUSH_MILLISECONDS = 5_000
"""A MirrorMaker that died copies again what it had copied since; whoever reads does not mind."""
_CLASS = "org.apache.kafka.connect.mirror.MirrorMaker"


def make(home: Home, site: str, addresses: Mapping[str, str]) -> Program:
    """The MirrorMaker of `site`; `addresses` are the brokers of all sites. Raises Refused."""
    folder = home.folder(f"mirror.{site}")
    machine = servers.java_machine(home, folder, jars.MIRROR_LOCK, _HEAP)
    path = folder / "mirror.properties"
    servers.write(home, path, servers.properties(settings(site, addresses)))
    return Program(
        name=f"mirror.{site}",
        argv=(*machine, _CLASS, str(path), "--clusters", site),
        folder=folder,
        account=home.account,
        grace=20,
    )


def settings(site: str, addresses: Mapping[str, str]) -> dict[str, object]:
    """What the MirrorMaker of `site` reads. A name that begins with a site is about clients of that site's brokers."""
    others = [name for name in addresses if name != site]
    found: dict[str, object] = {
        "clusters": ",".join(addresses),
        **{f"{name}.bootstrap.servers": address for name, address in addresses.items()},
        **{f"{other}->{site}.enabled": "true" for other in others},
        # Regular expressions, in a file that takes backslashes for its own.
        "topics": ",".join(re.escape(topic.name).replace("\\", "\\\\") for topic in COPIED),
        "refresh.topics.interval.seconds": 5,
        # Users, rights and the positions of groups are each site's own matter.
        "sync.topic.acls.enabled": "false",
        "sync.group.offsets.enabled": "false",
        "refresh.groups.enabled": "false",
        "emit.checkpoints.enabled": "false",
        "emit.offset-syncs.enabled": "false",
        "emit.heartbeats.interval.seconds": 1,
        "replication.factor": 1,
        "heartbeats.topic.replication.factor": 1,
        "tasks.max": 1,
        f"{site}.producer.linger.ms": 0,
        f"{site}.producer.compression.type": "lz4",
        f"{site}.producer.max.request.size": SEGMENT_RECORD_BYTES + 65_536,
        f"{site}.offset.flush.interval.ms": _FLUSH_MILLISECONDS,
        # One that died and comes back has its tasks as soon as the group has missed it, not five minutes later.
        f"{site}.scheduled.rebalance.max.delay.ms": 0,
        f"{site}.session.timeout.ms": 6_000,
        f"{site}.heartbeat.interval.ms": 2_000,
        # Each plug-in says itself what it is: 10 seconds of looking into every jar are saved.
        "plugin.discovery": "service_load",
        f"{site}.plugin.discovery": "service_load",
    }
    for kept in ("config", "offset", "status"):
        found[f"{site}.{kept}.storage.replication.factor"] = 1
        if kept != "config":
            found[f"{site}.{kept}.storage.partitions"] = 1
    for other in others:
        # The records of a whole fetch are in memory.
        found[f"{other}.consumer.fetch.max.bytes"] = SEGMENT_RECORD_BYTES
        found[f"{other}.consumer.auto.offset.reset"] = "earliest"
    return found


class Copying:
    """Whether everything is copied to a site since this was made: each other site's heart is heard to beat there."""

    def __init__(self, site: str, address: str, others: Sequence[str]) -> None:
        self._site = site
        self._connection = bus.connection(config.Process(process_name="sites", kafka_bootstrap=address))
        self._topics = [f"{other}.{HEARTBEATS}" for other in others]
        self._before = asyncio.run(self._ends())

    def wait(self, alive: ready.Alive, seconds: float) -> None:
        """Returns once it is. Raises Refused."""

        def attempt() -> None:
            ends = asyncio.run(self._ends())
            if any(ends[topic] <= self._before[topic] for topic in self._topics):
                raise TryAgain(f"nothing has come to {self._site} yet")

        ready.answers(f"mirror.{self._site}", attempt, (TryAgain,), alive, seconds)

    async def _ends(self) -> dict[str, int]:
        """How many records each of the topics has had; one that is not there yet has had none. Raises TryAgain."""
        consumer = AIOKafkaConsumer(**self._connection)
        try:
            await consumer.start()
            there = await consumer.topics()
            places = [TopicPartition(topic, 0) for topic in self._topics if topic in there]
            ends = await consumer.end_offsets(places) if places else {}
        except KafkaError as error:
            raise TryAgain(repr(error)) from error
        finally:
            await consumer.stop()
        return {topic: ends.get(TopicPartition(topic, 0), 0) for topic in self._topics}
