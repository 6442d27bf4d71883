"""Starts and stops processes of a kind while everything runs, as whoever reaches the socket wishes.

It understands nothing but that. The supervisor's own socket can do anything, and is given to nobody.
"""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from app.scaling import Said, Wish
from app.stack import Refused
from app.stack.supervision import Died, Seen, Supervision

_GONE = ("STOPPED",)
_ENDING = ("STOPPING",)


class Scaling:
    """`address` is the socket. Between `open` and the end of the context it follows the wishes."""

    def __init__(self) -> None:
        # A socket's path has at most about 100 characters, DATA_DIR may have more.
        self._folder = Path(tempfile.mkdtemp(prefix="addressbus-"))
        self.address = self._folder / "scale"
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._look = threading.Event()
        self._closed = False
        self._names: Mapping[str, Sequence[str]] = {}
        self._wishes: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._door.bind(str(self.address))
        self._door.listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed = True
        self._look.set()
        self._door.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, supervision: Supervision, names: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> None:
        """`names`: all that may run, by kind, the first ones first; so many of them, `counts`, do now."""
        self._names = names
        self._wishes = dict(counts)
        threading.Thread(target=self._serve, daemon=True, name="scaling").start()
        threading.Thread(target=self._follow, args=[supervision], daemon=True, name="scaling").start()

    def look(self) -> None:
        """Some process is in another state now."""
        self._look.set()

    def wish(self, wish: Wish) -> Said:
        most = len(self._names.get(wish.kind, ()))
        if not most:
            return Said(f"Processes of the kind {wish.kind} are not scaled; {', '.join(self._names)} are.")
        if not 1 <= wish.to <= most:
            return Said(f"There can be 1 to {most} processes of the kind {wish.kind} here.")
        self._wishes[wish.kind] = wish.to
        self._look.set()
        return Said()

    def _serve(self) -> None:
        while True:
            try:
                guest, _ = self._door.accept()
            except OSError:
                return  # closed: we are done
            with guest, guest.makefile("rwb") as lines, contextlib.suppress(OSError):
                guest.settimeout(5)
                lines.write(msgspec.json.encode(self._heard(lines.readline(1000))) + b"\n")

    def _heard(self, line: bytes) -> Said:
        try:
            return self.wish(msgspec.json.decode(line, type=Wish))
        except msgspec.DecodeError as error:
            return Said(f"This is no wish: {error}.")

    def _follow(self, supervision: Supervision) -> None:
        while not self._closed:
            self._look.wait()
            self._look.clear()
            # What cannot be done now is tried at the next change.
            with contextlib.suppress(Died, Refused):
                starts, stops = differences(supervision.processes(), self._names, self._wishes)
                for name in starts:
                    supervision.start_process(name)
                for name in stops:
                    supervision.stop_process(name)


def differences(
    seen: Sequence[Seen], names: Mapping[str, Sequence[str]], wishes: Mapping[str, int]
) -> tuple[list[str], list[str]]:
    """Who is to be started, who is to be stopped. Who is just ending is looked at again when it has."""
    states = {process.name: process.state for process in seen}
    starts = [name for kind, to in wishes.items() for name in names[kind][:to] if states.get(name) in _GONE]
    stops = [
        name
        for kind, to in wishes.items()
        for name in reversed(names[kind][to:])
        if states.get(name) not in (*_GONE, *_ENDING, None)
    ]
    return starts, stops
