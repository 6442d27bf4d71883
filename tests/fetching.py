"""The way of an account's contacts in one process: simulated providers on a socket, a log in memory, a real database.

Fetcher and importer are the real ones, on real PostgreSQL. The log is a list, the tracker is its pure core, and time is
the providers' own: it stands still, and is moved on only when everything waits for it. So every order of things is the
same each time, and an hour of a provider's patience takes no time.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec
import uvicorn

from app import config, sql
from app.backlog import Backlog
from app.connections import connecting, http, service
from app.connections.model import Connection
from app.connections.providers import NAMES, Name
from app.core.contacts import fold_email
from app.core.events import AnyFact, CancelRequested, ContactsChanged, FetchRequested, ProblemOut, Source
from app.core.folding import fold, unknown
from app.core.imports import ImportRecord
from app.core.principals import Principal
from app.core.reading import values
from app.core.reading.plan import Existing, Plan, Values
from app.core.topics import BULK, CHANGED, EXPRESS, FACTS, FETCHES, PROBLEMS, Topic
from app.sealing import Vault
from app.stack import ports
from tests import providers
from tests.integration.conftest import Servers
from tests.providers import oracle
from tests.providers.app import build, canary
from tests.providers.compare import unmatched
from tests.providers.server import Protocol
from tests.providers.world import World
from tests.remembering import Remembering
from tests.sealing import DATA_KEYS, EveryKey
from workers.fetcher.fetching import Fetching
from workers.fetcher.google import Google
from workers.fetcher.microsoft import Microsoft
from workers.fetcher.stand import Course
from workers.fetcher.store import SETTINGS, Store
from workers.fetcher.telling import Outlet
from workers.fetcher.watching import NOTHING, Progress, Waiting
from workers.harness import Harness, Policy, Record
from workers.importer import store as contacts
from workers.importer.erasing import Erasures
from workers.importer.importing import Importing

KEYS = DATA_KEYS
PUBLIC = "http://localhost:8000"
_facts = msgspec.json.Decoder(AnyFact)
_changed = msgspec.json.Decoder(ContactsChanged)


class Left(BaseException):
    """Stands for the end of a process."""


class Killed(BaseException):
    """Stands for `kill -9`: raised by `crash.point` where a test wants it."""


class Log(Remembering):
    """What a producer is to everybody here, and what became of it: what is `ready`, and what is `due` later."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[float, int, Record]] = []
        self.ready: deque[Record] = deque()

    async def send(self, topic: Topic | str, **record: Any) -> "asyncio.Future[object]":
        done = await super().send(topic, **record)
        name, key, value, headers, partition = self.sent[-1]
        if ".retry." in name:
            left = {header: text for header, text in headers.items() if header != "due"}
            again = Record(name.partition(".retry.")[0], 0, len(self.sent), key, value, left)
            self.due.append((float(headers["due"]), len(self.sent), again))
        else:
            self.ready.append(Record(name, partition or 0, len(self.sent), key, value, headers))
        return done


@dataclass(eq=False)
class Watch:
    """What the tracker tells, without one."""

    records: dict[UUID, ImportRecord] = field(default_factory=dict)
    backlog: Backlog = field(default_factory=Backlog)
    waiting: Waiting = field(default_factory=Waiting)

    def progress(self, workspace: UUID, import_id: UUID) -> Progress:
        record = self.records.get(import_id)
        if record is None:
            return NOTHING
        state = record.state
        return Progress(state.status, state.parts_done, state.rejected, len(record.failed))

    def told(self, record: ImportRecord) -> None:
        state = record.state
        self.records[state.id] = record
        self.backlog.changed(state.workspace, state.id, state)
        self.waiting.look(state.workspace)


class Simulated(NamedTuple):
    """The providers: their inside, and where they are."""

    world: World
    origin: str


@asynccontextmanager
async def simulated(seed: int = 7) -> AsyncIterator[Simulated]:
    """Google, Microsoft and the canary host, on sockets of this process."""
    port, canary_port = ports.free(2)
    world = World(seed, f"http://127.0.0.1:{canary_port}")
    made = [_server(build(world), port, Protocol), _server(canary(world), canary_port, "auto")]
    running = [asyncio.create_task(server._serve()) for server in made]
    while not all(server.started for server in made):  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    try:
        yield Simulated(world, f"http://127.0.0.1:{port}")
    finally:
        for server in made:
            server.should_exit = True
        await asyncio.gather(*running)


def _server(app: Any, port: int, protocol: Any) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app, "127.0.0.1", port, log_config=None, access_log=False, http=protocol, lifespan="off", ws="none"
        )
    )


