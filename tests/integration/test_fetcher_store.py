"""The fetcher's own rows: one statement, one transaction, whatever becomes of the connection."""

from uuid import uuid4

import psycopg
import pytest

from app import sql
from app.core.errors import TryAgain
from app.sealing import Vault
from tests.integration.conftest import Servers
from workers.fetcher.store import SETTINGS, Store, alone

VAULT = Vault.parse("k1:" + "00" * 32)


async def test_a_connection_that_the_server_ended_costs_one_repetition(servers: Servers) -> None:
    name = f"test-{uuid4().hex[:8]}"
    dsn = servers.dsn("fetcher")
    async with sql.make_pool(dsn, name, size=1, settings=SETTINGS, configure=alone, checked=False) as pool:
        store = Store(pool, VAULT)
        assert await store.find(uuid4(), uuid4()) is None
        async with await psycopg.AsyncConnection.connect(servers.dsn("admin"), autocommit=True) as admin:
            await admin.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name = %s", [name]
            )
        with pytest.raises(TryAgain):
            await store.find(uuid4(), uuid4())
        assert await store.find(uuid4(), uuid4()) is None
