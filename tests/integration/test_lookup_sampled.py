"""Searches in a workspace so great that a sample goes before: the same is found, with less of the index."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from app.core import search
from app.sql import tenant
from app.web import finding
from tests.integration.conftest import Servers
from tests.integration.projections import ReadModel, contact, read_model

PEOPLE = 300


def words_of(number: int) -> list[str]:
    """Everybody is an Ann, every other one a Bo, every third a Cid; there are few Dees, and one Zoe."""
    shares = {"ann": 1, "bo": 2, "cid": 3, "dee": 25, "zoe": PEOPLE}
    return [word for word, every in shares.items() if number % every == 0]


@pytest.fixture(scope="module")
async def model(servers: Servers) -> AsyncIterator[ReadModel]:
    async with read_model(servers) as found:
        await found.show(
            *(contact(" ".join([*words_of(number), f"x{number:03}"]), id=uuid4()) for number in range(PEOPLE))
        )
        yield found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FEW", 20)
    monkeypatch.setattr(finding, "SAMPLED", 60)


@pytest.mark.parametrize("sort", ["newest", "name"])
@pytest.mark.parametrize("steps", [3, 10_000])
async def test_a_search_finds_the_same_however_it_is_done(
    model: ReadModel, sort: finding.Sort, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "STEPS", steps)
    for q in ("a", "b", "z", "a b", "b c", "d z", "ann bo cid", "c z", "b d", "ann nobody", "x1 bo", "a b c d z x"):
        wanted = q.split()
        expected = {
            number
            for number in range(PEOPLE)
            if all(any(word.startswith(one) for word in [*words_of(number), f"x{number:03}"]) for one in wanted)
        }
        seen: list[int] = []
        after = None
        while True:
            page = await model.lookup.contacts(model.workspace, q=q, sort=sort, after=after, limit=80)
            assert (page.total, page.about) == (min(len(expected), 20), len(expected) > 20), q
            seen += [int(one["name"].rpartition("x")[2]) for one in page.contacts]
            after = page.after
            if after is None:
                break
        assert sorted(seen) == sorted(expected), q
        whole = await model.lookup.contacts(model.workspace, q=q, sort=sort, limit=500)
        assert [int(one["name"].rpartition("x")[2]) for one in whole.contacts] == seen, q


class Statements(list[str]):
    """What is asked of a database: each statement with its values."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    async def execute(self, statement: str, values: Any = None, **how: Any) -> Any:
        self.append(f"{statement} {values}")
        return await self._connection.execute(statement, values, **how)


async def asked(model: ReadModel, *words: str) -> list[str]:
    """The statements of a search that concern the inverted index."""
    conditions = search.conditions(search.scope(model.workspace), words, ())
    async with tenant(model.readers, model.workspace) as connection:
        statements = Statements(connection)
        page = finding.Page(model.workspace, conditions, finding.ORDERS["newest"], None, 10)
        await page.sought(statements, PEOPLE)  # type: ignore[arg-type]  # all that it needs of one
    return [statement for statement in statements if "lookup.matches" in statement]


async def test_where_a_sample_tells_that_there_are_many_the_index_is_left_alone(model: ReadModel) -> None:
    assert await asked(model, "a") == []
    assert await asked(model, "a", "ann") == []


async def test_the_index_is_asked_for_rare_words_only(model: ReadModel) -> None:
    scope = search.scope(model.workspace)
    (statement,) = await asked(model, "ann", "zoe")
    assert f"'asked': \"'{scope}wzoe':*\", 'beside': \"'{scope}wann':*\"" in statement


async def test_conditions_that_no_sample_is_held_against_still_hold(
    model: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CONDITIONS", 1)
    assert len(await model.names(q="ann zoe")) == 1
    assert len(await model.names(q="ann dee", limit=50)) == 12
