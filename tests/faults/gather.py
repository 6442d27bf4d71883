"""Reads what a campaign left behind: tables as an administrator, topics from their beginnings, the witnesses' frames.

Read for few workspaces: what belongs to others is passed over as it comes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import crc32c
import msgspec
import psycopg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.contacts import SCALARS
from app.core.events import AnyFact, Counts, ImportProblems, Notice, SegmentHeader
from app.core.groups import GROUPS
from app.core.imports import State, decode_record
from app.core.topics import (
    BULK,
    CHANGED,
    DEAD,
    EXPRESS,
    FACTS,
    IMPORTS,
    NOTICES,
    PROBLEMS,
    RETRY_DELAYS,
    TELEMETRY,
    Topic,
    retry_topic,
)
from app.keys import Keys
from app.sealing import HEADER, Vault, whose
from tests.faults.course import Course
from tests.faults.evidence import (
    Addressed,
    Changed,
    Complaint,
    Evidence,
    Folded,
    Happened,
    Job,
    Ledgered,
    Letter,
    Mark,
    Segment,
    Shown,
    Stored,
    Trouble,
    Watched,
)
from workers.projector import rows

LAG_SECONDS = 10
"""Positions are committed behind the work; so long they may take."""
_RETRIES = tuple(retry_topic(topic, delay) for topic in (EXPRESS, BULK, CHANGED, PROBLEMS) for delay in RETRY_DELAYS)
_header = msgspec.json.Decoder(SegmentHeader)
_fact = msgspec.json.Decoder(AnyFact)
_notice = msgspec.json.Decoder(Notice)
_problems = msgspec.json.Decoder(ImportProblems)
_marks = msgspec.json.Decoder(dict[str, Mark])
_state = msgspec.json.Decoder(State)


class _Known(msgspec.Struct):
    """The members of a contact that are looked at while a topic is read."""

    id: UUID
    version: int


async def gather(course: Course, facts: Mapping[str, Any]) -> Evidence:
    """All evidence of a campaign; `facts` is stack.json. Raises psycopg.Error, KafkaError, TryAgain."""
    found = Evidence(
        workspaces=dict(course.workspaces),
        answers={upload: list(answers) for upload, answers in course.answers.items()},
        faults=tuple(course.faults),
        samples=tuple(course.samples),
        healed=course.healed,
        before=course.before,
        after=course.after,
        meant=frozenset(course.letters),
        watched=[
            Watched(one.name, one.workspace, one.channel["channel"], tuple(one.frames), str(one.refused or ""))
            for one in course.witnesses
        ],
    )
    settings = config.read(config.Process, {**facts["operator"], "PROCESS_NAME": "checker"})
    found.lag = await _lag(settings)
    async with await psycopg.AsyncConnection.connect(facts["postgres"]["admin"]) as connection:
        await _tables(connection, found)
    keys = Keys(settings, Vault.parse(facts["data_keys"]))
    try:
        await keys.start()
        await _topics(settings, keys, found, course.began)
    finally:
        await keys.stop()
    return found


# --- PostgreSQL


async def _tables(connection: psycopg.AsyncConnection[Any], found: Evidence) -> None:
    ours = list(found.workspaces.values())
    # What is stored in one moment is compared with itself only.
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)

    async def rows_of(query: str) -> AsyncIterator[tuple[Any, ...]]:
        async with connection.cursor("checking") as cursor:
            await cursor.execute(query, [ours])
            async for row in cursor:
                yield row

    async for workspace, id_, *rest in rows_of(
        f"select workspace, contact_id, match_key, {', '.join(SCALARS)}, stamp, stamps, sets::text, custom::text,"
        " sources, born, last, version, deletion from contacts.contacts where workspace = any(%s)"
    ):
        found.contacts.setdefault(workspace, {})[id_] = _stored(rest)
    async for workspace, second, import_id in rows_of(
        "select workspace, order_second, import_id from contacts.imports where workspace = any(%s)"
    ):
        found.sources[workspace, second] = import_id
    async for workspace, import_id, index, crc, *counts, at, xid in rows_of(
        "select workspace, import_id, index, crc32c, created, updated, unchanged, duplicate, rejected,"
        " extract(epoch from at)::float8, xmin::text::bigint from contacts.ledger where workspace = any(%s)"
    ):
        named = dict(zip(("created", "updated", "unchanged", "duplicate", "rejected"), counts, strict=True))
        found.ledger.append(Ledgered(workspace, import_id, index, crc, Counts(**named), at, xid))
    async for row in rows_of(
        "select workspace, id, order_second, phase, told from jobs.imports where workspace = any(%s)"
    ):
        found.jobs.append(Job(*row))
    async for workspace, id_, version, deleted, listed, doc in rows_of(
        "select workspace, id, version, deleted, entry.id is not null, doc from lookup.contacts"
        " left join lookup.entries as entry using (workspace, id) where workspace = any(%s)"
    ):
        found.shown.setdefault(workspace, {})[id_] = Shown(version, deleted, listed, doc.encode())
    async for id_, doc in rows_of("select id, doc from lookup.imports where workspace = any(%s)"):
        found.kept[id_] = _state.decode(doc)
    async for import_id, index, number, doc in rows_of(
        "select import_id, index, row, doc from lookup.problems where workspace = any(%s)"
    ):
        told = msgspec.json.decode(doc)
        found.listed_problems.append(Trouble(import_id, index, number, told["line"], told["code"]))


def _stored(row: Sequence[Any]) -> Stored:
    key, *values = row[: 1 + len(SCALARS)]
    stamp, stamps, sets, custom, sources, born, last, version, deletion = row[1 + len(SCALARS) :]
    # One stamp says it all, as long as it does.
    each = stamps if stamps is not None else [stamp if value else None for value in values]
    fields = {
        name: (at, value) for name, at, value in zip(SCALARS, each, values, strict=True) if at is not None or value
    }
    return Stored(
        key=key,
        fields=fields,
        sets=_marks.decode(sets),
        custom=_marks.decode(custom),
        sources=tuple(sources),
        born=born,
        last=last,
        version=version,
        deleted=deletion is not None and not fields and sets == "{}",
    )


# --- Kafka


async def _topics(settings: config.Process, keys: Keys, found: Evidence, began: float) -> None:
    take: dict[Topic, Callable[[ConsumerRecord, bytes, Evidence], None]] = {
        EXPRESS: _take_segment,
        BULK: _take_segment,
        FACTS: _take_fact,
        IMPORTS: _take_state,
        NOTICES: _take_notice,
        CHANGED: _take_changed,
        PROBLEMS: _take_problems,
        **dict.fromkeys((DEAD, *_RETRIES), _take_letter),
    }
    ours = frozenset(found.workspaces.values())
    for topic, act in take.items():
        async for record in records_of(settings, topic, began):
            value, headers = record.value or b"", dict(record.headers)
            if HEADER in headers and act is not _take_letter:
                if whose(headers).workspace not in ours:
                    continue
                value = await keys.open(headers, value)
            act(record, value, found)


async def records_of(settings: config.Process, topic: Topic, since: float) -> AsyncIterator[ConsumerRecord]:
    """Every committed record that the topic has now, in the order of each partition; those since a moment, 0 for all.

    Raises KafkaError, TryAgain.
    """
    consumer = AIOKafkaConsumer(
        **bus.connection(settings), enable_auto_commit=False, isolation_level="read_committed", fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        partitions = await bus.partitions_of(consumer, topic)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        begins: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        if since:
            first = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since * 1000)))
            begins |= {partition: at.offset if at else ends[partition] for partition, at in first.items()}
        left = [partition for partition in partitions if begins[partition] < ends[partition]]
        consumer.assign(left)
        for partition in left:
            consumer.seek(partition, begins[partition])
        while left:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    yield record
            left = [partition for partition in left if await consumer.position(partition) < ends[partition]]
    finally:
        await consumer.stop()


def _take_segment(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    header = _header.decode(dict(record.headers)["segment"])
    if header.workspace not in found.workspaces.values():
        return
    found.segments.append(
        Segment(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            at=record.timestamp / 1000,
            workspace=header.workspace,
            import_id=header.import_id,
            index=header.index,
            second=header.order_second,
            first_line=header.first_line,
            end_line=header.first_line + value.count(b"\n"),
            crc=header.crc32c,
            sum=crc32c.crc32c(value),
        )
    )


def _take_fact(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    fact = _fact.decode(value)
    if fact.workspace in found.workspaces.values():
        found.facts.append(Happened(record.timestamp / 1000, fact))


def _take_state(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    if record.value is None:
        return  # of an import that ended more than a week ago
    folded = decode_record(value)
    if folded.state.workspace in found.workspaces.values():
        found.states.append(Folded(record.timestamp / 1000, folded))


def _take_notice(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    notice = _notice.decode(value)
    if notice.workspace in found.workspaces.values():
        found.notices.append(Addressed(record.timestamp / 1000, notice))


def _take_changed(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    part = rows.part(value)
    if part.workspace not in found.workspaces.values():
        return
    known = [(msgspec.json.decode(doc, type=_Known), bytes(doc)) for doc in part.contacts]
    contacts = tuple((contact.id, contact.version, doc) for contact, doc in known)
    found.changed.append(
        Changed(record.timestamp / 1000, part.workspace, part.import_id, part.index, part.part, part.parts, contacts)
    )


def _take_problems(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    told = _problems.decode(value)
    if told.workspace not in found.workspaces.values():
        return
    troubles = tuple(Trouble(told.import_id, told.index, each.row, each.line, each.code) for each in told.problems)
    found.problems.append(Complaint(told.workspace, told.import_id, told.index, told.part, told.parts, troubles))


def _take_letter(record: ConsumerRecord, value: bytes, found: Evidence) -> None:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    if "letter" in headers:
        return  # a note that one was brought back
    origin = headers.get("origin") or f"{record.topic}/{record.partition}/{record.offset}"
    found.letters.append(Letter(record.topic, origin, headers.get("reason", "")))


async def _lag(settings: config.Process) -> dict[str, int]:
    """What each group has still to do of each topic, once it had a moment to commit.

    `imports` is left out: its transactions end with marks that count as records and are nobody's work. So is what
    processes tell of themselves, which never ends.
    """
    admin = AIOKafkaAdminClient(**bus.connection(settings))
    consumer = AIOKafkaConsumer(**bus.connection(settings), enable_auto_commit=False)
    await admin.start()
    await consumer.start()
    try:
        deadline = asyncio.get_running_loop().time() + LAG_SECONDS
        while True:
            found = {f"{group} {topic.name}": 0 for group, topics in GROUPS.items() for topic in _counted(topics)}
            for group, topics in GROUPS.items():
                await _add_lag(admin, consumer, group, _counted(topics), found)
            if not any(found.values()) or asyncio.get_running_loop().time() > deadline:
                return found
            await asyncio.sleep(0.2)
    finally:
        await consumer.stop()
        await admin.close()


def _counted(topics: Iterable[Topic]) -> list[Topic]:
    return [topic for topic in topics if topic not in (IMPORTS, TELEMETRY)]


async def _add_lag(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topics: Iterable[Topic], found: dict[str, int]
) -> None:
    committed: Mapping[TopicPartition, Any] = {}
    with suppress(KafkaError):  # a group that nobody was ever a member of
        committed = await admin.list_consumer_group_offsets(group)
    for topic in topics:
        partitions = await bus.partitions_of(consumer, topic)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        for partition in partitions:
            at = committed[partition].offset if partition in committed else -1
            found[f"{group} {topic.name}"] += ends[partition] - max(at, begins[partition])
