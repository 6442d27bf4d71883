"""`DATA_DIR/stack.json`: where everything is, for scripts and tests. Kept true as processes come and go."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.stack.keys import write_private


class Line(msgspec.Struct, frozen=True):
    """One process; `port` is where it answers (a server) or where its /readyz is (a process of ours)."""

    name: str
    pid: int
    port: int


class Stack(msgspec.Struct, frozen=True):
    """The file's shape, see `embedded.Addresses`. It holds secrets, so it is for its owner's eyes only."""

    web: str
    gateway: str
    sign_in: str
    api_token: str
    kafka: str
    operator: dict[str, str]
    redis: str
    postgres: dict[str, str]
    processes: tuple[Line, ...]


class Record:
    """The file, written anew whenever what it says has changed. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stack: Stack | None = None

    def publish(self, stack: Stack) -> None:
        with self._lock:
            self._write(stack)

    def change(self, *, sign_in: str | None = None, processes: Sequence[Line] | None = None) -> None:
        """Changes what is published; before that there is nothing to change."""
        with self._lock:
            if self._stack is None:
                return
            new = msgspec.structs.replace(
                self._stack,
                sign_in=sign_in or self._stack.sign_in,
                processes=self._stack.processes if processes is None else tuple(processes),
            )
            if new != self._stack:
                self._write(new)

    def withdraw(self) -> None:
        """Nothing runs any more."""
        with self._lock:
            self._stack = None
            self.path.unlink(missing_ok=True)

    def _write(self, stack: Stack) -> None:
        write_private(self.path, msgspec.json.format(msgspec.json.encode(stack)).decode() + "\n")
        self._stack = stack
