"""`python -m workers tail TOPIC`: what a topic carries, from wherever one likes, as a consumer of one's own reads it.

python -m workers tail contacts.changed                        live
python -m workers tail contacts.changed --from 2h              since two hours ago (s, m, h, d), then live
python -m workers tail contacts.changed --from beginning       all that the log still has
python -m workers tail contacts.changed --from 2026-11-01T00:00 --to now --json > events.jsonl
python -m workers tail contacts.changed --group crm --from beginning

Without --group nothing is left behind: no group, no position. With --group the position is kept under that name: the
next tail of the group goes on there (--from counts only where the group has none); two at once share the partitions.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.errors import Rejected, TryAgain
from app.core.topics import TOPICS, Topic
from app.core.workspaces import workspace_id
from app.keys import KeyNotHere, Keys
from app.sealing import HEADER, Unreadable
from workers import operating, stretch
from workers.stretch import Start

NAMED = ("workspace", "import_id", "index", "part", "parts", "kind", "bytes")
"""Members that a line shows; none of them is about people."""

_AGO = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read. `until_now`: no further than the topic's end as it stands at the start."""

    topic: Topic
    start: Start = "now"
    until_now: bool = False
    group: str | None = None
    workspace: UUID | None = None


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when Kafka is away."""
    asked = parser().parse_args(arguments)
    show = _as_json if asked.json else _as_line
    try:
        settings = operating.settings()
        wanted = Wanted(
            topic=topic(asked.topic),
            start=start(asked.start, time.time()),
            until_now=asked.to == "now",
            group=asked.group,
            workspace=workspace(asked.workspace) if asked.workspace else None,
        )
    except config.BadConfig as error:
        operating.end(str(error), 2)
    except Rejected as error:
        operating.end(error.detail, 2)
    try:
        operating.run(_follow(settings, wanted, lambda record: print(show(record), flush=True)))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # whoever read our output has seen enough; Python would complain once more


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers tail", description="What a topic carries.")
    made.add_argument("topic", metavar="TOPIC")
    made.add_argument(
        "--from", dest="start", default="now", metavar="WHEN", help="2h, beginning, now (default) or a time"
    )
    made.add_argument("--to", choices=("now",), help="end where the topic ends as it stands")
    made.add_argument("--workspace", metavar="SLUG", help="only this workspace (its short name or its id)")
    made.add_argument("--group", metavar="NAME", help="keep the position under this name")
    made.add_argument("--json", action="store_true", help="one record a line, whole, as JSON")
    return made


def topic(name: str) -> Topic:
    """The topic of this name. Raises Rejected."""
    for known in TOPICS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in TOPICS if ".retry." not in known.name)
    raise Rejected("no_such_topic", f"There is no topic {name}. There are {names}, and retries of some.")


def start(text: str, now: float) -> Start:
    """`2h`, `beginning`, `now`, `2026-11-01T00:00` (UTC unless it says otherwise). Raises Rejected."""
    if text == "beginning":
        return "beginning"
    if text == "now":
        return "now"
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected("bad_time", f"{text} is no moment: say 2h, beginning, now or 2026-11-01T00:00.") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def workspace(text: str) -> UUID:
    """A workspace by its short name or its id. Raises Rejected."""
    try:
        return UUID(text)
    except ValueError:
        return workspace_id(text)


async def _follow(settings: config.Process, wanted: Wanted, take: Callable[[ConsumerRecord], None]) -> None:
    async with operating.opening(settings) as keys:
        await follow(settings, wanted, take, _tell, keys)


async def follow(
    settings: config.Process,
    wanted: Wanted,
    take: Callable[[ConsumerRecord], None],
    tell: Callable[[str], None] = lambda said: None,
    keys: Keys | None = None,
) -> None:
    """Gives `take` every record that is wanted, in the order of each partition; for ever, unless `until_now`.

    Reads committed records only. With `keys` sealed values are opened. Raises TryAgain when Kafka is away.
    """
    consumer = AIOKafkaConsumer(
        **bus.connection(settings),
        client_id=settings.process_name,
        group_id=wanted.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        found = await bus.partitions_of(consumer, wanted.topic)
        ends: Mapping[TopicPartition, int] | None = await consumer.end_offsets(found) if wanted.until_now else None
        if wanted.group is None:
            consumer.assign(found)
            await _seek(consumer, found, wanted.start, tell)
        else:
            consumer.subscribe([wanted.topic.name], listener=_Assigned(consumer, wanted.start, tell))
        while ends is None or not await _reached(consumer, ends):
            batches = await consumer.getmany(timeout_ms=500)
            for records in batches.values():
                for record in records:
                    if _is_wanted(record, wanted) and (ends is None or record.offset < ends[_place(record)]):
                        take(record if keys is None else await _opened(record, keys))
            if wanted.group is not None and batches:
                await consumer.commit()
    except (KafkaError, OSError) as error:
        raise TryAgain(f"Kafka is away: {error}") from error
    finally:
        await consumer.stop()


async def _opened(record: ConsumerRecord, keys: Keys) -> ConsumerRecord:
    """With its value as it was before it was sealed; one that nobody can read any more as it is."""
    headers = dict(record.headers)
    try:
        value = record.value and await keys.open(headers, record.value)
    except (Rejected, KeyNotHere, Unreadable):
        return record
    headers.pop(HEADER, None)
    return replace(record, value=value, headers=tuple(headers.items()))


def _is_wanted(record: ConsumerRecord, wanted: Wanted) -> bool:
    # Who writes says when; behind the first record of a moment there may be some from before it.
    early = wanted.group is None and isinstance(wanted.start, float) and record.timestamp < 1000 * wanted.start
    return not early and _of(record, wanted.workspace)


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Starts the partitions of a group that has no position in them."""

    def __init__(self, consumer: AIOKafkaConsumer, start: Start, tell: Callable[[str], None]) -> None:
        self._consumer = consumer
        self._start = start
        self._tell = tell

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Positions are committed after each batch."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        new = [place for place in assigned if await self._consumer.committed(place) is None]
        await _seek(self._consumer, new, self._start, self._tell)


