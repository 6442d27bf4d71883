"""What ended, until everybody has been told, and what is over."""

from collections.abc import Sequence

from app import sql
from app.web.store.rows import Rows, presenting


class Ends(Rows):
    """Ended credentials that are still to be told of, and rows whose time is over."""

    async def endings(self) -> list[str]:
        """Holders that ended and of which nobody has been told yet."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute("select holder from web.endings order by ended_at")
            return [row[0] async for row in cursor]

    async def told(self, holders: Sequence[str]) -> None:
        """Everybody has been told of these endings."""
        async with sql.transaction(self._pool) as connection:
            await connection.execute("delete from web.endings where holder = any(%s)", [list(holders)])

    async def tidy(self) -> None:
        """Forgets credentials and ways in that are over, and channels nobody has used for 30 days."""
        async with sql.transaction(self._pool) as connection:
            await presenting(connection, "tidy", "on")
            for table in ("sessions", "tokens", "sign_in_links", "invitations"):
                await connection.execute(f"delete from web.{table} where expires_at < now()")
            await connection.execute("delete from web.channels where last_use < now() - interval '30 days'")
