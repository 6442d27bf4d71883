"""The only file that knows Faust: group membership, ordered delivery and an orderly stop, and nothing else.

Faust acknowledges whatever leaves an agent, so agents here call a Harness, which never raises and returns only when
a record is dealt with. The settings follow from what Faust 0.15.3 was seen to do: no tables, no web, no topics of
its own, raw bytes, one actor per topic (an acknowledgement out of order would commit past work in flight).
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import faust
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context
from faust.transport.drivers import aiokafka as driver
from faust.types import EventT

from app import config, membership, telemetry
from app.core.topics import SEGMENT_RECORD_BYTES, Topic, everywhere
from app.watchdog import Watchdog, leave
from workers.control import Followed
from workers.harness import GivenUp, Handler, Harness, Outlet, Policy, Record, nobody
from workers.retries import pumps
from workers.window import Window

log = logging.getLogger(__name__)


class _App(faust.App):
    """An app without tables: it keeps nothing, so it makes no folder where it was started."""

    def _create_directories(self) -> None:
        pass


def build(
    settings: config.Process,
    *,
    group: str,
    agents: Mapping[Topic, Harness],
    committed: bool = False,
    together: int = 1,
    by_key: int = 0,
) -> faust.App:
    """A Faust app that hands every record of these topics to its harness, `together` at a time per topic, in order.

    `committed` hides the records of aborted Kafka transactions (readers of `imports` need it). `by_key`: see `run`.
    """
    # Segments are up to 512 KB and one is handled at a time: what waits in memory is bounded by this. Who handles
    # many at a time has small ones.
    waiting = by_key or 4
    app = _App(
        group,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        broker_client_id=settings.process_name,
        consumer_group_instance_id=settings.process_name,
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_buffer_maxsize=waiting,
        broker_max_poll_records=waiting,
        consumer_max_fetch_size=2_097_152,
        stream_wait_empty=True,
        broker_commit_interval=0.5,
        broker_commit_every=100,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=60.0,
        broker_max_poll_interval=600.0,
        consumer_auto_offset_reset="earliest",
        producer_request_timeout=30.0,
        producer_max_request_size=SEGMENT_RECORD_BYTES,
        stream_processing_timeout=120.0,
        broker_commit_livelock_soft_timeout=120.0,
    )
    for topic, harness in agents.items():
        app.agent(app.topic(topic.name, key_type=bytes, value_type=bytes), name=topic.name)(
            _loop(harness, together, by_key)
        )
    if committed:
        app.transport.Consumer = _CommittedConsumer  # type: ignore[misc]
    return app


async def run(
    settings: config.Process,
    *,
    group: str,
    subscriptions: Mapping[Topic, Handler],
    outlet: Outlet,
    given_up: GivenUp = nobody,
    policy: Policy | None = None,
    committed: bool = False,
    together: int = 1,
    by_key: int = 0,
    patience: float = 30.0,
    ready: Callable[[bool], None] = lambda ready: None,
    stop: asyncio.Event | None = None,
) -> None:
    """Consumes `subscriptions` as a member of `group` until `stop` is set; returns after an orderly stop.

    With a topic that data centres copy to each other comes what the others had of it.

    Each handler gets a `harness.Record` and does: write, commit, tell (await the acknowledgements), return. It
    raises TryAgain when the world is at fault; anything else sends the record to the retry topics that its topic
    names, whose pumps run in this process too, then to `dead`, and `given_up(record, error)` is told. `outlet` is a
    started `app.bus.Producer`. While the group is paused (control.py) no record is begun.
    Records of one partition come in order, one at a time; different topics interleave while a handler waits. With
    `together` > 1 so many records are handled side by side (window.py), for handlers to which order means nothing.
    With `by_key` so many are in hand at a time, one of each key, whose order stays. `committed=True`: only committed
    records are read. `patience`: without progress for so many seconds the process ends itself.
    `ready(True)` is called once partitions are assigned. Without a `stop` of yours SIGTERM and SIGINT set it.

        await faustapp.run(settings, group="projector", outlet=producer, committed=True,
                           subscriptions={CHANGED: project, PROBLEMS: keep_problems, IMPORTS: keep_import})

    A crash inside Faust is raised, so that the process ends and is restarted.
    """
    stop = stop or _stopped_by_signals()

    async def behind() -> bool:
        return await _behind(app)

    watchdog = Watchdog(behind, patience=patience)
    control = Followed(settings, group)
    policy = policy or Policy(patience=settings.patience_seconds)
    agents = {
        each: Harness(
            handle if each is topic else _passing_over_repeats(handle),
            outlet,
            given_up=given_up,
            policy=replace(policy, delays=topic.retries),
            control=control,
            progress=watchdog.progress,
        )
        for topic, handle in subscriptions.items()
        for each in everywhere(topic, settings.others)
    }
    app = build(settings, group=group, agents=agents, committed=committed, together=together, by_key=by_key)

    @app.on_partitions_revoked.connect
    async def on_revoked(*_: Any, **__: Any) -> None:
        telemetry.taken(group)

    @app.on_partitions_assigned.connect
    async def on_assigned(_: Any, /, *given: Any, **__: Any) -> None:
        telemetry.assigned(group, *given)
        ready(True)

    app.finalize()
    side = pumps(settings, subscriptions, outlet)
    try:
        await control.start()
        await app.start()
        watchdog.start()
        await _first_of(stop.wait(), app.wait(stop.wait()), *side)
    finally:
        watchdog.stop()
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        if control.paused:
            # Faust would wait for the records in hand, and they for the end of the pause. Nobody acknowledged them.
            leave(0, "stopped while its group is paused")
        await control.stop()
        await app.stop()
        if stop.is_set():
            await membership.leave(settings, group)
    if app.crash_reason is not None:
        raise app.crash_reason


def _passing_over_repeats(handle: Handler) -> Handler:
    """What another data centre tries again, or an operator there brings back, has come here when it came first."""

    async def handle_first(record: Record) -> None:
        if record.headers.keys().isdisjoint(("origin", "replayed")):
            await handle(record)

    return handle_first


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


class _CommittedConsumer(driver.Consumer):
    """Faust offers this isolation only together with its transactions, which do not work."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


