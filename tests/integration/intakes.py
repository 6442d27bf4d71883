"""The jobs service on real servers, under uvicorn, behind the web's problems and a sign-in that believes everything."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import uvicorn
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import config, sql
from app.bus import Producer
from app.core.audit import Action
from app.core.events import AnyFact, ImportKey, SegmentHeader
from app.core.imports import State
from app.core.principals import Principal
from app.core.settings import DEFAULTS
from app.core.topics import BULK, EXPRESS, FACTS, KEYS
from app.jobs.accounts import Accounts
from app.jobs.intake import Intake
from app.jobs.routes import ROUTES
from app.sealing import Files, Vault
from app.web.problems import Door
from tests.integration.conftest import Servers
from tests.sealing import DATA_KEYS

FOREIGN_CHANNEL = "somebody-elses"
_key = msgspec.json.Decoder(ImportKey)


class Imports(dict[tuple[str, ...], State]):
    """What the tracker told, as far as a test says so."""

    def get(self, *key: str) -> State | None:  # type: ignore[override]
        return dict.get(self, key)

    def values(self) -> Mapping[tuple[str, ...], State]:  # type: ignore[override]
        return self


class Preferences:
    """Settings in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Any] = {}

    def get(self, workspace: UUID | str, name: str) -> Any:
        return self.values.get((str(workspace), name), DEFAULTS.get(name))

    async def put(self, producer: Producer, workspace: UUID | str, name: str, value: Any) -> None:
        self.values[str(workspace), name] = value


class SignedIn:
    """The principal is who the headers X-Workspace, X-Role and X-By say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            if "x-workspace" in headers:
                scope["principal"] = Principal(
                    workspace=UUID(headers["x-workspace"]),
                    role=headers.get("x-role", "member"),
                    name="ada@example.org",
                    holder="h",
                    by=headers.get("x-by", "token"),
                )
        await self._app(scope, receive, send)


@dataclass
class Rig:
    """A running jobs service and what a test may turn in it."""

    servers: Servers
    settings: config.Web
    intake: Intake
    imports: Imports
    preferences: Preferences
    pool: sql.Pool
    history: dict[tuple[UUID, UUID], State]
    port: int
    workspace: UUID = field(default_factory=uuid4)
    since: int = field(default_factory=lambda: int(time.time() * 1000))

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Workspace": str(self.workspace)}

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of this rig's workspace."""
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers={**self.headers, **headers}, timeout=60
        ) as client:
            yield client

    async def tape(self, import_id: UUID | str) -> "Tape":
        """Everything that was produced for this import since the rig was made."""
        return await tape(self.servers, import_id, self.since)

    def tell(self, state: State) -> None:
        """What the tracker would tell."""
        key = (str(state.workspace), str(state.id))
        self.imports[key] = state
        self.intake.imports_changed(key, state)


def settings_of(servers: Servers, **values: Any) -> config.Web:
    base = config.Web(
        process_name=f"web.{uuid4().hex[:6]}",
        kafka_bootstrap=servers.kafka,
        web_database_url=servers.dsn("web"),
        jobs_database_url=servers.dsn("jobs"),
        lookup_database_url=servers.dsn("lookup_reader"),
        connections_database_url=servers.dsn("connections"),
        data_keys=DATA_KEYS,
        public_url="http://127.0.0.1",
        gateway_public_url="http://127.0.0.1",
        channel_keys="",
    )
    return replace(base, **values)


@asynccontextmanager
async def running(servers: Servers, accounts: Accounts | None = None, **values: Any) -> AsyncIterator[Rig]:
    """A jobs service with these settings, on a port of its own; `accounts` are those that people have connected."""
    with tempfile.TemporaryDirectory(prefix="addressbus-test-web-") as data_dir:
        async with _running(servers, settings_of(servers, **{"data_dir": data_dir, **values}), accounts) as rig:
            yield rig


