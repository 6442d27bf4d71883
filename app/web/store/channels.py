"""Channels: who may hear what an import does."""

from uuid import UUID

from app import sql
from app.web.store.rows import Rows


class Channels(Rows):
    """Channels and their workspaces."""

    async def add_channel(self, workspace: UUID, channel: str) -> None:
        async with sql.tenant(self._pool, workspace) as connection:
            await connection.execute(
                "insert into web.channels (channel, workspace) values (%s, %s)", [channel, workspace]
            )

    async def has_channel(self, workspace: UUID, channel: str) -> bool:
        """Whether this channel is the workspace's; asking counts as use."""
        async with sql.tenant(self._pool, workspace) as connection:
            cursor = await connection.execute(
                "update web.channels set last_use = now() where workspace = %s and channel = %s", [workspace, channel]
            )
            return cursor.rowcount == 1
