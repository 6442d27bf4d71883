"""What waits at the same time is shown at the same time: one transaction for several records of a workspace.

A transaction costs as much for the counts of ten records as for those of one, and while the database works on some,
others are prepared. Of one workspace one is written at a time, which is what its transactions would wait for anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import TryAgain
from workers.projector.rows import Part, Row

MOST = 12
"""Records in a transaction, of at most 512 KB each."""


@dataclass(slots=True, frozen=True, eq=False)
class _Waiting:
    part: Part
    rows: Sequence[Row]
    done: "asyncio.Future[None]"


class Together:
    """`write` shows the rows of some parts of one workspace."""

    def __init__(self, write: Callable[[Sequence[Part], Sequence[Row]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: dict[UUID, list[_Waiting]] = {}
        self._working: dict[UUID, asyncio.Task[None]] = {}

    async def show(self, part: Part, rows: Sequence[Row]) -> None:
        """Returns once the rows are committed, alone or with others; raises what went wrong with them."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(part.workspace, []).append(_Waiting(part, rows, done))
        if part.workspace not in self._working:
            self._working[part.workspace] = asyncio.create_task(self._work(part.workspace))
        await done

    async def _work(self, workspace: UUID) -> None:
        try:
            while waiting := self._waiting.pop(workspace, None):
                some, rest = waiting[:MOST], waiting[MOST:]
                if rest:
                    self._waiting[workspace] = rest
                await self._show(some)
        finally:
            del self._working[workspace]

    async def _show(self, some: Sequence[_Waiting]) -> None:
        try:
            await self._write([each.part for each in some], [row for each in some for row in each.rows])
        except Exception as error:
            if len(some) > 1 and not isinstance(error, TryAgain):
                for each in some:  # one of them is at fault, and its neighbours shall not suffer for it
                    await self._show([each])
                return
            for each in some:
                if not each.done.done():
                    each.done.set_exception(error)
            return
        for each in some:
            if not each.done.done():
                each.done.set_result(None)