def settings(servers: Servers, origin: str, **other: Any) -> config.Fetcher:
    """A fetcher's configuration with these providers."""
    values: dict[str, Any] = {
        "process_name": f"fetcher-{uuid4().hex[:8]}",
        "kafka_bootstrap": servers.kafka,
        "connections_database_url": servers.dsn("connections"),
        "fetcher_database_url": servers.dsn("fetcher"),
        "data_keys": KEYS,
        "google_client_id": providers.GOOGLE_CLIENT_ID,
        "google_client_secret": providers.GOOGLE_CLIENT_SECRET,
        "google_auth_url": origin,
        "google_token_url": origin,
        "google_people_url": origin,
        "microsoft_client_id": providers.MICROSOFT_CLIENT_ID,
        "microsoft_client_secret": providers.MICROSOFT_CLIENT_SECRET,
        "microsoft_login_url": origin,
        "microsoft_graph_url": origin,
    }
    return config.Fetcher(**{**values, **other})


class Shop:
    """Everything between a provider and the contacts, for one workspace."""

    def __init__(
        self,
        simulated: Simulated,
        made: config.Fetcher,
        pools: Sequence[sql.Pool],
        people: contacts.Store,
        accounts: service.Connections,
        client: http.Client,
    ) -> None:
        self.world = simulated.world
        self.workspace = uuid4()
        self.log = Log()
        self.watch = Watch()
        self.people = people
        self.accounts = accounts
        self.store = Store(pools[0], Vault.parse(made.data_keys))
        self.keys = EveryKey()
        self._client = client
        self.start()
        erasures = Erasures(people.pool, Vault.parse(DATA_KEYS))
        self.importing = Importing(people, self.log, self.keys, erasures, self._stopped, "local")  # type: ignore[arg-type]
        self.contacts: dict[UUID, tuple[int, dict[str, Any]]] = {}
        self.problems: list[ProblemOut] = []
        self.handled: Counter[str] = Counter()
        self.killed = 0
        self._second = 1_000_000_000

    def start(self) -> None:
        """A new fetcher, which knows nothing but what is in the database and in the log."""
        accounts = self.accounts
        self.watch.waiting = Waiting()
        bases: dict[Source, str] = {name: accounts.providers[name].api for name in NAMES}
        courses: dict[Source, Course] = {
            "google": Google(bases["google"]),
            "microsoft": Microsoft(bases["microsoft"]),
        }
        outlet = Outlet(self.log, self.keys, "test", self.world.clock.now)  # type: ignore[arg-type]
        self.fetching = Fetching(
            self.store, accounts, self._client, courses, bases, outlet, self.watch, clock=self.world.clock.now
        )

    def _stopped(self, workspace: UUID, import_id: UUID) -> bool:
        return self.watch.progress(workspace, import_id).unwanted

    async def connect(self, address: str, *, other_contacts: bool = False) -> Connection:
        """Signs in as a person would."""
        name: Name = "google" if address.endswith("google.example") else "microsoft"
        who = Principal(workspace=self.workspace, role="owner", name="ann", holder="h", by="session", person=uuid4())
        url = await connecting.begin(self.accounts, who, name, PUBLIC, other_contacts=other_contacts)
        async with httpx.AsyncClient(timeout=60) as browser:
            page = await browser.get(f"{url}&login_hint={address}")
            scopes = re.findall(r'name="scope" value="([^"]+)"', page.text)
            form = {"account": address, "scope": scopes, "decision": "allow"}
            back = await browser.post(str(page.url), data=form)
        answer = dict(parse_qsl(urlsplit(back.headers["location"]).query))
        return (await connecting.finish(self.accounts, who, name, PUBLIC, answer)).connection

    async def request(
        self,
        connection: Connection,
        *,
        existing: Existing | None = None,
        full: bool = False,
        delete: bool = False,
    ) -> UUID:
        """What the jobs service does with a request for an import."""
        self._second += 10
        request = FetchRequested(
            workspace=self.workspace,
            connection=connection.id,
            import_id=uuid4(),
            source=connection.provider,
            order_second=self._second,
            plan=Plan(values=Values(phone_region="DE"), existing=existing, labels=()),
            full=full,
            delete=delete,
            other_contacts=connection.other_contacts,
        )
        await self.log.publish(FETCHES, key=str(connection.id).encode(), value=msgspec.json.encode(request))
        return request.import_id

    async def import_(self, connection: Connection, **more: Any) -> ImportRecord:
        """One import, to its end."""
        import_id = await self.request(connection, **more)
        await self.run()
        return self.watch.records[import_id]

    async def cancel(self, import_id: UUID) -> None:
        """Somebody presses cancel, and the tracker has told it."""
        before = self.watch.records.get(import_id) or unknown(self.workspace, import_id)
        fact = CancelRequested(workspace=self.workspace, import_id=import_id, at=0.0, site="test", by="ann")
        self.watch.told(fold(before, fact))

    async def run(self, steps: int = 5_000) -> None:
        """Until nothing is left to do, or for so many records."""
        for _ in range(steps):
            await asyncio.sleep(0)
            if not self.log.ready and not await self._moved_on():
                return
            await self.one()
        if steps == 5_000:
            raise AssertionError("this never ends")

    async def one(self) -> None:
        """The next record, handled by whom it is for."""
        record = self.log.ready.popleft()
        self.handled[record.topic] += 1
        if record.topic == FETCHES.name:
            await self._harness(self.fetching.handle, self.fetching.given_up, record)
        elif record.topic in {EXPRESS.name, BULK.name}:
            await self._harness(self.importing.handle, self.importing.given_up, record)
        elif record.topic == FACTS.name:
            fact = _facts.decode(record.value or b"")
            before = self.watch.records.get(fact.import_id) or unknown(fact.workspace, fact.import_id)
            self.watch.told(fold(before, fact))
        elif record.topic == CHANGED.name:
            self._project(_changed.decode(record.value or b""))
        elif record.topic == PROBLEMS.name:
            told = await self.keys.open(record.headers, record.value or b"")
            self.problems += msgspec.json.decode(told)["problems"]
        else:
            raise AssertionError(f"a record in {record.topic}: {record.headers}")

    async def _harness(self, handle: Any, given_up: Any, record: Record) -> None:
        try:
            policy = Policy(delays=FETCHES.retries)
            await Harness(handle, self.log, given_up=given_up, policy=policy, leave=_leave).take(record)
        except Killed:
            # Nobody acknowledged the record, so it comes again, to a process that has just begun.
            self.killed += 1
            self.log.ready.appendleft(record)
            self.start()
            await self.fetching.recover()

    async def _moved_on(self) -> bool:
        """Lets time pass until the next record that waits is due. Something may go on by itself meanwhile."""
        for _ in range(20):
            await asyncio.sleep(0)
            if self.log.ready:
                return True
        if not self.log.due:
            return False
        at, _, record = self.log.due.pop(self.log.due.index(min(self.log.due)))
        # The providers' clock has whole hours to run, ours must not be a hair before it.
        self.world.clock.advance(max(0.0, at - self.world.clock.now()) + 0.001)
        self.log.ready.append(record)
        return True

    def _project(self, event: ContactsChanged) -> None:
        for contact in event.contacts:
            known, _ = self.contacts.get(contact.id, (0, {}))
            if contact.version > known:
                self.contacts[contact.id] = contact.version, msgspec.to_builtins(contact)

    def shown(self) -> list[dict[str, Any]]:
        """The contacts that people see."""
        return [contact for _, contact in self.contacts.values() if not contact.get("deleted")]


