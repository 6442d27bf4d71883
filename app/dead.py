"""Dead letters as operators see them: records that were given up, found in the topic `dead`, and brought back.

A letter is known by its reference, the place where its record was first seen (`import.segments.bulk/3/17`), which its
import names, too. Whoever replays a letter leaves a mark behind it in the same topic: an empty record with the same
`origin`, a header `replayed` that names them and a header `letter`, the offset of the letter that is meant. Given up
once more, the record becomes a newer letter.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app import bus, config
from app.core.errors import Rejected, TryAgain
from app.core.topics import BULK, CHANGED, COMMANDS, DEAD, EXPRESS, FACTS, FETCHES, PROBLEMS, Topic, at_home
from app.keys import Keys
from app.sealing import HEADER, Headers

log = logging.getLogger(__name__)
REPLAYED = "replayed"
LETTER = "letter"
BACK = {topic.name: topic for topic in (EXPRESS, BULK, FACTS, CHANGED, PROBLEMS, COMMANDS, FETCHES)}
"""Topics that take a record back: to handle one of theirs late, or again, is harmless. `imports` is not among them,
for its last record of a key is the truth."""
OURS = frozenset({"attempts", "due", "origin", "reason", "traceparent", REPLAYED})
"""Headers that tell of the record's way, not what it is."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was given up, without its bytes (`size` of them). `at` and `replayed_at` are Unix seconds.

    `partition` and `offset` are where it lies in `dead`. `import_id` and `workspace` are None where nobody can tell.
    """

    reference: str
    topic: str
    reason: str
    attempts: int
    at: float
    size: int
    partition: int
    offset: int
    headers: dict[str, str]
    key: str = ""
    import_id: UUID | None = None
    workspace: UUID | None = None
    replayed_at: float | None = None
    replayed_by: str = ""

    @property
    def kind(self) -> str:
        """The first word of the reason: what is at fault, or who."""
        return self.reason.partition(":")[0].partition(" ")[0]


class _About(msgspec.Struct, frozen=True):
    """What a segment's header, that of a sealed value, and most values say of themselves."""

    workspace: UUID
    import_id: UUID


_about = msgspec.json.Decoder(_About)


class Letters:
    """All letters there are. Each `read` takes in only what came since the last one.

    `keys` open what is sealed; without them it stays closed.
    """

    def __init__(self, settings: config.Process, keys: Keys | None = None) -> None:
        self._settings = settings
        self._keys = keys
        self._found: dict[str, Letter] = {}
        self._next: dict[TopicPartition, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> list[Letter]:
        """The newest letter of each reference, the newest first. Raises TryAgain."""
        async with self._one_at_a_time, _consuming(self._settings) as consumer:
            partitions = await bus.partitions_of(consumer, DEAD)
            consumer.assign(partitions)
            begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions)
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
            for partition in partitions:
                consumer.seek(partition, max(begins[partition], self._next.get(partition, 0)))
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        self._take(record)
            self._next = {partition: await consumer.position(partition) for partition in partitions}
            kept = {partition.partition: offset for partition, offset in begins.items()}
        self._found = {
            reference: letter for reference, letter in self._found.items() if letter.offset >= kept[letter.partition]
        }
        return sorted(self._found.values(), key=lambda letter: letter.at, reverse=True)

    async def find(self, reference: str) -> Letter:
        """The newest letter with this reference. Raises Rejected `not_found`, TryAgain."""
        await self.read()
        found = self._found.get(reference)
        if found is None:
            raise Rejected("not_found", f"No dead letter has the reference {reference}.")
        return found

    async def bytes_of(self, letter: Letter, by: str) -> bytes:
        """What the record carried: people's data, as a rule, so who looked is logged first.

        Raises Rejected `not_found`, `file_deleted`, `sealed`, TryAgain.
        """
        log.warning("bytes of a dead letter were shown", extra={"record": letter.reference, "by": by})
        async with _consuming(self._settings) as consumer:
            record = await _record(consumer, letter)
        return await self._opened(record)

    async def replay(self, producer: bus.Producer, *letters: Letter, by: str) -> int:
        """Brings records back to their topics, as if they had never failed, and says how many.

        Their imports' counts follow when they are handled. Replayed twice they change nothing more. Those of a file
        that was deleted stay where they are, unread for ever. Raises Rejected where it is about one letter, TryAgain.
        """
        back = 0
        async with _consuming(self._settings) as consumer:
            for letter in letters:
                record = await _record(consumer, letter)
                try:
                    value = await self._replayed(letter, record)
                except Rejected:
                    if len(letters) == 1:
                        raise
                    continue
                await _bring_back(producer, letter, record, value, by)
                back += 1
        return back

    async def _replayed(self, letter: Letter, record: Any) -> tuple[bytes | None, Headers]:
        """What goes back into the topic: sealed as it came, or opened where it was sealed only to be buried."""
        if record.value is None:
            raise Rejected("not_replayable", "This record was buried without its contents.")
        kept = [(name, value) for name, value in record.headers if name not in OURS]
        if letter.topic == CHANGED.name:
            return await self._opened(record), [header for header in kept if header[0] != HEADER]
        if self._keys is not None:
            await self._opened(record)  # nobody should try to handle what nobody can read
        return record.value, kept

    async def _opened(self, record: Any) -> bytes:
        headers, value = dict(record.headers), record.value or b""
        if HEADER not in headers:
            return value
        if self._keys is None:
            raise Rejected("sealed", "This record is sealed: set DATA_KEYS to read it.")
        return await self._keys.open(headers, value)

    def _take(self, record: Any) -> None:
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        reference = headers.get("origin") or f"{record.topic}/{record.partition}/{record.offset}"
        at = record.timestamp / 1000
        known = self._found.get(reference)
        if LETTER in headers:
            if known is not None and (known.partition, str(known.offset)) == (record.partition, headers[LETTER]):
                self._found[reference] = msgspec.structs.replace(known, replayed_at=at, replayed_by=headers[REPLAYED])
            return
        if known is not None and known.at > at:
            return  # a record without a key may lie in several partitions
        value = record.value or b""
        about = _read_about(headers, value)
        said = headers.get("attempts", "")
        self._found[reference] = Letter(
            reference=reference,
            topic=reference.partition("/")[0],
            reason=headers.get("reason", ""),
            attempts=int(said) if said.isdigit() else 0,
            at=at,
            size=len(value),
            partition=record.partition,
            offset=record.offset,
            headers=headers,
            key=(record.key or b"").decode(errors="replace"),
            import_id=about.import_id if about else None,
            workspace=about.workspace if about else None,
        )


