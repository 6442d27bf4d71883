"""What an operator orders a consumer group to do, while it runs: pause, go on, skip a record (core/groups.py)."""

import asyncio
import logging

from app import config
from app.core.groups import CONSUMER, Orders, orders_of
from app.settings import GLOBAL, Settings

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""Who waits for the end of a pause says so often that they are not stuck."""


class Control:
    """The orders of one group, as they are this moment. Before `start` there are none."""

    def __init__(self, orders: Orders | None = None) -> None:
        self._orders = orders or Orders()
        self._changed = asyncio.Event()

    @property
    def paused(self) -> bool:
        return self._orders.paused

    def skips(self, *references: str) -> bool:
        """Whether a record with one of these references is to be given up unseen."""
        return not set(references).isdisjoint(self._orders.skip)

    def order(self, orders: Orders) -> None:
        """From now on."""
        if orders == self._orders:
            return
        log.warning("orders changed", extra={"paused": orders.paused, "skip": list(orders.skip)})
        self._orders = orders
        self._changed.set()

    async def wait(self, seconds: float = LOOK_SECONDS) -> None:
        """Until the orders change, at most so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass


class Followed(Control):
    """Control that follows the setting `consumer:<group>`."""

    def __init__(self, settings: config.Process, group: str) -> None:
        super().__init__()
        self._name = f"{CONSUMER}{group}"
        self._settings = Settings(settings, keep=self._name.__eq__, changed=lambda scope, name: self._look())

    async def start(self) -> None:
        """Returns once what was ordered before is known."""
        await self._settings.start()

    async def stop(self) -> None:
        await self._settings.stop()

    def _look(self) -> None:
        self.order(orders_of(self._settings.get(GLOBAL, self._name)))
