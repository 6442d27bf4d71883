"""The read model built anew: equal row for row, while it serves, and at any moment as if nothing had been begun."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from app import sql
from app.bus import Producer
from app.core.topics import PROBLEMS
from app.web.lookup import Lookup
from tests.forgetting import forget
from tests.integration.again import PATIENCE, Book, Said, book, ended, person, producing
from tests.integration.conftest import Servers, started
from tests.waiting import eventually
from workers.projector.beside import TABLES
from workers.rebuild import rebuild

BAD = ",no address,,"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Nobody else's: these commands go through everything that there is."""
    with started() as made:
        yield made


@pytest.fixture(scope="module")
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    async with producing(servers) as made:
        yield made


@pytest.fixture
async def people(servers: Servers, producer: Producer) -> AsyncIterator[Book]:
    """Sixty people of two imports that overlap, and rows that could not be used."""
    async with book(servers, producer) as made:
        await made.bring([[person(number) for number in range(30)], [BAD, person(30)]], second=100)
        await made.bring([[person(number, "Initech", name="Other") for number in range(20, 60)], [BAD]], second=200)
        yield made


async def shape(people: Book) -> list[tuple[Any, ...]]:
    """Everything that a schema says of the tables, but for the oids."""
    return await people.ask(
        """
        select relname, relkind::text, reloptions::text, relowner::regrole::text, relacl::text, relrowsecurity,
            relforcerowsecurity, coalesce(pg_get_indexdef(pg_class.oid), ''),
            (select string_agg(format('%s %s %s %s', attname, atttypid::regtype, attstorage, attstattarget), ', '
                               order by attnum) from pg_attribute where attrelid = pg_class.oid and attnum > 0),
            (select string_agg(polname || polroles::regrole[]::text || coalesce(pg_get_expr(polqual, polrelid), '')
                               || coalesce(pg_get_expr(polwithcheck, polrelid), ''), ', ' order by polname)
             from pg_policy where polrelid = pg_class.oid),
            (select string_agg(conname || pg_get_constraintdef(oid), ', ' order by conname)
             from pg_constraint where conrelid = pg_class.oid)
        from pg_class where relnamespace = 'lookup'::regnamespace and relkind in ('r', 'i') order by relname
        """
    )


async def left_beside(people: Book) -> list[tuple[Any, ...]]:
    return await people.ask(
        "select relname from pg_class where relnamespace = 'lookup_beside'::regnamespace union all"
        " select proname from pg_proc where pronamespace = 'lookup_beside'::regnamespace"
    )


async def test_it_is_equal_row_for_row_and_in_every_property_of_its_tables(people: Book) -> None:
    before, looks = await people.rows(), await shape(people)
    assert {table: len(rows) for table, rows in before.items() if table in ("contacts", "problems")} == {
        "contacts": 60,
        "problems": 2,
    }
    oids = await people.ask("select 'lookup.contacts'::regclass::oid")
    swapped = await rebuild(people.settings(), Said())
    assert swapped.rows["contacts"] >= 60
    assert await people.ask("select 'lookup.contacts'::regclass::oid") != oids
    assert await people.rows() == before
    assert await shape(people) == looks
    assert await left_beside(people) == []


async def test_what_was_wrong_is_right_again(people: Book) -> None:
    before = await people.rows()
    await people.ask("delete from lookup.contacts where workspace = %s and facets like '%%Initech%%'", people.workspace)
    await people.ask("update lookup.counts set n = 0 where workspace = %s", people.workspace)
    await people.ask("update lookup.entries set sort_name = 'x' where workspace = %s", people.workspace)
    await people.ask("delete from lookup.imports where workspace = %s", people.workspace)
    await rebuild(people.settings(), Said())
    assert await people.rows() == before


