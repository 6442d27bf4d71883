"""Who may do what on Kafka: one table, by process. Users and ACLs are made from it, and a test tries every cell of it.

Reading and writing let one describe, too; what is not here is forbidden.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.core.groups import GROUPS
from app.core.topics import (
    BULK,
    CHANGED,
    COMMANDS,
    DEAD,
    EXPRESS,
    FACTS,
    FETCHES,
    IMPORTS,
    KEYS,
    NOTICES,
    PROBLEMS,
    REVOCATIONS,
    SETTINGS,
    TELEMETRY,
    TOPICS,
    Topic,
    everywhere,
    retry_topic,
)

Kind = Literal["topic", "group", "transactional id"]
Operation = Literal["read", "write", "describe"]


class Right(NamedTuple):
    """`name` is the whole name of a thing, or, where it is `prefixed`, the beginning of many."""

    kind: Kind
    name: str
    operation: Operation
    prefixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What one process does on Kafka.

    As a member of its `group` it reads the group's topics; those with retries it reads again from their retry topics,
    and brings back. `reads` are followed without a group. `transactions` and `groups` are beginnings of names.
    Whoever `watches` is told how far everybody is.
    """

    group: str = ""
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    transactions: str = ""
    groups: str = ""
    watches: bool = False


# Those that take a dead letter back, beside `dead` itself, where a mark is left.
_REPLAYED = (EXPRESS, BULK, FACTS, CHANGED, PROBLEMS, COMMANDS, FETCHES, DEAD)

OPERATOR = "operator"

SERVICES: dict[str, Service] = {
    "web": Service(reads=TOPICS, writes=(*_REPLAYED, KEYS, SETTINGS, REVOCATIONS, TELEMETRY), watches=True),
    "gateway": Service(group="gateway", reads=(IMPORTS, REVOCATIONS), writes=(TELEMETRY,)),
    "importer": Service(
        group="importer",
        reads=(SETTINGS, IMPORTS, KEYS),
        writes=(FACTS, CHANGED, PROBLEMS, DEAD, TELEMETRY),
    ),
    "express": Service(
        group="express",
        reads=(SETTINGS, IMPORTS, KEYS),
        writes=(FACTS, CHANGED, PROBLEMS, DEAD, TELEMETRY),
    ),
    "tracker": Service(
        group="tracker",
        reads=(IMPORTS,),
        writes=(IMPORTS, NOTICES, DEAD, TELEMETRY),
        transactions="tracker-",
    ),
    "projector": Service(group="projector", reads=(SETTINGS, KEYS), writes=(FACTS, DEAD, TELEMETRY)),
    "fetcher": Service(
        group="fetcher",
        reads=(SETTINGS, IMPORTS, KEYS),
        writes=(EXPRESS, BULK, FACTS, FETCHES, DEAD, TELEMETRY),
    ),
    OPERATOR: Service(reads=TOPICS, writes=(*_REPLAYED, KEYS, SETTINGS), groups="operator-", watches=True),
}
"""Every line of the Procfile, and OPERATOR, whoever types `python -m workers dead|pause|tail ...`.

`web` reads each topic because it tells how long the oldest record of each has waited. It makes the keys of files, and
the operator wraps them anew; nobody else writes them. `imports` and `notices` have one
writer: no other process can make anybody believe that an import ended.
"""


def rights(name: str, sites: Collection[str] = ()) -> frozenset[Right]:
    """All that this service may do; it reads what comes from these other `sites` like what is from here."""
    return frozenset(_rights(SERVICES[name], sites))


def allows(name: str, kind: Kind, thing: str, operation: Operation) -> bool:
    """Whether this service may do this with the thing of this name."""
    return any(
        right.kind == kind
        and (thing.startswith(right.name) if right.prefixed else thing == right.name)
        and (right.operation == operation or operation == "describe")
        for right in rights(name)
    )


def _rights(service: Service, sites: Collection[str]) -> Iterator[Right]:
    for topic in (*service.reads, *GROUPS.get(service.group, ())):
        for each in everywhere(topic, sites):
            yield Right("topic", each.name, "read")
    for topic in service.writes:
        yield Right("topic", topic.name, "write")
    if service.group:
        yield Right("group", service.group, "read")
        for topic in GROUPS[service.group]:
            yield from _retries(topic)
    if service.transactions:
        yield Right("transactional id", service.transactions, "write", prefixed=True)
    if service.groups:
        yield Right("group", service.groups, "read", prefixed=True)
    if service.watches:
        for group in GROUPS:
            yield Right("group", group, "describe")


def _retries(topic: Topic) -> Iterator[Right]:
    """The pump of a retry topic is a group of the same name."""
    for delay in topic.retries:
        waiting = retry_topic(topic, delay).name
        yield Right("group", waiting, "read")
        yield Right("topic", waiting, "read")
        yield Right("topic", waiting, "write")
    if topic.retries:
        yield Right("topic", topic.name, "write")
