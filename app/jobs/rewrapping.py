"""The keys of files, wrapped anew under the first key of DATA_KEYS: in the rows of imports, and in the log."""

from collections.abc import Callable
from uuid import UUID

from app.jobs.outlet import Outlet
from app.jobs.store import Store
from app.sealing import Rewrapping, about_key


async def rewrap(store: Store, outlet: Outlet, rewrapping: Rewrapping, is_told: Callable[[UUID, bytes], bool]) -> None:
    """Goes through all files that are kept. `is_told`: whether the log has the key of an import in this form.

    A key is told while its row is locked, so a deletion comes before it, and then nothing is told, or after it, and
    then its tombstone is the last word. What is told and not written down (somebody was stopped) is told again next
    time. Raises TryAgain.
    """
    for workspace, import_id in await store.kept_files():
        async with store.held_file(workspace, import_id) as held:
            if held is None:
                continue
            anew = rewrapping.take(held.key, about_key(import_id))
            wrapped = anew or held.key
            if not is_told(import_id, wrapped):
                await outlet.key(held.job, wrapped)
            if anew is not None:
                await held.keep(anew)
