"""Ports for what listens on loopback only, and a clear word about those that are taken."""

import os
import random
import socket
from collections.abc import Collection, Iterator
from itertools import islice

from app.stack import Refused

# Below every system's range of outgoing ports, so that no connection of anybody takes one between two starts of a
# server. Two stacks that start at the same moment could still choose the same one: PORT_RANGE keeps them apart.
_FIRST, _LAST = os.environ.get("PORT_RANGE", "20000-31999").split("-")
_RANGE = range(int(_FIRST), int(_LAST) + 1)
LOOPBACK = "127.0.0.1"


def free(count: int, among: str = f"{_FIRST}-{_LAST}", besides: Collection[int] = ()) -> Iterator[int]:
    """So many different ports that nobody listens on, of the range `among`, none of `besides`. Raises Refused."""
    first, last = map(int, among.split("-"))
    every = random.sample(range(first, last + 1), last + 1 - first)
    found = list(islice((port for port in every if port not in besides and _is_free(port)), count))
    if len(found) < count:
        raise Refused(f"no port of {among} is free on this machine; end what holds them and try again")
    return iter(found)


def shares(count: int) -> list[str]:
    """PORT_RANGE in so many equal parts, for several who start at the same moment."""
    each = len(_RANGE) // count
    parts = [_RANGE[number * each : (number + 1) * each] for number in range(count)]
    return [f"{part[0]}-{part[-1]}" for part in parts]


def check(port: int, setting: str, host: str = "0.0.0.0") -> None:  # noqa: S104
    """Raises Refused when somebody listens on `port`."""
    try:
        _bind(port, host)
    except OSError as error:
        raise Refused(
            f"port {port} is taken ({error.strerror}); choose another, e.g. make run {setting}={port + 10}"
        ) from error


def _is_free(port: int) -> bool:
    try:
        _bind(port, LOOPBACK)
    except OSError:
        return False
    return True


def _bind(port: int, host: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
