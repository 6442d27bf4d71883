"""The data keys change: everything is sealed under the new one, and opens without the old one."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest

from app import config, sql
from app.bus import LiveMap, Producer
from app.connections.model import Connection
from app.connections.service import Connections
from app.core.events import FetchRequested
from app.core.imports import State
from app.core.topics import KEYS
from app.jobs.outlet import Outlet
from app.jobs.store import Store as Jobs
from app.keys import Keys
from app.sealing import Files, Unreadable, Vault
from tests.importing_kafka import plan
from tests.integration import intakes, tokens
from tests.integration.again import ended
from tests.integration.conftest import Servers, started
from tests.integration.intakes import Rig
from tests.waiting import eventually
from workers.fetcher.stand import Mark, Stand
from workers.fetcher.store import SETTINGS, Store, alone
from workers.importer.erasing import Erasures

OLD, NEW = (f"{name}{uuid4().hex[:8]}:{uuid4().hex}{uuid4().hex}" for name in "on")
"""Nobody else's: what other tests have sealed stays as it is."""
HEAD, REST = b"E-mail,Name\r\nada@example.org,Ada\r\n", b"bob@example.org,Bob\r\n"
STAND = Stand(stage="contacts", full=True, full_at=1.0, cursor="a-cursor")
ROLES = ("importer", "projector", "jobs", "connections", "fetcher")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Nobody else's: the command goes through everything that is sealed."""
    with started() as made:
        yield made


