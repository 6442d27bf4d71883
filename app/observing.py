"""Looks at the log and at who is silent, and tells it on `telemetry` beside what processes tell of themselves.

Web processes do it; while one does, the others only listen.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterator

import msgspec
from prometheus_client import Gauge

from app import config
from app.bus import LiveMap, Producer
from app.core.errors import TryAgain
from app.core.groups import CONSUMER, orders_of
from app.core.telemetry import AnySeen, GroupSeen, ProcessSeen, TopicSeen
from app.core.topics import DEAD, TELEMETRY, every_topic
from app.dead import Letters, chosen
from app.lag import Lags, Look, lags
from app.settings import GLOBAL, Settings
from app.telemetry import TELL_SECONDS, ended, stamp, tell

log = logging.getLogger(__name__)
RECORDS = Gauge("addressbus_lag_records", "Records that are not finished", ["group", "topic"])
OLDEST = Gauge("addressbus_lag_oldest_seconds", "Age of the oldest record that is not finished", ["group", "topic"])

MOVING_SECONDS = 1.5
RESTING_SECONDS = 5.0
"""Between two looks, while something moves and while nothing does."""
REPEAT_SECONDS = 30.0
"""What does not change is told again so often, for whoever lost it."""
SILENT_SECONDS = 2.5 * TELL_SECONDS
FORGOTTEN_SECONDS = 600.0
"""Processes that are gone are shown for so long."""


class Observer:
    """`seen` is started elsewhere; so are `settings` and `producer`."""

    def __init__(
        self,
        config: config.Process,
        producer: Producer,
        seen: LiveMap[AnySeen],
        settings: Settings,
        letters: Letters,
    ) -> None:
        self._config = config
        self._producer = producer
        self._seen = seen
        self._settings = settings
        self._letters = letters
        self._lags = Lags(config)
        self._own: dict[str, AnySeen] = {}
        self._pace = MOVING_SECONDS
        self._dead: tuple[int, int] = (-1, 0)
        """Where `dead` ended when its letters were counted last, and how many waited then."""

    async def run(self) -> None:
        """Until it is cancelled; what is away is waited for."""
        try:
            while True:
                try:
                    if not self._another_does():
                        await self._observe()
                    await self._bury_the_silent()
                except TryAgain as error:
                    log.warning("the log is not observed", extra={"why": str(error)})
                self._measure()
                await asyncio.sleep(self._pace * random.uniform(0.9, 1.1))  # noqa: S311 (no secret)
        finally:
            await self._lags.close()

    def _another_does(self) -> bool:
        found = [seen for seen in self._seen.values().values() if isinstance(seen, GroupSeen | TopicSeen)]
        newest = max((seen.version for seen in found if seen != self._own.get(seen.id)), default=0)
        return time.time() - newest / 1000 < 1.5 * RESTING_SECONDS

    async def _observe(self) -> None:
        look = await self._lags.look()
        end = sum(offset for partition, offset in look.ends.items() if partition.topic == DEAD.name)
        if end != self._dead[0]:
            self._dead = end, len(chosen(await self._letters.read(), waiting=True))
        found: list[GroupSeen | TopicSeen] = [*self._groups(look), *self._topics(look)]
        news = [seen for seen in found if self._is_news(seen)]
        # What tells it moves for ever, and alone is no movement.
        moving = any(TELEMETRY.name not in _topics_of(seen) for seen in news)
        self._pace = MOVING_SECONDS if moving else RESTING_SECONDS
        for seen in news:
            self._own[seen.id] = seen
            await tell(self._producer, seen)

    def _groups(self, look: Look) -> Iterator[GroupSeen]:
        for group, topics in look.groups.items():
            yield GroupSeen(
                id=f"group:{group}",
                version=stamp(),
                site=self._config.site,
                name=group,
                topics=dict(topics),
                paused=orders_of(self._settings.get(GLOBAL, f"{CONSUMER}{group}")).paused,
            )

    def _topics(self, look: Look) -> Iterator[TopicSeen]:
        for topic in every_topic(self._config.others):
            here = sorted(partition for partition in look.ends if partition.topic == topic.name)
            yield TopicSeen(
                id=f"topic:{topic.name}",
                version=stamp(),
                site=self._config.site,
                name=topic.name,
                begins=tuple(look.begins[partition] for partition in here),
                ends=tuple(look.ends[partition] for partition in here),
                letters=self._dead[1] if topic == DEAD else 0,
            )

    def _is_news(self, seen: GroupSeen | TopicSeen) -> bool:
        told = self._own.get(seen.id)
        if told is None or seen.version - told.version > REPEAT_SECONDS * 1000:
            return True
        return msgspec.structs.replace(seen, version=told.version) != told

    async def _bury_the_silent(self) -> None:
        now = time.time()
        for seen in list(self._seen.values().values()):
            if not isinstance(seen, ProcessSeen):
                continue
            if seen.status == "running" and now - seen.version / 1000 > SILENT_SECONDS:
                log.warning("a process fell silent", extra={"name_of_process": seen.name})
                await tell(self._producer, ended(seen, "failed"))
            elif seen.finished_at is not None and now - seen.finished_at > FORGOTTEN_SECONDS:
                await self._producer.publish(TELEMETRY, key=seen.id.encode(), value=None)

    def _measure(self) -> None:
        for seen in self._seen.values().values():
            if isinstance(seen, GroupSeen):
                for lag in lags(seen.name, seen.topics):
                    RECORDS.labels(lag.group, lag.topic).set(lag.records)
                    OLDEST.labels(lag.group, lag.topic).set(lag.oldest)


def _topics_of(seen: GroupSeen | TopicSeen) -> tuple[str, ...]:
    return tuple(seen.topics) if isinstance(seen, GroupSeen) else (seen.name,)