def back(letter: Letter) -> Topic:
    """The topic that this letter's record can be brought back to. Raises Rejected `not_replayable`.

    Segments from another data centre come back into the topic of this one. What it told is brought back there, where it
    was told.
    """
    topic = BACK.get(at_home(letter.topic))
    if topic is FACTS and letter.topic != FACTS.name:
        raise Rejected("not_replayable", "This was told by another data centre: bring it back there.")
    if topic is None:
        raise Rejected("not_replayable", f"Records of {letter.topic} are not brought back: newer ones replaced them.")
    return topic


def chosen(
    letters: list[Letter], *, import_id: UUID | None = None, reason: str = "", waiting: bool = False
) -> list[Letter]:
    """Of these letters those of one import, whose reason has this text, and that nobody has replayed (`waiting`)."""
    return [
        letter
        for letter in letters
        if (import_id is None or letter.import_id == import_id)
        and reason.casefold() in letter.reason.casefold()
        and (not waiting or letter.replayed_at is None)
    ]


async def _record(consumer: AIOKafkaConsumer, letter: Letter) -> Any:
    place = TopicPartition(DEAD.name, letter.partition)
    consumer.assign([place])
    if (await consumer.beginning_offsets([place]))[place] > letter.offset:
        raise Rejected("not_found", "This letter was kept for 30 days and is gone.")
    consumer.seek(place, letter.offset)
    async with asyncio.timeout(30):
        return await consumer.getone(place)


async def _bring_back(
    producer: bus.Producer, letter: Letter, record: Any, replayed: tuple[bytes | None, Headers], by: str
) -> None:
    value, headers = replayed
    mark = [("origin", letter.reference.encode()), (REPLAYED, by.encode())]
    await producer.publish(back(letter), key=record.key, value=value, headers=[*headers, *mark])
    # It may be given up again before this is written, and then is a letter of its own.
    which = (LETTER, str(letter.offset).encode())
    await producer.publish(DEAD, key=record.key, value=None, headers=[*mark, which], partition=letter.partition)
    log.warning("dead letter replayed", extra={"record": letter.reference, "by": by})


def _read_about(headers: Mapping[str, str], value: bytes) -> _About | None:
    try:
        return _about.decode(headers.get("segment") or headers.get(HEADER) or value)
    except msgspec.DecodeError:
        return None


@asynccontextmanager
async def _consuming(settings: config.Process) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of nobody's group. Raises TryAgain for whatever Kafka says inside."""
    consumer = AIOKafkaConsumer(
        **bus.connection(settings),
        client_id=f"{settings.process_name}-dead",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError, TimeoutError) as error:
        raise TryAgain(f"the dead letters could not be read: {error}") from error
    finally:
        await consumer.stop()
