"""What the parts of the store share: its pool, and what a statement brings."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import kwargs_row

from app import sql
from app.core.errors import Rejected

T = TypeVar("T")


class Rows:
    """The schema `web`. Every method of its parts raises TryAgain while PostgreSQL is away."""

    def __init__(self, pool: sql.Pool) -> None:
        self._pool = pool


async def presenting(connection: sql.Connection, what: str, value: str) -> None:
    """Says in this transaction what a look-up presents: a credential, a person, a workspace, tidy."""
    await connection.execute("select set_config(%s, %s, true)", [f"app.{what}", value])


async def every(connection: sql.Connection, kind: type[T], statement: str, values: Sequence[object]) -> list[T]:
    """Every row as a `kind`, whose fields are named like the columns."""
    cursor = connection.cursor(row_factory=kwargs_row(kind))
    await cursor.execute(statement, values)
    return await cursor.fetchall()


async def one(connection: sql.Connection, statement: str, values: Sequence[object] | dict[str, object]) -> Any:
    cursor = await connection.execute(statement, values)
    return await cursor.fetchone()


async def person_of(connection: sql.Connection, person: UUID, address: str) -> UUID:
    """The id of the person with this address, who is made with the id `person` if need be."""
    await connection.execute(
        "insert into web.people (id, address) values (%s, %s) on conflict (address) do nothing", [person, address]
    )
    row = await one(connection, "select id from web.people where address = %s", [address])
    found: UUID = row[0]
    return found


async def note_endings(connection: sql.Connection, holders: Iterable[str]) -> None:
    await connection.execute(
        "insert into web.endings (holder) select unnest(%s::text[]) on conflict do nothing", [list(holders)]
    )


async def ended(connection: sql.Connection, row: Any, what: str) -> str:
    if row is None:
        raise Rejected("not_found", f"There is no such {what}.")
    holder: str = row[0]
    await note_endings(connection, [holder])
    return holder