async def _seek(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], start: Start, tell: Callable[[str], None]
) -> None:
    """Sets where reading begins; what has left the log before that is told, not guessed."""
    offsets, left = await stretch.located(consumer, places, start)
    for place, offset in offsets.items():
        consumer.seek(place, offset)
    if left:
        tell(f"{left:,} older records have left the log.")


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    assigned = consumer.assignment()
    if not assigned:
        return False
    for place in assigned:
        if await consumer.position(place) < ends[place]:
            return False
    return True


def _place(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


class _Owned(msgspec.Struct):
    """What says whose a value is: itself, or of `imports` its state."""

    workspace: UUID | None = None
    state: "_Owned | None" = None


def _of(record: ConsumerRecord, workspace: UUID | None) -> bool:
    """Whether a record belongs to this workspace: its value says so, or its header `segment`, or `sealed`."""
    if workspace is None:
        return True
    told = _said(record)
    try:
        owned = msgspec.json.decode(told or b"{}", type=_Owned)
    except msgspec.DecodeError:
        return False
    return (owned.workspace or (owned.state or owned).workspace) == workspace


def _as_json(record: ConsumerRecord) -> str:
    """The whole record; a value that is no JSON (segments are text) as a string, one that is sealed as null."""
    return msgspec.json.encode(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "at": record.timestamp / 1000,
            "key": _text(record.key),
            "headers": {name: _text(value) for name, value in record.headers},
            "value": None if _is_sealed(record) else _value(record.value),
        }
    ).decode()


def _as_line(record: ConsumerRecord) -> str:
    """When, where, what, and how much of it: no names, no addresses, no cells."""
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    told: Any = _value(_said(record))
    parts = [at.replace("+00:00", "Z"), f"{record.partition}/{record.offset}"]
    if not isinstance(told, dict):
        return "  ".join([*parts, f"{len(record.value or b''):,} bytes" if record.value is not None else "tombstone"])
    shown = [str(told.get("type", "segment"))]
    shown += [f"{name} {told[name]}" for name in NAMED if name in told]
    shown += [f"{len(value):,} {name}" for name, value in told.items() if isinstance(value, list)]
    return "  ".join([*parts, *shown])


def _said(record: ConsumerRecord) -> bytes | None:
    """The part of a record that says whose it is."""
    headers: dict[str, bytes] = dict(record.headers)
    return headers.get("segment") or headers.get(HEADER) or record.value


def _value(data: bytes | None) -> object:
    try:
        return None if data is None else msgspec.json.decode(data)
    except msgspec.DecodeError:
        return _text(data)


def _is_sealed(record: ConsumerRecord) -> bool:
    return HEADER in dict(record.headers)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="replace")


def _tell(said: str) -> None:
    print(said, file=sys.stderr)
