"""Ports for what listens on loopback only, and a clear word about those that are taken."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

from app.stack import Refused

# Below every system's range of outgoing ports, so that no connection of anybody takes one between two starts of a
# server. Two stacks that start at the same moment could still choose the same one: PORT_RANGE keeps them apart.
_FIRST, _LAST = os.environ.get("PORT_RANGE", "20000-31999").split("-")
_RANGE = range(int(_FIRST), int(_LAST) + 1)
LOOPBACK = "127.0.0.1"


def free(count: int) -> Iterator[int]:
    """So many different ports that nobody listens on."""
    with ExitStack() as held:
        found = [_hold(held) for _ in range(count)]
    return iter(found)


def check(port: int, setting: str, host: str = "0.0.0.0") -> None:  # noqa: S104
    """Raises Refused when somebody listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refused(
                f"port {port} is taken ({error.strerror}); choose another, e.g. make run {setting}={port + 10}"
            ) from error


def _hold(held: ExitStack) -> int:
    for port in random.sample(_RANGE, 100):
        probe = held.enter_context(socket.socket())
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            continue
        return port
    raise Refused(f"no port between {_FIRST} and {_LAST} is free on this machine; end what holds them and try again")
