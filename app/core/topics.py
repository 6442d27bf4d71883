"""Every topic on one screen: its name, what it is keyed by, what it carries, how long it keeps."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID
from zlib import crc32

DAY = timedelta(days=1)
SEGMENT_RECORD_BYTES = 8 * 1024 * 1024
EXPRESS_SEGMENTS = 4
"""The first segments of a small import, so that it never waits behind big ones."""
SMALL_BYTES = 464 * 1024
"""What the first four segments hold. Of an import that is known to be greater, only the first one is urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`keep` None means compacted. `record_bytes` is the greatest record it takes.

    A record that fails through a fault of ours is tried again after each of these `retries` (names of RETRY_DELAYS),
    then it is given up; without any it is given up at once.
    """

    name: str
    key: str
    carries: tuple[str, ...]
    keep: timedelta | None
    record_bytes: int = 1_048_576
    retries: tuple[str, ...] = ()


IN_SIGHT = ("5s", "30s")
"""Three attempts within a minute: somebody watches the import, which cannot end before."""
IN_THE_BACK = ("5s", "30s", "5m")
"""Nobody's counts wait for these."""


EXPRESS = Topic(
    name="import.segments.express",
    key="import id",
    carries=("segment",),
    keep=7 * DAY,
    record_bytes=SEGMENT_RECORD_BYTES,
    retries=IN_SIGHT,
)
BULK = Topic(
    name="import.segments.bulk",
    key="import id, spread",
    carries=("segment",),
    keep=7 * DAY,
    record_bytes=SEGMENT_RECORD_BYTES,
    retries=IN_SIGHT,
)
KEYS = Topic(name="import.keys", key="import id", carries=("import.key",), keep=None)
FACTS = Topic(
    name="import.facts",
    key="import id",
    carries=(
        "import.requested",
        "import.received",
        "import.sealed",
        "import.segment_done",
        "import.segment_failed",
        "import.projected",
        "import.cancel_requested",
        "import.source_failed",
    ),
    keep=7 * DAY,
)
IMPORTS = Topic(name="imports", key="import id", carries=("import.state",), keep=None)
NOTICES = Topic(name="notices", key="channel id", carries=("notice",), keep=DAY)
CHANGED = Topic(
    name="contacts.changed",
    key="import id, spread",
    carries=("contacts.changed",),
    keep=30 * DAY,
    retries=IN_THE_BACK,
)
PROBLEMS = Topic(
    name="import.problems",
    key="import id, spread",
    carries=("import.problems",),
    keep=30 * DAY,
    retries=IN_THE_BACK,
)
COMMANDS = Topic(
    name="contacts.commands",
    key="contact id",
    carries=("contact.erase",),
    keep=7 * DAY,
    retries=IN_THE_BACK,
)
FETCHES = Topic(
    name="fetch.requests",
    key="connection id",
    carries=("fetch.requested",),
    keep=7 * DAY,
    retries=IN_THE_BACK,
)
SETTINGS = Topic(name="settings", key="scope:name", carries=("setting",), keep=None)
REVOCATIONS = Topic(name="revocations", key="holder", carries=("revocation",), keep=2 * DAY)
TELEMETRY = Topic(
    name="telemetry",
    key="process, group or topic",
    carries=("telemetry.process", "telemetry.group", "telemetry.topic"),
    keep=None,
)
DEAD = Topic(name="dead", key="as origin", carries=("*",), keep=30 * DAY, record_bytes=SEGMENT_RECORD_BYTES)

RETRY_DELAYS: dict[str, timedelta] = {
    "5s": timedelta(seconds=5),
    "30s": timedelta(seconds=30),
    "5m": timedelta(minutes=5),
}


def retry_topic(origin: Topic, delay: str) -> Topic:
    """The topic where records of `origin` wait until they are due again."""
    return Topic(
        name=f"{origin.name}.retry.{delay}",
        key="as origin",
        carries=origin.carries,
        keep=7 * DAY,
        record_bytes=origin.record_bytes,
    )


_ORIGINS = (
    EXPRESS,
    BULK,
    KEYS,
    FACTS,
    IMPORTS,
    NOTICES,
    CHANGED,
    PROBLEMS,
    COMMANDS,
    FETCHES,
    SETTINGS,
    REVOCATIONS,
    TELEMETRY,
    DEAD,
)
TOPICS: tuple[Topic, ...] = (
    *_ORIGINS,
    *(retry_topic(origin, delay) for origin in _ORIGINS if origin.retries for delay in RETRY_DELAYS),
)


COPIED: tuple[Topic, ...] = (EXPRESS, BULK, KEYS, FACTS, SETTINGS)
"""What each data centre gets a copy of from each other: all that it takes to do the same work there. What comes of the
work is told by each for itself."""
_COPIED_NAMES = frozenset(topic.name for topic in COPIED)


def copy_of(topic: Topic, site: str) -> Topic:
    """`topic` of another data centre as it is found here: nobody but MirrorMaker writes it, nor is it copied on."""
    return replace(topic, name=f"{site}.{topic.name}")


def everywhere(topic: Topic, sites: Collection[str]) -> tuple[Topic, ...]:
    """`topic` and, if it is copied, what comes of it from these other `sites`: whoever reads one reads them all."""
    return (topic, *(copy_of(topic, site) for site in sites)) if topic in COPIED else (topic,)


def every_topic(sites: Collection[str]) -> list[Topic]:
    """All that there is at a data centre, with what comes from these others."""
    return [each for topic in TOPICS for each in everywhere(topic, sites)]


def at_home(name: str) -> str:
    """The topic that the one called `name` is a copy of; one that is no copy is its own. Site names have no dots."""
    rest = name.partition(".")[2]
    return rest if rest in _COPIED_NAMES else name


def segment_topic(index: int, size: int | None = None) -> Topic:
    """The lane of a segment, always the same; `size` is how many bytes the import was announced with, if it was."""
    urgent = 1 if size is not None and size > SMALL_BYTES else EXPRESS_SEGMENTS
    return EXPRESS if index < urgent else BULK


def spread(import_id: UUID, index: int, partitions: int) -> int:
    """The partition of a segment, and of what it became: neighbours of one import go to different workers."""
    return (crc32(import_id.bytes) + index) % partitions
