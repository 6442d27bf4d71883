"""What is seen of an import while it runs: one line that moves on a terminal, a line now and then elsewhere."""

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, TextIO

from addressbus_cli import words
from addressbus_cli.answers import State

BAR_CELLS = 30
REDRAW_SECONDS = 0.1
LINE_SECONDS = 5.0
RATE_SECONDS = 5.0


class Progress:
    """What is known of one import so far: sent bytes from this side, everything else from the server's states."""

    def __init__(self, name: str, size: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = words.safe(name)
        self.size = size
        self.sent = 0
        self.state: State | None = None
        self.note = ""
        self._clock = clock
        self._seen: deque[tuple[float, int, int]] = deque()

    def take(self, state: State) -> None:
        """A newer state came."""
        self.state = state
        self.size = state.size if state.size is not None else self.size
        now = self._clock()
        self._seen.append((now, state.rows, state.bytes_done))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()

    @property
    def received(self) -> float:
        """The share of the file that has left this machine, 0 to 1."""
        safe = self.state.bytes_received if self.state else 0
        return self._share(max(self.sent, safe))

    @property
    def done(self) -> float:
        """The share of the file that is in the database, 0 to 1."""
        if self.state is not None and self.state.status == "finished":
            return 1.0
        return self._share(self.state.bytes_done if self.state else 0)

    @property
    def rate(self) -> float:
        """Rows a second, lately."""
        return self._per_second(1)

    @property
    def left(self) -> float | None:
        """Seconds to the end at the present rate."""
        rate = self._per_second(2)
        if not rate or not self.size or self.state is None:
            return None
        return max(0, self.size - self.state.bytes_done) / rate

    def words(self) -> str:
        """ "61 %  61,000 rows  12,400/s  8 s left"."""
        parts = [f"{int((self.done if self.state else self.received) * 100):3} %"] if self.size else []
        if self.state is not None:
            parts.append(words.rows(self.state.rows))
            if self.state.rejected:
                parts.append(f"{words.number(self.state.rejected)} not imported")
            if self.rate >= 1 and not self.state.ended:
                parts.append(f"{words.number(round(self.rate))}/s")
            if self.left and not self.state.ended:
                parts.append(f"{words.duration(self.left)} left")
        if self.note:
            parts.append(self.note)
        return "  ".join(parts)

    def _share(self, count: int) -> float:
        return min(1.0, count / self.size) if self.size else 0.0

    def _per_second(self, index: int) -> float:
        if len(self._seen) < 2:
            return 0.0
        first, last = self._seen[0], self._seen[-1]
        seconds = last[0] - first[0]
        return (last[index] - first[index]) / seconds if seconds > 0 else 0.0


class Display(Protocol):
    """Where progress is shown."""

    def show(self, progress: Progress) -> None: ...

    def clear(self) -> None: ...


class Line:
    """One line on a terminal that is drawn over itself, at most ten times a second."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._drawn_at = 0.0
        self._plain = not _writes(out, "█▒░")

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_SECONDS and not (progress.state and progress.state.ended):
            return
        self._drawn_at = now
        columns = shutil.get_terminal_size().columns
        parts = [words.clipped(progress.name, max(8, columns // 4))]
        if progress.size and columns >= 60:
            parts.append(bar(progress.done, progress.received, BAR_CELLS, "#=-" if self._plain else "█▒░"))
        line = words.clipped("  ".join([*parts, progress.words()]), columns - 1)
        self._out.write(f"\r{line}\033[K")
        self._out.flush()

    def clear(self) -> None:
        """Leaves an empty line for what is said next."""
        self._drawn_at = 0.0
        self._out.write("\r\033[K")
        self._out.flush()


class Lines:
    """A whole line when something changes, at most every five seconds: for logs."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._told_at = clock()
        self._told = ""

    def show(self, progress: Progress) -> None:
        now, said = self._clock(), progress.words()
        if now - self._told_at >= LINE_SECONDS and said and said != self._told:
            self._told_at, self._told = now, said
            print(f"{progress.name}: {said}", file=self._out, flush=True)

    def clear(self) -> None:
        """A line that was told stays."""


def display(out: TextIO | None = None) -> Display:
    """What fits the place where progress is written."""
    out = out or sys.stderr
    return Line(out) if out.isatty() else Lines(out)


def bar(done: float, received: float, cells: int, marks: str) -> str:
    """One bar in two tones: done, received, and what is not here yet."""
    first = int(done * cells)
    second = max(first, int(received * cells))
    return marks[0] * first + marks[1] * (second - first) + marks[2] * (cells - second)


def _writes(out: TextIO, text: str) -> bool:
    try:
        text.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