def rewrap(servers: Servers, data_keys: str) -> subprocess.Popen[str]:
    """`python -m workers rewrap keys`, as an operator types it."""
    return subprocess.Popen(
        [sys.executable, "-m", "workers", "rewrap", "keys"],
        env={
            "PATH": os.environ["PATH"],
            "KAFKA_BOOTSTRAP": servers.kafka,
            "DATA_KEYS": data_keys,
            **{f"{role.upper()}_DATABASE_URL": servers.dsn(role) for role in ROLES},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def rewrapped(servers: Servers, data_keys: str) -> str:
    """What the command says."""
    code, told, said = await ended(rewrap(servers, data_keys))
    assert (code, said) == (0, "")
    return told


@dataclass(slots=True)
class Processes:
    """What of the services opens and seals, as processes with these data keys do."""

    rig: Rig
    keys: Keys
    grants: Connections
    fetches: Store
    erasures: Erasures


@asynccontextmanager
async def processes(
    servers: Servers, data_keys: str, endpoint: tokens.Endpoint, workspace: UUID
) -> AsyncIterator[Processes]:
    vault = Vault.parse(data_keys)
    keys = Keys(config.Process(process_name=f"test-{uuid4().hex[:6]}", kafka_bootstrap=servers.kafka), vault)
    fetcher = sql.make_pool(servers.dsn("fetcher"), "test", size=1, settings=SETTINGS, configure=alone)
    async with (
        intakes.running(servers, data_keys=data_keys) as rig,
        tokens.process(servers, endpoint, data_keys=data_keys) as grants,
        fetcher,
        sql.make_pool(servers.dsn("importer"), "test", size=1) as importer,
    ):
        rig.workspace = workspace
        await keys.start()
        yield Processes(rig, keys, grants, Store(fetcher, vault), Erasures(importer, vault))
        await keys.stop()


async def begun(rig: Rig) -> UUID:
    """An import of which the head is here."""
    async with rig.client() as client:
        asked = {"source": "file", "name": "a.csv", "size": len(HEAD + REST)}
        answer = await client.post("/api/v1/imports", json=asked, headers={"Idempotency-Key": "one"})
        import_id = UUID(answer.json()["id"])
        assert await sent(rig, import_id, 0, HEAD) == 204
    return import_id


async def sent(rig: Rig, import_id: UUID, offset: int, data: bytes) -> int:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
    }
    async with rig.client() as client:
        return (await client.patch(f"/api/v1/uploads/{import_id}", content=data, headers=headers)).status_code


async def test_after_it_everything_opens_without_the_old_key_and_nothing_with_it_alone(servers: Servers) -> None:
    workspace, endpoint = uuid4(), tokens.Endpoint()
    async with processes(servers, OLD, endpoint, workspace) as before:
        import_id = await begun(before.rig)
        value, headers = await before.keys.seal(workspace, import_id, b"Ada")
        account = await tokens.connected(before.grants, endpoint, workspace, seconds=600)
        access = await before.grants.access_token(workspace, account.id)
        request = await fetched(before.fetches, workspace, account)
        pepper = await pepper_of(before.erasures, workspace)

    told = await rewrapped(servers, f"{NEW},{OLD}")
    name = NEW.partition(":")[0]
    assert told.splitlines() == [
        "keys of files: 1 sealed anew, 0 already were",
        "accounts' tokens: 2 sealed anew, 0 already were",
        "fetches: 4 sealed anew, 0 already were",
        "keys of erasures: 1 sealed anew, 0 already were",
        *[line for line in told.splitlines() if line.endswith("stay as they are")],
        f"nothing that opens needs another key than '{name}': the others can be taken out of DATA_KEYS",
    ]
    again = await rewrapped(servers, f"{NEW},{OLD}")
    assert again.count(" 0 sealed anew") == 4

    async with processes(servers, NEW, endpoint, workspace) as after:
        assert await after.keys.open(dict(headers), value) == b"Ada"
        assert await sent(after.rig, import_id, len(HEAD), REST) == 204, "an upload goes on where it was"
        async with after.rig.client() as client:
            asked = {"source": "file", "name": "a.csv", "size": len(HEAD + REST)}
            repeated = await client.post("/api/v1/imports", json=asked, headers={"Idempotency-Key": "one"})
        assert repeated.status_code == 202
        assert await after.keys.open(dict(headers), value) == b"Ada", "a request that is repeated tells the new form"
        assert await after.grants.access_token(workspace, account.id) == access
        run = await after.fetches.find(workspace, request.import_id)
        assert run is not None
        assert (run.stand, run.page, run.after) == (STAND, ("people", [b"[]"]), STAND)
        assert await after.fetches.mark(workspace, account.id) is not None
        assert await pepper_of(after.erasures, workspace) == pepper
    async with processes(servers, OLD, endpoint, workspace) as late:
        for attempt in (
            late.keys.open(dict(headers), value),
            late.fetches.find(workspace, request.import_id),
            late.fetches.mark(workspace, account.id),
            pepper_of(late.erasures, workspace),
        ):
            with pytest.raises(Unreadable):
                await attempt


async def pepper_of(erasures: Erasures, workspace: UUID) -> bytes:
    async with sql.transaction(erasures._pool) as connection:
        return await erasures._pepper(connection, workspace)


async def fetched(store: Store, workspace: UUID, account: Connection) -> FetchRequested:
    """An import from an account that has a page on its way, after another one left its mark."""
    request = FetchRequested(
        workspace=workspace, connection=account.id, import_id=uuid4(), source="google", order_second=1000, plan=plan()
    )
    mark = Mark(profile="p", tokens={"people": "a-sync-token"}, groups={}, full_at=1.0)
    run = await store.begin(request, account.account, STAND)
    await store.finish(run, mark)
    request = FetchRequested(
        workspace=workspace, connection=account.id, import_id=uuid4(), source="google", order_second=1001, plan=plan()
    )
    await store.keep(await store.begin(request, account.account, STAND), "people", [b"[]"], STAND)
    return request


async def waits(servers: Servers, rig: Rig) -> bool:
    """Whether somebody of this rig waits for a row that another one holds."""
    async with await psycopg.AsyncConnection.connect(servers.postgres) as connection:
        cursor = await connection.execute(
            "select from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'",
            [rig.settings.process_name],
        )
        return await cursor.fetchone() is not None


async def test_a_file_that_is_deleted_meanwhile_stays_deleted(servers: Servers) -> None:
    async with intakes.running(servers, data_keys=OLD) as rig:
        async with rig.client() as client:
            answer = await client.post("/api/v1/imports?name=a.csv", content=HEAD, headers={"Content-Type": "text/csv"})
            import_id = UUID(answer.json()["id"])
            rig.tell(State(id=import_id, workspace=rig.workspace, status="finished", finished_at=1.9e9))
            vault = Vault.parse(f"{NEW},{OLD}")
            producer = Producer(rig.settings)
            await producer.start()
            outlet = Outlet(producer, Files(vault, "local"), "local")
            async with Jobs(rig.pool).held_file(rig.workspace, import_id) as held:
                assert held is not None
                deleting = asyncio.create_task(client.delete(f"/api/v1/imports/{import_id}/file"))
                await eventually(lambda: waits(servers, rig), bool)
                await outlet.key(held.job, held.key)
                await held.keep(held.key)
            assert (await deleting).status_code == 200
            await producer.stop()
        told: LiveMap[bytes] = LiveMap(rig.settings, KEYS, lambda key, value: ((key.decode(),), value))
        await told.start()
        assert told.get(str(import_id)) is None
        await told.stop()
        async with Jobs(rig.pool).held_file(rig.workspace, import_id) as gone:
            assert gone is None, "nothing is told of a file that is deleted"


async def test_it_says_what_is_missing_and_begins_nothing(servers: Servers) -> None:
    for given, why in (("", "DATA_KEYS must be set"), ("a:b", "DATA_KEYS: the key 'a'")):
        code, _, said = await ended(rewrap(servers, given))
        assert code == 2
        assert said.startswith(f"addressbus: {why}")
