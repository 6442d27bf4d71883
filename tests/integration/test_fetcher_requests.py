"""Requests for imports from connected accounts: one at a time, told once more when repeated, refused with a code."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.core.errors import Rejected
from app.core.events import FetchRequested, Requested, Source
from app.core.imports import State
from app.core.topics import FETCHES
from tests.integration import intakes
from tests.integration.conftest import Servers
from tests.integration.intakes import Rig


@dataclass(frozen=True)
class Account:
    provider: Source = "google"
    address: str = "ada@gmail.example"
    other_contacts: bool = True
    state: Literal["connected", "reauthorise"] = "connected"
    last_import: UUID | None = None


@dataclass
class Accounts:
    """What the connections service knows."""

    known: dict[UUID, Account] = field(default_factory=dict)

    def add(self, **more: Any) -> str:
        id_ = uuid4()
        self.known[id_] = Account(**more)
        return str(id_)

    async def find(self, workspace: UUID, connection: UUID) -> Account:
        if connection not in self.known:
            raise Rejected("not_connected", "gone")
        return self.known[connection]

    async def begin_import(
        self, workspace: UUID, connection: UUID, import_id: UUID, *, after: UUID | None
    ) -> Account | None:
        account = self.known[connection]
        if account.last_import not in {after, import_id}:
            return None
        self.known[connection] = replace(account, last_import=import_id)
        return self.known[connection]


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
async def rig(servers: Servers, accounts: Accounts) -> AsyncIterator[Rig]:
    async with intakes.running(servers, accounts) as made:
        yield made


async def ask(rig: Rig, connection: str | None, key: str = "k", **body: Any) -> httpx.Response:
    async with rig.client() as client:
        asked = {"source": "google", "connection": connection, **body}
        return await client.post("/api/v1/imports", json=asked, headers={"Idempotency-Key": key})


async def fetches(rig: Rig, connection: str) -> list[FetchRequested]:
    """What was asked of the fetcher for this account."""
    consumer = AIOKafkaConsumer(bootstrap_servers=rig.servers.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.add_topic(FETCHES.name)
        found = [TopicPartition(FETCHES.name, at) for at in consumer.partitions_for_topic(FETCHES.name) or ()]
        consumer.assign(found)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(found)
        values = []
        while [each for each in found if await consumer.position(each) < ends[each]]:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in batch if record.key == connection.encode()]
        return [msgspec.json.decode(value, type=FetchRequested) for value in values]
    finally:
        await consumer.stop()


async def test_the_first_page_is_asked_for_and_nothing_is_to_be_uploaded(rig: Rig, accounts: Accounts) -> None:
    connection = accounts.add()
    answer = await ask(rig, connection, deletions="apply", plan={"labels": ["Gmail"]})
    assert answer.status_code == 202
    made = answer.json()
    assert "upload" not in made
    assert (made["state"]["source"], made["state"]["name"]) == ("google", "ada@gmail.example")
    (told,) = (await rig.tape(made["id"])).of(Requested)
    (fetch,) = await fetches(rig, connection)
    assert (str(fetch.import_id), fetch.step, fetch.order_second) == (made["id"], 0, told.order_second)
    assert (fetch.delete, fetch.full, fetch.other_contacts, fetch.usually) == (True, False, True, "fill")
    assert (fetch.plan.labels, fetch.plan.existing) == (("Gmail",), None)


async def test_what_a_workspace_wants_is_frozen_in_the_request(rig: Rig, accounts: Accounts) -> None:
    for name, value in {"phone_region": "ES", "existing": "skip", "labels": ["2026"]}.items():
        await rig.preferences.put(None, rig.workspace, name, value)  # type: ignore[arg-type]
    connection = accounts.add()
    await ask(rig, connection)
    (fetch,) = await fetches(rig, connection)
    assert fetch.plan.values is not None
    assert (fetch.plan.values.phone_region, fetch.plan.labels, fetch.usually) == ("ES", ("2026",), "skip")


async def test_a_repeat_gets_the_same_answer_and_is_told_again(rig: Rig, accounts: Accounts) -> None:
    connection = accounts.add()
    first, second = await ask(rig, connection), await ask(rig, connection)
    assert first.content == second.content
    asked = await fetches(rig, connection)
    assert len(asked) == 2
    assert asked[0] == asked[1]


async def test_an_account_is_imported_once_at_a_time(rig: Rig, accounts: Accounts) -> None:
    connection = accounts.add()
    first = (await ask(rig, connection)).json()
    running = State(id=UUID(first["id"]), workspace=rig.workspace, version=1, source="google", status="running")
    rig.tell(running)
    answer = await ask(rig, connection, key="other")
    assert (answer.status_code, answer.json()["code"]) == (409, "import_running")
    assert answer.json()["import"] == first["id"]
    assert (await ask(rig, connection)).status_code == 202
    rig.tell(msgspec.structs.replace(running, version=2, status="finished"))
    assert (await ask(rig, connection, key="other")).status_code == 202


@pytest.mark.parametrize(
    ("account", "body", "status", "code"),
    [
        (None, {}, 404, "not_connected"),
        ({}, {"source": "microsoft"}, 400, "bad_request"),
        ({"state": "reauthorise"}, {}, 409, "needs_consent"),
        ({}, {"connection": "mine"}, 400, "bad_request"),
        ({}, {"connection": None}, 400, "bad_request"),
        ({}, {"size": 5}, 400, "bad_request"),
        ({}, {"deletions": "perhaps"}, 400, "bad_request"),
    ],
)
async def test_what_cannot_be_fetched_is_refused(
    rig: Rig, accounts: Accounts, account: dict[str, Any] | None, body: dict[str, Any], status: int, code: str
) -> None:
    connection, body = str(uuid4()) if account is None else accounts.add(**account), dict(body)
    answer = await ask(rig, body.pop("connection", connection), **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_bytes_for_an_account_are_not_wanted(rig: Rig, accounts: Accounts) -> None:
    made = (await ask(rig, accounts.add())).json()
    async with rig.client() as client:
        answer = await client.put(f"/api/v1/uploads/{made['id']}", content=b"Name\nAda\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "size_mismatch")
    assert not (await rig.tape(made["id"])).segments


async def test_an_installation_without_accounts_says_so(servers: Servers) -> None:
    async with intakes.running(servers) as rig:
        answer = await ask(rig, str(uuid4()))
    assert answer.json()["code"] == "unsupported_source"
