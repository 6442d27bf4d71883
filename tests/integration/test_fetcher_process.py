"""Real processes on a real Kafka: one import end to end, and fetchers that are killed in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import fields
from uuid import UUID, uuid4

import msgspec
import pytest

from app import config
from app.bus import LiveMap, Producer
from app.core.events import FetchRequested, ImportKey, Requested
from app.core.imports import State, decode_record
from app.core.reading.plan import Plan, Values
from app.core.topics import FACTS, FETCHES, IMPORTS, KEYS
from app.sealing import Files, Vault
from tests.fetching import Shop, Simulated, settings, shop, simulated
from tests.importing_kafka import importer
from tests.integration.conftest import Servers
from tests.sealing import DATA_KEYS
from tests.waiting import until


@pytest.fixture(scope="module")
async def sim() -> AsyncIterator[Simulated]:
    async with simulated() as made:
        yield made


@contextmanager
def worker(kind: str, made: config.Process, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours; ended in order if it still lives."""
    values = {field.name.upper(): str(getattr(made, field.name)) for field in fields(made)}
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", kind], env={**os.environ, **values, "LOG_LEVEL": "warning", **more}
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class House:
    """Importers and a tracker that run, and what the tracker tells."""

    def __init__(self, servers: Servers, producer: Producer, imports: LiveMap[State]) -> None:
        self.servers = servers
        self.producer = producer
        self.imports = imports

    async def request(self, ours: Shop, address: str, second: int) -> UUID:
        """What the jobs service does."""
        connection = await ours.connect(address)
        import_id = uuid4()
        requested = Requested(
            workspace=ours.workspace,
            import_id=import_id,
            at=1.0,
            site="test",
            source=connection.provider,
            name=address,
            order_second=second,
            requested_by="ann",
        )
        fetch = FetchRequested(
            workspace=ours.workspace,
            connection=connection.id,
            import_id=import_id,
            source=connection.provider,
            order_second=second,
            plan=Plan(values=Values(phone_region="DE"), labels=()),
        )
        file = ImportKey(
            workspace=ours.workspace,
            import_id=import_id,
            at=1.0,
            site="test",
            wrapped=Files(Vault.parse(DATA_KEYS), "test").new_key(import_id),
        )
        await self.producer.publish(KEYS, key=str(import_id).encode(), value=msgspec.json.encode(file))
        await self.producer.publish(FACTS, key=str(import_id).encode(), value=msgspec.json.encode(requested))
        await self.producer.publish(FETCHES, key=str(connection.id).encode(), value=msgspec.json.encode(fetch))
        return import_id

    def state(self, ours: Shop, import_id: UUID) -> State | None:
        return self.imports.get(str(ours.workspace), str(import_id))

    async def finished(self, ours: Shop, import_id: UUID, within: float = 60) -> State:
        def done() -> bool:
            state = self.state(ours, import_id)
            return state is not None and state.status in {"finished", "failed"}

        await until(done, within)
        state = self.state(ours, import_id)
        assert state is not None
        return state


@asynccontextmanager
async def house(servers: Servers) -> AsyncIterator[House]:
    process = config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka)
    producer = Producer(process)

    def decode(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], State | None] | None:
        if value is None:
            return None
        state = decode_record(value).state
        return (str(state.workspace), str(state.id)), state

    imports: LiveMap[State] = LiveMap(process, IMPORTS, decode)
    async with AsyncExitStack() as stack:
        await producer.start()
        stack.push_async_callback(producer.stop)
        await imports.start()
        stack.push_async_callback(imports.stop)
        name = uuid4().hex[:6]
        stack.enter_context(importer(servers, f"importer.{name}"))
        stack.enter_context(importer(servers, f"express.{name}", lane="express"))
        tracker = config.Tracker(process_name=f"tracker.{name}", kafka_bootstrap=servers.kafka)
        stack.enter_context(worker("tracker", tracker))
        yield House(servers, producer, imports)


async def test_an_account_of_each_provider_is_imported_by_real_processes(servers: Servers, sim: Simulated) -> None:
    sim.world.settings.page_cap = 10
    async with house(servers) as home, shop(servers, sim) as ours:
        sim.world.clock.run()
        with worker("fetcher", settings(servers, sim.origin)):
            first = await home.request(ours, "many-101@google.example", 1_000)
            second = await home.request(ours, "many-101@outlook.example", 2_000)
            states = [await home.finished(ours, import_id) for import_id in (first, second)]
    assert [state.status for state in states] == ["finished", "finished"]
    assert [state.rows for state in states] == [30, 30]
    assert states[0].created + states[1].created == 30
    assert not sim.world.canary_calls


@pytest.mark.parametrize("point", ["fetched:2", "kept:3", "asked on:4", "sealed:1"])
async def test_a_fetcher_that_is_killed_is_continued_by_the_next(servers: Servers, sim: Simulated, point: str) -> None:
    sim.world.settings.page_cap = 10
    address = f"many-{102 + len(point)}@google.example"
    async with house(servers) as home, shop(servers, sim) as ours:
        sim.world.clock.run()
        made = settings(servers, sim.origin, process_name=f"fetcher.{uuid4().hex[:6]}")
        before = len(sim.world.ledger.entries)
        with worker("fetcher", made, CRASH_AT=point) as process:
            import_id = await home.request(ours, address, 1_000)
            await asyncio.wait_for(asyncio.to_thread(process.wait), 60)
            assert process.returncode == 137
        with worker("fetcher", made):
            state = await home.finished(ours, import_id)
    assert (state.status, state.rows, state.created) == ("finished", 30, 30)
    entries = sim.world.ledger.entries[before:]
    pages = Counter((e.path, str(e.query)) for e in entries if e.endpoint in {"groups", "connections"})
    assert sum(pages.values()) - len(pages) == (1 if point.startswith("fetched") else 0)
