"""`python -m workers fetcher`: fetches the pages of connected accounts, hundreds of accounts at a time."""

import asyncio
import os

from app import bus, config, health, log, sql, telemetry, trace
from app.connections import http, service
from app.connections.providers import NAMES
from app.core.events import Source
from app.core.topics import FETCHES
from app.keys import Keys
from app.sealing import Vault
from workers import crash, faustapp
from workers.fetcher.fetching import Fetching
from workers.fetcher.google import Google
from workers.fetcher.microsoft import Microsoft
from workers.fetcher.stand import Course
from workers.fetcher.store import SETTINGS, Store, alone
from workers.fetcher.telling import Outlet
from workers.fetcher.watching import Watch

IN_HAND = 4
"""Times `fetch_together` records are in hand: while they suffice a slow account holds up nobody but itself, and an
orderly stop waits for no more than these."""
PATIENCE = 120.0
"""Longer than the slowest answer, with a new token before it."""
POOL = 4
"""Connections to each schema: a statement takes a millisecond, a page hundreds."""
TIDY_SECONDS = 3600.0


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = config.read_or_exit(config.Fetcher)
    log.set_up(settings.process_name, settings.log_level)
    trace.set_up(settings)
    crash.arm(os.environ)
    asyncio.run(run(settings))


async def run(settings: config.Fetcher) -> None:
    """Fetches and answers for its health; waits for servers that are away."""
    missing: list[str] = ["partitions"]
    producer = bus.Producer(settings)
    pool = sql.make_pool(
        settings.fetcher_database_url,
        settings.process_name,
        size=POOL,
        settings=SETTINGS,
        configure=alone,
        checked=False,
    )
    elsewhere = sql.make_pool(settings.connections_database_url, settings.process_name, size=POOL, checked=False)
    accounts = service.make(settings, elsewhere)
    vault = config.parse_or_exit("data_keys", Vault.parse, settings.data_keys)
    store, keys = Store(pool, vault), Keys(settings, vault)
    watch = Watch(settings)
    bases: dict[Source, str] = {name: accounts.providers[name].api for name in NAMES}
    courses: dict[Source, Course] = {"google": Google(bases["google"]), "microsoft": Microsoft(bases["microsoft"])}
    client = http.make_client(http.Hosts(bases.values()), connections=2 * settings.fetch_together)
    fetching = Fetching(
        store,
        accounts,
        client,
        courses,
        bases,
        Outlet(producer, keys, settings.site),
        watch,
        together=settings.fetch_together,
    )
    recovery = _Recovery(fetching)

    def ready(_: bool) -> None:
        missing.clear()
        recovery.start()

    def lacks() -> str | None:
        return ", ".join(missing) or None

    async with health.served(settings, lacks), telemetry.told(settings, "fetcher", lacks), client:
        await bus.forever(producer.start, "Kafka")
        await bus.forever(lambda: _open(pool, "fetch"), "PostgreSQL")
        await bus.forever(lambda: _open(elsewhere, "connections"), "PostgreSQL")
        await watch.start()
        await keys.start()
        tidying = asyncio.create_task(_tidy(store), name="tidy")
        try:
            await faustapp.run(
                settings,
                group="fetcher",
                subscriptions={FETCHES: fetching.handle},
                outlet=producer,
                given_up=fetching.given_up,
                by_key=IN_HAND * settings.fetch_together,
                patience=PATIENCE,
                ready=ready,
            )
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            await recovery.stop()
            await watch.stop()
            await keys.stop()
            await producer.stop()
            await accounts.close()
            await pool.close()
            await elsewhere.close()


class _Recovery:
    """Takes up what waits whenever partitions were given out: somebody may have gone who waited for it."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(bus.forever(self._fetching.recover, "runs that wait"))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _open(pool: sql.Pool, schema: str) -> None:
    with sql.translated():
        await pool.open()
    await sql.check_schema(pool, schema)


async def _tidy(store: Store) -> None:
    while True:
        await bus.forever(store.tidy, "tidying")
        await asyncio.sleep(TIDY_SECONDS)
