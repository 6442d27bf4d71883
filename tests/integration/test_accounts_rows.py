"""Row-level security of the schema `web`: a workspace sees its own rows, whatever statement is run."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest

from app import sql
from app.web import codes
from app.web.store import Store
from tests.integration.conftest import Servers
from tests.integration.house import House, house

OF_A_WORKSPACE = ("memberships", "sessions", "tokens", "sign_in_links", "invitations", "channels")


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as running:
        yield running


@pytest.fixture(scope="module")
async def pool(servers: Servers) -> AsyncIterator[sql.Pool]:
    """One connection as the web's role, so that every transaction gets the one used before."""
    async with sql.make_pool(servers.dsn("web"), "test", size=1) as opened:
        yield opened


async def furnished(web: House) -> UUID:
    """A workspace with a row in every table."""
    workspace = await web.workspace()
    person = await web.join(workspace)
    assert person.principal.person is not None
    digest = codes.digest(codes.new_code())
    await web.services.accounts.add_link(workspace, person.principal.person, digest, 60)
    assert (await person.program.post("/api/v1/invitations", json={"address": "x@example.com"})).status_code == 201
    assert (await person.program.post("/api/v1/channels")).status_code == 201
    return workspace


async def rows(connection: sql.Connection, table: str) -> set[UUID]:
    """The workspaces of which a statement without any condition sees rows."""
    cursor = await connection.execute(f"select distinct workspace from web.{table}")
    return {row[0] async for row in cursor}


async def test_a_statement_that_forgets_the_workspace_sees_no_foreign_row(web: House, pool: sql.Pool) -> None:
    ours, _ = await furnished(web), await furnished(web)
    async with sql.tenant(pool, ours) as connection:
        for table in OF_A_WORKSPACE:
            assert await rows(connection, table) == {ours}, table
        cursor = await connection.execute("select id from web.workspaces")
        assert [row[0] async for row in cursor] == [ours]


async def test_without_a_workspace_nothing_is_seen(web: House, pool: sql.Pool) -> None:
    await furnished(web)
    async with sql.transaction(pool) as connection:
        for table in OF_A_WORKSPACE:
            assert await rows(connection, table) == set(), table


async def test_a_connection_of_the_pool_does_not_remember_whose_it_was(web: House, pool: sql.Pool) -> None:
    ours = await furnished(web)
    async with sql.tenant(pool, ours) as connection:
        before = connection.info.backend_pid
    async with sql.transaction(pool) as connection:
        assert connection.info.backend_pid == before, "it is the same connection"
        assert await rows(connection, "tokens") == set()


async def test_nobody_writes_into_another_workspace(web: House, pool: sql.Pool) -> None:
    ours, theirs = await web.workspace(), await web.workspace()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with sql.tenant(pool, ours) as connection:
            await connection.execute(
                "insert into web.channels (channel, workspace) values (%s, %s)", [uuid4().hex[:22], theirs]
            )
    async with sql.tenant(pool, ours) as connection:
        cursor = await connection.execute("delete from web.memberships")
        assert cursor.rowcount == 1
        raise psycopg.Rollback


async def test_a_presented_credential_shows_its_own_row_and_cannot_change_it(web: House, pool: sql.Pool) -> None:
    workspace = await web.workspace()
    person = await web.join(workspace)
    await web.join(workspace)
    async with sql.transaction(pool) as connection:
        await connection.execute("select set_config('app.credential', encode(sha256(%s), 'hex'), true)", [
            person.cookie.encode()
        ])  # fmt: skip
        cursor = await connection.execute("select holder from web.sessions")
        assert [row[0] async for row in cursor] == [person.principal.holder]
        assert (await connection.execute("delete from web.sessions")).rowcount == 0
        assert (await connection.execute("update web.sessions set agent = 'x'")).rowcount == 0


async def test_tidying_touches_only_what_is_over(web: House, pool: sql.Pool, servers: Servers) -> None:
    workspace = await furnished(web)
    with psycopg.connect(servers.postgres, autocommit=True) as admin:
        admin.execute(
            "insert into web.channels (channel, workspace, last_use) values (%s, %s, now() - interval '31 days')",
            [uuid4().hex[:22], workspace],
        )
        admin.execute("update web.sign_in_links set expires_at = now() where workspace = %s", [workspace])
        await Store(pool).tidy()
        left = {
            table: admin.execute(f"select count(*) from web.{table} where workspace = %s", [workspace]).fetchone()
            for table in ("sign_in_links", "channels", "sessions", "tokens", "invitations")
        }
    assert left == {"sign_in_links": (0,), "channels": (1,), "sessions": (1,), "tokens": (1,), "invitations": (1,)}


async def test_no_table_of_a_workspace_is_without_forced_row_level_security(servers: Servers) -> None:
    with psycopg.connect(servers.postgres) as admin:
        unguarded = admin.execute(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'web'::regnamespace and c.relkind = 'r' and a.attname = 'workspace'"
            " and not (c.relrowsecurity and c.relforcerowsecurity)"
        ).fetchall()
        roles = admin.execute("select rolname from pg_roles where rolname = 'web' and (rolbypassrls or rolsuper)")
        assert (unguarded, roles.fetchall()) == ([], [])


async def test_no_credential_can_be_read_out_of_the_database(web: House, servers: Servers) -> None:
    person = await web.join(await web.workspace())
    token = person.program.headers["authorization"].split()[1]
    with psycopg.connect(servers.postgres) as admin:
        for table in ("sessions", "tokens", "sign_in_links", "invitations", "endings"):
            everything = str(admin.execute(f"select t::text from web.{table} t").fetchall())
            assert person.cookie not in everything
            assert token not in everything
