"""Who consumes what, and what an operator may order a consumer group to do while it runs."""

import msgspec

from app.core.errors import Rejected
from app.core.topics import (
    BULK,
    CHANGED,
    COMMANDS,
    EXPRESS,
    FACTS,
    FETCHES,
    IMPORTS,
    KEYS,
    NOTICES,
    PROBLEMS,
    TELEMETRY,
    Topic,
)

GROUPS: dict[str, tuple[Topic, ...]] = {
    "importer": (BULK,),
    "express": (EXPRESS, COMMANDS),
    "projector": (CHANGED, PROBLEMS, IMPORTS, KEYS),
    "fetcher": (FETCHES,),
    "tracker": (FACTS,),
    "gateway": (NOTICES, TELEMETRY),
}
"""Consumer group -> the topics it reads."""
ORDERED = ("importer", "express", "projector", "fetcher")
"""Those that take orders. The others only tell what has happened: to hold them up would hide it."""
CONSUMER = "consumer:"
"""`consumer:<group>` is the setting (global scope) that holds the group's orders."""


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`paused`: no further record is begun. `skip`: references (`topic/partition/offset`) that are given up unseen."""

    paused: bool = False
    skip: tuple[str, ...] = ()


def orders_of(value: object) -> Orders:
    """A setting's value as orders; none for what cannot be read, because a typing error must not stop a worker."""
    try:
        return msgspec.convert(value or {}, Orders)
    except msgspec.ValidationError:
        return Orders()


def known_group(name: str) -> str:
    """Raises Rejected `not_found` for what takes no orders."""
    if name not in ORDERED:
        raise Rejected("not_found", f"No consumer group is called {name}; there are {', '.join(ORDERED)}.")
    return name
