"""The grants of connected accounts, sealed anew under the first key of DATA_KEYS."""

from app.connections.errors import Gone
from app.connections.model import about
from app.connections.store import Held, Store
from app.sealing import Rewrapping


async def rewrap(store: Store, rewrapping: Rewrapping) -> None:
    """Goes through all connections; a refresh under way is waited for. Raises TryAgain."""
    for workspace, connection in await store.every():
        try:
            async with store.held(workspace, connection) as held:
                await _rewrap(held, rewrapping)
        except Gone:
            continue


async def _rewrap(held: Held, rewrapping: Rewrapping) -> None:
    found = held.row.connection
    refresh = rewrapping.take(held.row.refresh, about(found, "refresh"))
    access = rewrapping.take(held.row.access, about(found, "access"))
    if refresh or access:
        await held.reseal(refresh, access)