async def test_while_an_import_runs_readers_see_all_that_was_shown_at_every_moment(
    people: Book, servers: Servers
) -> None:
    shown: list[int] = []
    upload = await people.bring(
        [[person(1000 + 10 * index + number) for number in range(10)] for index in range(60)], second=300, wait=False
    )

    async def look() -> None:
        async with sql.make_pool(servers.dsn("lookup_reader"), "test") as pool:
            while True:
                shown.append((await Lookup(pool).contacts(people.workspace, limit=5)).total)

    looking = asyncio.create_task(look())
    try:
        await rebuild(people.settings(), Said())
        await people.shown(upload, 60)
        await eventually(lambda: _last(shown), lambda total: total == 660)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert shown == sorted(shown), "nothing that was shown was ever missing"
    now = await people.rows()
    await rebuild(people.settings(), Said())
    assert await people.rows() == now
    assert len(now["contacts"]) == 660


async def _last(shown: list[int]) -> int:
    return shown[-1] if shown else 0


async def test_killed_in_the_middle_it_has_changed_nothing_and_the_next_one_leaves_nothing_behind(
    people: Book, servers: Servers
) -> None:
    before = await people.rows()
    oids = await people.ask("select 'lookup.contacts'::regclass::oid")
    async with await psycopg.AsyncConnection.connect(servers.postgres) as export:
        await export.execute("select count(*) from lookup.contacts")
        with people.command("rebuild", "lookup") as one:
            await eventually(lambda: _half_done(people), bool, within=PATIENCE)
            other = await people.run("rebuild", "lookup")
            assert (other.code, other.said) == (
                1,
                "addressbus: another rebuild, replay or republish is running; wait for it to end, or stop it\n",
            )
            assert one.poll() is None, "it waits for whoever reads"
    assert await people.rows() == before
    assert await people.ask("select 'lookup.contacts'::regclass::oid") == oids
    assert await left_beside(people)
    await eventually(lambda: _is_free(people), bool)
    code, told, said = await people.run("rebuild", "lookup")
    assert code == 0, said
    assert told.startswith("the read model is new: ")
    assert await people.rows() == before
    assert await left_beside(people) == []


async def test_stopped_with_ctrl_c_it_has_changed_nothing_and_leaves_nothing_behind(
    people: Book, servers: Servers
) -> None:
    before = await people.rows()
    async with await psycopg.AsyncConnection.connect(servers.postgres) as export:
        await export.execute("select count(*) from lookup.contacts")
        with people.command("rebuild", "lookup") as one:
            await eventually(lambda: _half_done(people), bool, within=PATIENCE)
            one.send_signal(signal.SIGINT)
            code, _, said = await ended(one)
        assert code == 130
        assert said.endswith("addressbus: stopped; nothing is half done, and it can be begun anew\n")
        assert await left_beside(people) == []
    assert await people.rows() == before


async def _half_done(people: Book) -> bool:
    found = await people.ask("select to_regclass('lookup_beside.contacts')")
    if found == [(None,)]:
        return False
    return bool(await people.ask("select from lookup_beside.contacts where workspace = %s", people.workspace))


async def _is_free(people: Book) -> bool:
    return not await people.ask("select from pg_locks where locktype = 'advisory'")


async def test_what_has_left_the_log_is_told_and_kept_as_it_is(people: Book) -> None:
    before = await people.rows()
    lost = uuid4()
    await people.ask(
        "insert into lookup.imports"
        " select workspace, %s, version, requested_at, status, source, requested_by, name, doc"
        " from lookup.imports where workspace = %s limit 1",
        lost,
        people.workspace,
    )
    await forget(people.servers.kafka, PROBLEMS.name)
    said = Said()
    swapped = await rebuild(people.settings(), said)
    assert "older records of import.problems have left the log" in said.text
    assert swapped.kept["imports"] >= 1
    assert swapped.kept["problems"] >= 2
    after = await people.rows()
    assert {table: rows for table, rows in after.items() if table != "imports"} == {
        table: rows for table, rows in before.items() if table != "imports"
    }
    assert len(after["imports"]) == len(before["imports"]) + 1


def test_everything_that_pages_read_is_built_anew() -> None:
    schema = "\n".join(path.read_text() for _, path in sql.migrations(sql.SERVICES[1]))
    made = {line.split()[2] for line in schema.splitlines() if line.startswith("create table ")}
    assert made - {"parts"} == set(TABLES)