def _leave(code: int, why: str) -> None:
    raise Left(code, why)


@asynccontextmanager
async def shop(servers: Servers, simulated: Simulated, **other: Any) -> AsyncIterator[Shop]:
    """A new workspace on these servers; the providers' clock stands still in it."""
    made = settings(servers, simulated.origin, **other)
    pools = [
        sql.make_pool(made.fetcher_database_url, "fetcher", settings=SETTINGS),
        sql.make_pool(made.connections_database_url, "connections"),
    ]
    for pool in pools:
        await pool.open()
    people = contacts.Store(servers.dsn("importer"), "test")
    await people.open()
    accounts = service.make(made, pools[1])
    accounts._clock = simulated.world.clock.now
    client = http.make_client(http.Hosts([simulated.origin]), connections=100)
    simulated.world.clock.freeze(simulated.world.clock.now())
    try:
        yield Shop(simulated, made, pools, people, accounts, client)
    finally:
        await client.aclose()
        await accounts.close()
        await people.close()
        for pool in pools:
            await pool.close()


def wrong(ours: Shop, *addresses: str, others: bool = False) -> list[str]:
    """What of these accounts is not as the oracle says."""
    accounts = [ours.world.accounts.find(address) for address in addresses]
    people = oracle.expected(ours.world.seed, [each for each in accounts if each], others=others)["people"]
    kept = [{**person, "contact": as_kept(person["contact"])} for person in people]
    shown = [as_kept(contact) for contact in ours.shown()]
    # Who says least might be anybody: they are looked for last.
    kept.sort(key=lambda person: -len(repr(person["contact"])))
    return unmatched(kept, shown, labels=len(addresses) == 1)


def as_kept(contact: dict[str, Any]) -> dict[str, Any]:
    """Providers write countries and domains as they like; and what they say twice, with two labels, is one element."""
    changed = dict(contact)
    if "addresses" in contact:
        named = [{**each, "country": values.country(each.get("country", ""))} for each in contact["addresses"]]
        changed["addresses"] = _once(named, lambda each: {**each, "label": ""})
    if "emails" in contact:
        written = [{**each, "value": fold_email(each["value"])} for each in contact["emails"]]
        changed["emails"] = _once(written, lambda each: each["value"])
    if "phones" in contact:
        changed["phones"] = _once(contact["phones"], lambda each: each.get("value") or each["raw"])
    return changed


def _once(elements: list[dict[str, Any]], what: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in elements:
        found.setdefault(repr(what(each)), each)
    return list(found.values())
