"""`python -m workers importer|express`: the same worker on two lanes, two consumer groups."""

import asyncio
import os

from app import bus, config, health, log, telemetry, trace
from app.core.topics import BULK, COMMANDS, EXPRESS, Topic
from app.keys import Keys
from app.sealing import Vault
from workers import crash, faustapp
from workers.harness import Handler
from workers.importer import garbage
from workers.importer.erasing import Erasing, Erasures
from workers.importer.importing import Importing
from workers.importer.stopped import Stopped
from workers.importer.store import TOGETHER, Store

LANES: dict[str, tuple[Topic, str]] = {"bulk": (BULK, "importer"), "express": (EXPRESS, "express")}
"""Lane -> its topic and its consumer group."""


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = config.read_or_exit(config.Importer)
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    crash.arm(os.environ)
    garbage.look_seldom()
    asyncio.run(run(settings))


async def run(settings: config.Importer) -> None:
    """Imports the segments of one lane and answers for its health; waits for servers that are away."""
    topic, group = LANES[settings.lane]
    missing: list[str] = ["partitions"]
    producer = bus.Producer(settings)
    store = Store(settings.importer_database_url, settings.process_name)
    stopped = Stopped(settings)
    vault = config.parse_or_exit("data_keys", Vault.parse, settings.data_keys)
    keys = Keys(settings, vault)
    erasures = Erasures(store.pool, vault)
    importing = Importing(store, producer, keys, erasures, stopped, settings.site)
    subscriptions: dict[Topic, Handler] = {topic: importing.handle}
    if topic is EXPRESS:
        subscriptions[COMMANDS] = Erasing(erasures, producer, settings.site).handle

    def lacks() -> str | None:
        return ", ".join(missing) or None

    async with health.served(settings, lacks), telemetry.told(settings, group, lacks):
        await bus.forever(producer.start, "Kafka")
        await bus.forever(store.open, "PostgreSQL")
        await stopped.start()
        await keys.start()
        try:
            await faustapp.run(
                settings,
                group=group,
                subscriptions=subscriptions,
                outlet=producer,
                given_up=importing.given_up,
                together=TOGETHER,
                ready=lambda ready: missing.clear(),
            )
        finally:
            await keys.stop()
            await stopped.stop()
            await producer.stop()
            await store.close()
