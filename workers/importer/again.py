"""What is in the database already, to be told again: reads only, of as many contacts as there are, a page at a time."""

from uuid import UUID

from app import sql
from app.core.events import Counts
from workers.importer.store import SETTINGS, Store, Stored, stored_of
from workers.importer.upsert import STORED

FIRST = "0" * 32
"""Below every contact's id."""


class Again(Store):
    """The importers' store for operators' commands. Methods raise TryAgain."""

    def __init__(self, dsn: str, name: str) -> None:
        # Counting ten million contacts takes longer than any segment may.
        super().__init__(dsn, name, {**SETTINGS, "transaction_timeout": "0"})

    async def workspaces(self) -> dict[UUID, int]:
        """Whoever has contacts, and how many (deleted ones included)."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute("select workspace, count(*) from contacts.contacts group by 1 order by 1")
            return dict(await cursor.fetchall())

    async def page(self, workspace: UUID, after: str, most: int) -> list[Stored]:
        """The next contacts of a workspace in the order of their ids, behind the id `after` (FIRST for the first)."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                f"select {STORED} from contacts.contacts"
                " where workspace = %s and contact_id > %s::uuid order by contact_id limit %s",
                [workspace, after, most],
                binary=True,
            )
            return [stored_of(row) for row in await cursor.fetchall()]

    async def ledger(self, workspace: UUID, import_id: UUID) -> dict[int, Counts]:
        """The segments of an import that are in the database, each with the outcomes of its rows."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select index, created, updated, unchanged, duplicate, rejected from contacts.ledger"
                " where workspace = %s and import_id = %s",
                [workspace, import_id],
            )
            return {
                index: Counts(
                    created=created, updated=updated, unchanged=unchanged, duplicate=duplicate, rejected=rejected
                )
                for index, created, updated, unchanged, duplicate, rejected in await cursor.fetchall()
            }

    async def versions(self, workspace: UUID, second: int) -> tuple[int, int]:
        """How many contacts have the import of this order second among their sources, and the sum of their versions.

        A version only rises: where both are as before, no version has changed.
        """
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select count(*), coalesce(sum(version), 0)::bigint from contacts.contacts"
                " where workspace = %s and %s = any(sources)",
                [workspace, second],
            )
            row = await cursor.fetchone()
        return (row[0], row[1]) if row else (0, 0)
