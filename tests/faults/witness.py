"""A socket that is watched: every frame of one channel with its time, over all reconnects, by the public protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bench.client import Client


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame. `at` is Unix seconds, `socket` counts the connections of one witness from 1."""

    at: float
    socket: int
    frame: dict[str, Any]


class Witness:
    """Listens to one channel as the page does: answers pings, comes back with epoch and offset, renews its token.

    `frames` is everything it heard, `states` the newest state of each import (by id), `ends` (time, close code) of each
    lost connection, 1006 where nothing was said. `refused` is the code of a close that forbids to come back.
    """

    def __init__(self, client: Client, channel: dict[str, Any], workspace: UUID, name: str = "") -> None:
        """`channel` is the answer of `POST /api/v1/channels` to `client`, who belongs to `workspace`."""
        self.client = client
        self.channel = channel
        self.workspace = workspace
        self.name = name
        self.frames: list[Heard] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.ends: list[tuple[float, int]] = []
        self.refused: int | None = None

    async def __aenter__(self) -> "Witness":
        """Listens from here on; comes back when the first `subscribed` was heard. Raises TimeoutError after 30 s."""
        raise NotImplementedError

    async def __aexit__(self, *error: object) -> None:
        """Closes its socket."""
        raise NotImplementedError

    async def until(self, import_id: str, reached: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any]:
        """Waits for a state of this import that satisfies `reached`. Raises TimeoutError."""
        raise NotImplementedError
