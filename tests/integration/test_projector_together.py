"""Several records in one transaction: shown as if each came alone, and none is hurt by its neighbour."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import psycopg
import pytest

from app.core.errors import TryAgain
from tests.integration.conftest import Servers
from tests.integration.projections import ReadModel, contact, read_model
from workers.projector.rows import Part, Row
from workers.projector.together import MOST, Together

WORKSPACE = uuid4()


@pytest.fixture
async def model(servers: Servers) -> AsyncIterator[ReadModel]:
    async with read_model(servers) as found:
        yield found


def part(index: int, workspace: UUID = WORKSPACE) -> Part:
    return Part(workspace=workspace, import_id=UUID(int=1), index=index, part=0, parts=1, contacts=())


class Writer:
    """Writes what it is given; `bad` indexes it cannot."""

    def __init__(self, bad: Exception | None = None, of: int = -1) -> None:
        self.written: list[list[int]] = []
        self._bad, self._of = bad, of

    async def __call__(self, parts: Sequence[Part], rows: Sequence[Row]) -> None:
        await asyncio.sleep(0)
        if self._bad is not None and any(one.index == self._of for one in parts):
            raise self._bad
        assert len({one.workspace for one in parts}) == 1
        self.written.append([one.index for one in parts])


async def test_what_comes_while_another_is_written_is_written_together() -> None:
    writer = Writer()
    together = Together(writer)
    await asyncio.gather(*(together.show(part(index), []) for index in range(1 + MOST + 3)))
    assert [len(some) for some in writer.written] == [MOST, 4]
    assert sorted(index for some in writer.written for index in some) == list(range(1 + MOST + 3))
    await together.show(part(99), [])
    assert writer.written[-1] == [99]


async def test_workspaces_are_written_apart() -> None:
    writer = Writer()
    together = Together(writer)
    await asyncio.gather(*(together.show(part(index, UUID(int=index % 2)), []) for index in range(6)))
    assert sorted(writer.written) == [[0, 2, 4], [1, 3, 5]]


async def test_a_record_that_cannot_be_shown_leaves_its_neighbours_alone() -> None:
    writer = Writer(ValueError("bad"), of=1)
    together = Together(writer)
    found = await asyncio.gather(*(together.show(part(index), []) for index in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [type(None), ValueError, type(None)]
    assert writer.written == [[0], [2]]


async def test_when_the_world_is_away_all_of_them_are_tried_again() -> None:
    together = Together(Writer(TryAgain("away"), of=1))
    found = await asyncio.gather(*(together.show(part(index), []) for index in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [TryAgain] * 3


async def test_new_known_and_deleted_contacts_come_in_one_transaction(model: ReadModel) -> None:
    await model.show(*[contact(f"Person {number}", company="Acme") for number in range(6)])
    await asyncio.gather(
        model.show(contact("Person 0", version=2, company="Initech"), contact("New 1", company="Acme")),
        model.show(contact("Person 1", version=2, deleted=True), contact("New 2", version=3, company="Initech")),
        model.show(contact("New 2", version=2), contact("Person 2", company="Nobody"), contact("Gone", deleted=True)),
    )
    assert sorted(await model.names(limit=100)) == [
        "New 1",
        "New 2",
        *(f"Person {number}" for number in (0, 2, 3, 4, 5)),
    ]
    counted = {one.value: one.count for one in await model.lookup.counts(model.workspace, "company")}
    assert counted == {"Acme": 5, "Initech": 2}
    assert await model.names(company="Initech", sort="name") == ["New 2", "Person 0"]


async def test_projectors_that_show_the_same_new_contacts_at_once_wait_for_each_other(servers: Servers) -> None:
    async with read_model(servers) as one, read_model(servers) as other:
        other.workspace = one.workspace
        people = [contact(f"Person {number}", company="Acme") for number in range(200)]
        await asyncio.gather(*(model.show(*people) for model in (one, other) for _ in range(3)))
        assert (await one.lookup.contacts(one.workspace)).total == 200
        assert [found.count for found in await one.lookup.counts(one.workspace, "company")] == [200]


async def test_what_was_left_behind_half_is_whole_again(model: ReadModel, servers: Servers) -> None:
    await model.show(contact("Ann"), contact("Bob"))
    async with await psycopg.AsyncConnection.connect(servers.postgres) as admin:
        await admin.execute("delete from lookup.contacts where workspace = %s", [model.workspace])
        await admin.execute("delete from lookup.counts where workspace = %s", [model.workspace])
    await model.show(contact("Ann"), contact("Bob"), contact("Cleo"))
    assert await model.names(sort="name") == ["Ann", "Bob", "Cleo"]
    assert (await model.lookup.contacts(model.workspace)).total == 3


@pytest.mark.parametrize("table", ["contacts", "entries"])
async def test_readers_see_their_workspace_only_though_the_owner_is_not_held_back(model: ReadModel, table: str) -> None:
    await model.show(contact("Ann"))
    async with model.readers.connection() as connection:
        await connection.execute("select set_config('app.workspace', %s, false)", [str(uuid4())])
        cursor = await connection.execute(
            f"select count(*) from lookup.{table} where workspace = %s", [model.workspace]
        )
        assert await cursor.fetchone() == (0,)
        await connection.execute("select set_config('app.workspace', %s, false)", [str(model.workspace)])
        cursor = await connection.execute(f"select count(*) from lookup.{table}")
        assert await cursor.fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(f"insert into lookup.{table} select * from lookup.{table}")
        await connection.rollback()