@asynccontextmanager
async def _running(servers: Servers, settings: config.Web, accounts: Accounts | None) -> AsyncIterator[Rig]:
    pool = sql.make_pool(settings.jobs_database_url, settings.process_name)
    await pool.open()
    producer = Producer(settings)
    await producer.start()
    imports, preferences = Imports(), Preferences()

    async def owns_channel(workspace: UUID, channel: str) -> bool:
        return channel != FOREIGN_CHANNEL

    history: dict[tuple[UUID, UUID], State] = {}

    async def remembered(workspace: UUID, import_id: UUID) -> State | None:
        return history.get((workspace, import_id))

    intake = Intake(settings, pool, producer, imports, preferences, owns_channel, remembered, accounts)
    await intake.start()
    try:
        async with _served(intake) as port:
            yield Rig(servers, settings, intake, imports, preferences, pool, history, port)
    finally:
        await intake.stop()
        await producer.stop()
        await pool.close()


async def noted(principal: Principal, action: Action, subject: str) -> None:
    """An audit log that nobody reads."""


@asynccontextmanager
async def _served(intake: Intake) -> AsyncIterator[int]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"intake": intake, "audit": noted}

    app = Starlette(routes=ROUTES, lifespan=lifespan, middleware=[Middleware(Door), Middleware(SignedIn)])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@dataclass(frozen=True)
class Tape:
    """What was produced for one import: segments by index (repeats are compared and counted), and facts in order.

    `sealed` are the segments as they lie in the log, `keys` what was told of their key, None for its end.
    """

    segments: dict[int, bytes]
    headers: dict[int, SegmentHeader]
    partitions: dict[int, tuple[str, int]]
    repeats: int
    facts: list[AnyFact]
    sealed: list[bytes]
    keys: list[bytes | None]

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def text(self) -> bytes:
        return b"".join(self.segments[index] for index in sorted(self.segments))


async def tape(servers: Servers, import_id: UUID | str, since: int) -> Tape:
    """Everything that was produced for this import from `since` (Unix milliseconds) on."""
    segments: dict[int, bytes] = {}
    headers: dict[int, SegmentHeader] = {}
    partitions: dict[int, tuple[str, int]] = {}
    facts: list[AnyFact] = []
    repeats = 0
    sealed: list[bytes] = []
    files = Files(Vault.parse(DATA_KEYS), "local")
    records = await _records(servers, str(import_id).encode(), since)
    keys = [record.value and _key.decode(record.value).wrapped for record in records if record.topic == KEYS.name]
    for record in records:
        if record.topic == KEYS.name:
            continue
        if record.topic == FACTS.name:
            facts.append(msgspec.json.decode(record.value, type=AnyFact))
            continue
        header = msgspec.json.decode(dict(record.headers)["segment"], type=SegmentHeader)
        sealed.append(record.value)
        text = files.open(keys[0] or b"", record.value, dict(record.headers))
        repeats += header.index in segments
        assert segments.setdefault(header.index, text) == text
        assert headers.setdefault(header.index, header) == header
        where = (record.topic, record.partition)
        assert partitions.setdefault(header.index, where) == where
    return Tape(segments, headers, partitions, repeats, facts, sealed, keys)


async def _records(servers: Servers, key: bytes, since: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        found = [
            TopicPartition(topic.name, number)
            for topic in (EXPRESS, BULK, FACTS, KEYS)
            for number in await _partitions(consumer, topic.name)
        ]
        consumer.assign(found)
        begins = await consumer.offsets_for_times(dict.fromkeys(found, since))
        ends = await consumer.end_offsets(found)
        for each in found:
            consumer.seek(each, begins[each].offset if begins[each] else ends[each])
        records: list[ConsumerRecord] = []
        while [each for each in found if await consumer.position(each) < ends[each]]:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [record for record in batch if record.key == key]
        return records
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    await consumer._client.add_topic(topic)
    return sorted(consumer.partitions_for_topic(topic) or ())
