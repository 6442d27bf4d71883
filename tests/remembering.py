"""A producer that remembers: the log of tests that need no Kafka."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from app.core.topics import Topic

PARTITIONS = 12


class Sent(NamedTuple):
    """A record as it was handed over; of two headers of one name the last holds."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    partition: int | None


class Remembering:
    """Acknowledges at once, and keeps what was `sent`."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    @property
    def topics(self) -> list[str]:
        """Where it was sent, in order."""
        return [one.topic for one in self.sent]

    async def send(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[object]":
        name = topic if isinstance(topic, str) else topic.name
        self.sent.append(Sent(name, key, value, dict(headers), partition))
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def publish(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        await self.send(topic, key=key, value=value, headers=headers, partition=partition)

    async def partitions(self, topic: Topic) -> int:
        return PARTITIONS
