"""The rooms of this gateway, kept true to Redis and to the map of imports.

Whatever may have been missed (a gap, a reconnect, a Redis that was emptied) ends in the same act: read the position of
the channel again, tell what is new, and write back to Redis what it does not know.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterable

import msgspec

from app import trace
from app.core.errors import TryAgain
from app.gateway.cache import Cache, Notice, event_of, read_message
from app.gateway.hub import Listener, Room
from app.gateway.imports import Imports
from app.gateway.limits import Limits
from app.gateway.metrics import CONFLATED, DELAY, FRAMES, MALFORMED, REPAIRS, ROOMS
from app.gateway.radio import Radio

log = logging.getLogger(__name__)

CHECKED_AT_ONCE = 500
REPAIRS_AT_ONCE = 16


class Rooms:
    """Enter, leave, and two tasks: `radio.run` and `watch`."""

    def __init__(self, cache: Cache, imports: Imports, limits: Limits) -> None:
        self.radio = Radio(cache.client, self._heard, self._missed)
        self._cache = cache
        self._imports = imports
        self._limits = limits
        self._rooms: dict[str, Room] = {}
        self._flushes: dict[str, asyncio.TimerHandle] = {}
        self._repairs: dict[str, asyncio.Task[None]] = {}
        self._asked: set[str] = set()
        self._few = asyncio.Semaphore(REPAIRS_AT_ONCE)

    async def enter(
        self, name: str, channel: str, listener: Listener, request: int | str, epoch: str | None, offset: int | None
    ) -> bytes:
        """`listener` hears the room from now on; answers its `subscribed` frame.

        While Redis is away the snapshot comes from what is known here; the rest follows when it is back.
        """
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(channel)
            ROOMS.set(len(self._rooms))
        room.empty_since = None
        try:
            if not room.epoch:
                await self.radio.tune(name)
            if room.lags(epoch, offset):
                await asyncio.shield(self._ask(name))
        except TryAgain as error:
            log.warning("a channel is answered without Redis", extra={"why": str(error)})
        self._consult(name, room)
        answer = room.join(listener, request, epoch, offset)
        if room.unwritten():
            self._ask(name)
        return answer

    def leave(self, name: str, listener: Listener) -> None:
        """`listener` hears the room no more."""
        room = self._rooms.get(name)
        if room is not None:
            room.leave(listener, self._now())

    def resume(self, names: Iterable[str], listener: Listener) -> None:
        """`listener` can take more again."""
        for name in list(names):
            room = self._rooms.get(name)
            if room is not None:
                room.catch_up(listener)
                self._settle(name, room)

    async def watch(self) -> None:
        """Compares positions again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(self._limits.positions * random.uniform(0.8, 1.2))  # noqa: S311 (no secret)
            self._sweep()
            try:
                await self._compare()
            except TryAgain as error:
                log.warning("positions were not compared", extra={"why": str(error)})

    def close(self) -> None:
        """Ends what runs beside the two tasks."""
        for timer in self._flushes.values():
            timer.cancel()
        for task in self._repairs.values():
            task.cancel()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _heard(self, name: str, payload: bytes) -> None:
        room = self._rooms.get(name)
        if room is None:
            return
        try:
            epoch, event = read_message(payload)
        except (ValueError, msgspec.DecodeError):
            MALFORMED.inc()
            log.exception("message could not be read")
            return
        room.receive(epoch, event, self._now())
        self._settle(name, room)

    def _missed(self, name: str) -> None:
        room = self._rooms.get(name)
        if room is not None:
            room.behind = True
            self._ask(name)

    def _settle(self, name: str, room: Room) -> None:
        """Does what the room cannot do by itself: counts, sets the timer of the next flush, reads the position."""
        told = room.told
        if told.frames:
            FRAMES.inc(told.frames)
        if told.conflated:
            CONFLATED.inc(told.conflated)
        for event in told.events:
            if event.at:
                DELAY.observe(max(0.0, time.time() - event.at))
                if event.trace:
                    trace.passed("deliver", event.trace, event.at, attributes={"addressbus.import": event.import_id})
        told.clear()
        if room.due is not None and name not in self._flushes:
            self._flushes[name] = asyncio.get_running_loop().call_at(room.due, self._flush, name)
        if room.behind and name not in self._repairs:
            self._ask(name)

    def _flush(self, name: str) -> None:
        del self._flushes[name]
        room = self._rooms.get(name)
        if room is not None:
            if room.due is not None:
                room.flush(self._now())
            self._settle(name, room)

    def _ask(self, name: str) -> "asyncio.Task[None]":
        """Reads a position; asked for again while it is being read, it is read again."""
        self._asked.add(name)
        task = self._repairs.get(name)
        if task is None:
            task = self._repairs[name] = asyncio.create_task(self._repair(name), name="repair")
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return task

    async def _repair(self, name: str) -> None:
        try:
            async with self._few:
                while name in self._asked:
                    self._asked.discard(name)
                    REPAIRS.inc()
                    position = await self._cache.read(name)
                    room = self._rooms.get(name)
                    if room is None:
                        return
                    room.place(position, self._now())
                    if room.behind:
                        self._asked.add(name)
                    self._settle(name, room)
                    self._consult(name, room)
                    await self._write(name, room)
        finally:
            self._asked.discard(name)
            del self._repairs[name]

    def _consult(self, name: str, room: Room) -> None:
        newer = [state for state in self._imports.about(name) if state.version > room.version(str(state.id))]
        room.know(event_of(msgspec.json.encode(state)) for state in newer)

    async def _write(self, name: str, room: Room) -> None:
        """Gives Redis what only we know; it comes back as events, to every gateway."""
        await self._cache.write(
            [
                Notice(name, state.import_id, state.version, state.kind, state.at, state.state)
                for state in room.unwritten()
            ]
        )

    async def _compare(self) -> None:
        names = [name for name, room in self._rooms.items() if len(room)]
        for start in range(0, len(names), CHECKED_AT_ONCE):
            some = names[start : start + CHECKED_AT_ONCE]
            for name, position in zip(some, await self._cache.positions(some), strict=True):
                room = self._rooms.get(name)
                if room is None:
                    continue
                self._consult(name, room)
                lost = position is None or position[0] != room.epoch or position[1] > room.offset
                if lost or room.behind or room.unwritten():
                    self._ask(name)

    def _sweep(self) -> None:
        now = self._now()
        for name, room in list(self._rooms.items()):
            if room.empty_since is not None and now - room.empty_since > self._limits.linger:
                del self._rooms[name]
                self.radio.untune(name)
        ROOMS.set(len(self._rooms))
