"""How a page of contacts is found, and how many there are.

The inverted index tells all who match, in no order. It is asked through the function `matches`, because row-level
security keeps a reader from using that index itself. So few as FEW are simply fetched and sorted. Of more, a page's
worth is usually met within some STEPS along the order; where it is not, all are fetched and sorted.

In a great workspace a sample goes before. A word that every other contact has ("a") would make the index pass half a
million entries, to tell no more than that there are many; that, the sample tells, too. Of several words it says for
which ones the index is worth asking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from uuid import UUID

from psycopg.rows import TupleRow

from app.core import search
from app.sql import Connection
from app.web.places import Place
from app.web.sample import Sample

FEW = 10_000
"""Up to here the matches of a search are counted."""
STEPS = 20_000
"""So far a page is looked for along the order; then all matches are fetched and sorted after all."""
SAMPLED = 5_000
"""Contacts of a sample, which takes some milliseconds; in a workspace of a few times as many the index is as quick."""
CONDITIONS = 16
"""So many words and values of a search are held against a sample."""
ALL = 2**31 - 1
Sort = Literal["newest", "name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A way to sort contacts, and the column of its index."""

    column: str
    direction: str
    before: str
    kind: type


ORDERS: Mapping[Sort, Order] = {
    "newest": Order(column="imported_at", direction="desc", before="<", kind=int),
    "name": Order(column="sort_name", direction="asc", before=">", kind=str),
}


class Found(NamedTuple):
    """Rows of (sort key, id, JSON), one more than the page has if there are more; `about`: there are more than `total`.

    `total` counts all who match, whatever the page.
    """

    rows: Sequence[TupleRow]
    total: int
    about: bool


async def counted(connection: Connection, workspace: UUID, facets: Sequence[tuple[search.Facet, str]]) -> int | None:
    """How many contacts there are, or have one value; None where that is not counted beforehand."""
    if len(facets) > 1:
        return None
    letter, whole = (search.LETTERS[facets[0][0]], facets[0][1]) if facets else (search.ALL, "")
    cursor = await connection.execute(
        'select n from lookup.counts where workspace = %s and kind = %s::text::"char" and value = %s',
        [workspace, letter, whole],
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


class Page:
    """A page of the contacts that meet all `conditions` (search.conditions), from `place` on."""

    def __init__(
        self, workspace: UUID, conditions: Sequence[str], order: Order, place: Place | None, limit: int
    ) -> None:
        column, direction = order.column, order.direction
        behind = f"and ({column}, id) {order.before} (%(key)s, %(id)s)" if place else ""
        matching = "and search @@ %(question)s::text::tsquery" if conditions else ""
        by = f"order by {column} {direction}, id {direction}"
        self._conditions = conditions
        self._among = f"""
            with found as materialized (
                select * from lookup.matches(%(asked)s::text::tsquery, %(beside)s::text::tsquery, %(most)s::int)
            ),
            page as (select {column} as key, id from found where true {behind} {by} limit %(limit)s)
            select (select count(*) from found), key, id, convert_to(shown.doc, 'UTF8')
            from (select) as always left join page on true
            left join lookup.contacts as shown using (id) order by key {direction}, id {direction}
        """
        self._along = f"""
            with page as (
                select key, id from (
                    select {column} as key, id, search from lookup.entries
                    where workspace = %(workspace)s {behind} {by} limit %(steps)s
                ) as walked where true {matching} order by key {direction}, id {direction} limit %(limit)s
            )
            select key, id, convert_to(shown.doc, 'UTF8') from page
            join lookup.contacts as shown using (id)
            where shown.workspace = %(workspace)s order by key {direction}, id {direction}
        """
        question = search.together(conditions)
        self._values: dict[str, Any] = {
            "workspace": workspace,
            "question": question,
            "asked": question,
            "beside": None,
            "key": place and place.key,
            "id": place and place.id,
            "limit": limit + 1,
            "steps": STEPS if conditions else limit + 1,
        }

    async def counted(self, connection: Connection, known: int) -> Found:
        """The page, where it is known how many match."""
        if self._conditions and known <= FEW:
            total, rows = await self._matching(connection, FEW + 1)
            if total <= FEW:
                return Found(rows, total, about=False)
        return Found(await self._walk(connection), known, about=False)

    async def sought(self, connection: Connection, contacts: int) -> Found:
        """The page, where that is not known, of so many contacts in all."""
        if contacts > 4 * SAMPLED and await self._surely_many(connection, contacts):
            return Found(await self._walk(connection), FEW, about=True)
        total, rows = await self._matching(connection, FEW + 1)
        if total > FEW:
            return Found(await self._walk(connection), FEW, about=True)
        return Found(rows, total, about=False)

    async def _surely_many(self, connection: Connection, contacts: int) -> bool:
        """Whether a sample tells that more than FEW match. The index is asked for what it is good for afterwards."""
        conditions, rest = self._conditions[:CONDITIONS], self._conditions[CONDITIONS:]
        bits = " | ".join([f"((search @@ %(c{bit})s::text::tsquery)::int << {bit})" for bit in range(len(conditions))])
        cursor = await connection.execute(
            f"""
            select {bits} as met, count(*) from (
                select search from lookup.entries where workspace = %(workspace)s order by id limit %(sampled)s
            ) as sample group by met
            """,
            {
                "workspace": self._values["workspace"],
                "sampled": SAMPLED,
                **{f"c{bit}": condition for bit, condition in enumerate(conditions)},
            },
        )
        sample = Sample(contacts, dict(await cursor.fetchall()))
        every = (1 << len(conditions)) - 1
        asked = sample.worth_asking(every)
        by_index = [one for bit, one in enumerate(conditions) if asked >> bit & 1]
        beside = [one for bit, one in enumerate(conditions) if not asked >> bit & 1]
        self._values["asked"] = search.together([*by_index, *rest])
        self._values["beside"] = search.together(beside) if beside else None
        return not rest and sample.surely_more(FEW, every)

    async def _matching(self, connection: Connection, most: int) -> tuple[int, list[TupleRow]]:
        """Fetches and sorts up to `most` matches; answers also how many there are."""
        cursor = await connection.execute(self._among, {**self._values, "most": most}, binary=True)
        rows = await cursor.fetchall()
        return rows[0][0], [row[1:] for row in rows if row[2] is not None]

    async def _walk(self, connection: Connection) -> list[TupleRow]:
        """Walks along the order from the place on and keeps what matches."""
        cursor = await connection.execute(self._along, self._values, binary=True)
        rows = await cursor.fetchall()
        if self._conditions and len(rows) < self._values["limit"]:
            # What is sought lies together far away (a small import under a great one), or this is the last page.
            _, rows = await self._matching(connection, ALL)
        return rows
