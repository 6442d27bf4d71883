"""Notices and telemetry on their way from Kafka to Redis: at least once, committed only after Redis has them.

All gateways share one consumer group, so each notice is written by one of them and heard by all.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from app import config, membership, telemetry, trace
from app.bus import connection, forever
from app.core.channels import OPERATORS, workspace_channel
from app.core.errors import TryAgain
from app.core.imports import TERMINAL
from app.core.notices import SINCE
from app.core.topics import NOTICES, TELEMETRY
from app.gateway.cache import Cache, Notice, event_of, room_name
from app.gateway.hub import Kind
from app.gateway.imports import Imports
from app.gateway.metrics import MALFORMED, NOTICES_WRITTEN
from app.patience import Patience

log = logging.getLogger(__name__)

GROUP = "gateway"
COMMIT_SECONDS = 1.0
"""Offsets are committed this often; what is repeated after a crash is not newer and changes nothing."""
LONGEST_PAUSE = 1.0
"""People look at pages while Redis is away, so it is asked for more often than others are."""


class _Addressed(msgspec.Struct, tag_field="type", tag="notice"):
    """A `Notice` whose state stays the text it came as."""

    workspace: UUID
    channel: str
    kind: Kind
    state: msgspec.Raw


_decoder: msgspec.json.Decoder[_Addressed] = msgspec.json.Decoder(_Addressed)


def read_notice(value: bytes, at: float, traceparent: str = "") -> Notice:
    """A record of the topic `notices`. Raises msgspec.DecodeError."""
    notice = _decoder.decode(value)
    event = event_of(bytes(notice.state))
    return Notice(
        room_name(notice.workspace, notice.channel),
        event.import_id,
        event.version,
        notice.kind,
        at,
        event.state,
        traceparent,
    )


def read_telemetry(value: bytes) -> Notice:
    """A record of the topic `telemetry`, for operators. Raises msgspec.DecodeError."""
    event = event_of(value)
    # Nobody waits for it as for an import's progress: it has no part in the delay that is measured.
    return Notice(_OPERATORS, event.import_id, event.version, event.kind, 0.0, event.state)


_OPERATORS = room_name(OPERATORS, workspace_channel(OPERATORS))


def conflated(notices: Iterable[Notice]) -> list[Notice]:
    """Without progress that has a successor in the same batch, in order."""
    found: dict[object, Notice] = {}
    for number, notice in enumerate(notices):
        about = (notice.name, notice.import_id)
        found.pop(about, None)
        found[about if notice.kind == "progress" else number] = notice
    return list(found.values())


class Feed(ConsumerRebalanceListener):  # type: ignore[misc]
    """Follows `notices` for as long as `run` runs.

    When Redis stays away it leaves the group, for a gateway that reaches it, and comes back with it. The process goes
    on: its sockets are told what the map of imports says.
    """

    def __init__(self, settings: config.Process, cache: Cache, imports: Imports, *, group: str = GROUP) -> None:
        self._settings = settings
        self._cache = cache
        self._imports = imports
        self._group = group
        self._done: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self.ready = False
        """Whether it is a member of the group and has its partitions."""

    async def run(self) -> None:
        """Writes notices to Redis until it is cancelled."""
        await forever(self._belong, "notices")

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if revoked:
            telemetry.taken(GROUP)
        await self._commit()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        telemetry.assigned(GROUP, assigned)
        self.ready = True

    async def _belong(self) -> None:
        try:
            await self._follow()
        except _StaysAway:
            await membership.leave(self._settings, self._group)
            raise

    async def _follow(self) -> None:
        await self._cache.reach()
        self._done = {}
        self._consumer = consumer = AIOKafkaConsumer(
            **connection(self._settings),
            client_id=self._settings.process_name,
            group_id=self._group,
            group_instance_id=self._settings.process_name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_500,
            # While Redis is away nothing is polled; the group waits that long.
            max_poll_interval_ms=900_000,
        )
        # Beside the reading, so that no notice waits for a commit.
        commits = asyncio.create_task(self._keep_committing(), name="commits")
        try:
            await consumer.start()
            consumer.subscribe([NOTICES.name, TELEMETRY.name], listener=self)
            while True:
                batches = await consumer.getmany(timeout_ms=1_000, max_records=1_000)
                await self._write([record for records in batches.values() for record in records])
                self._done.update({partition: records[-1].offset + 1 for partition, records in batches.items()})
        finally:
            self.ready = False
            commits.cancel()
            # A Kafka that is away must not hold up the end; what is not committed is repeated.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_SECONDS):
                    await self._commit()
            await consumer.stop()

    async def _write(self, records: list[Any]) -> None:
        notices = conflated(notice for record in records if (notice := self._read(record)) is not None)
        if not notices:
            return
        began = time.time()
        patience = Patience(NOTICES.name, self._settings.patience_seconds, longest_pause=LONGEST_PAUSE, leave=_let_go)
        while True:
            try:
                overgrown = await self._cache.write(notices)
                for name in overgrown:
                    await self._cache.trim(name)
                break
            except TryAgain as error:
                await patience.wait(error)
        NOTICES_WRITTEN.inc(len(notices))
        for notice in notices:
            if notice.trace:
                trace.passed(f"process {NOTICES.name}", notice.trace, began)

    def _read(self, record: Any) -> Notice | None:
        try:
            if record.topic == TELEMETRY.name:
                return read_telemetry(record.value) if record.value else None
            notice = read_notice(record.value, _began(record), _trace(record) if trace.told() else "")
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            MALFORMED.inc()
            where = {"partition": record.partition, "offset": record.offset}
            log.error("notice could not be read", extra={**where, "why": str(error)})
            return None
        # Redis forgets imports long ended, and then could not tell an old notice from a new one. The map can.
        workspace, _, _ = notice.name.partition(":")
        known = self._imports.get(UUID(hex=workspace), notice.import_id)
        over = known is not None and known.status in TERMINAL and known.version > notice.version
        return None if over and notice.kind == "progress" else notice

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    async def _commit(self) -> None:
        if self._consumer is None:
            return
        here = self._consumer.assignment()
        done, self._done = {partition: offset for partition, offset in self._done.items() if partition in here}, {}
        if not done:
            return
        try:
            await self._consumer.commit(done)
        except KafkaError as error:
            # The partition went to another gateway, which repeats a little.
            log.warning("offsets of notices were not committed", extra={"why": str(error)})


class _StaysAway(TryAgain):
    pass


def _let_go(code: int, why: str) -> NoReturn:
    raise _StaysAway(why)


def _trace(record: Any) -> str:
    return next((value.decode() for name, value in record.headers if name == "traceparent"), "")


def _began(record: Any) -> float:
    """When the fact behind a notice was written (Unix seconds): what people wait for begins there."""
    since = dict(record.headers).get(SINCE)
    if since is not None:
        return float(since)
    return record.timestamp / 1000 if record.timestamp > 0 else time.time()