def _loop(harness: Harness, together: int, by_key: int) -> Callable[[faust.StreamT[bytes]], Awaitable[None]]:
    async def handle_each(stream: faust.StreamT[bytes]) -> None:
        events: AsyncIterable[EventT[bytes]] = stream.events()
        async for event in events:
            await harness.take(_record(event))

    async def handle_side_by_side(stream: faust.StreamT[bytes]) -> None:
        stream.enable_acks = False  # the window acknowledges, in order
        window = Window(harness.take, by_key or together, by_key=bool(by_key))
        events: AsyncIterable[EventT[bytes]] = stream.events()
        async for event in events:
            await window.put(_record(event), event.ack)

    return handle_side_by_side if by_key or together > 1 else handle_each


def _record(event: EventT[bytes]) -> Record:
    message = event.message
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=dict(message.headers or ()),
    )


async def _behind(app: faust.App) -> bool:
    """Whether something was fetched and is not handled, or is there and was not fetched."""
    consumer = app.consumer
    if app.rebalancing or len(consumer.unacked):
        return True
    partitions = consumer.assignment()
    try:
        positions = {each: await asyncio.wait_for(consumer.position(each), 5) for each in partitions}
    except (KafkaError, TimeoutError):
        return True  # the assignment is changing under us
    try:
        # The broker is asked: what the client remembers stands still when it stops fetching, which has happened.
        ends = await asyncio.wait_for(consumer.highwaters(*partitions), 5) if partitions else {}
    except (KafkaError, TimeoutError):
        return False  # Kafka is away, and the world's absence is not ours to die of
    return any(at is not None and at < ends.get(each, 0) for each, at in positions.items())


async def _first_of(*work: Awaitable[Any]) -> None:
    """Waits for whichever ends first; if that failed, so do we."""
    tasks = [asyncio.ensure_future(each) for each in work]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for task in done:
        task.result()


def _credentials(settings: config.Process) -> Any:
    security = settings.kafka_security
    context: ssl.SSLContext | None = None
    if security.endswith("SSL"):
        context = create_ssl_context(cafile=settings.kafka_ca_file or None)
    if security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None
