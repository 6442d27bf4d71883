"""What an operator sees of a long command: a line that moves on a terminal, elsewhere a line for each step."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

CELLS = 30
REDRAW_SECONDS = 0.1


class Step:
    """One step of a command, of which `total` is expected to be done."""

    def __init__(self, what: str, total: int, out: TextIO) -> None:
        self._what = what
        self._total = total
        self._out = out
        self._done = 0
        self._began = time.monotonic()
        self._drawn_at = 0.0

    def advance(self, count: int) -> None:
        """So much more is done."""
        self._done += count
        now = time.monotonic()
        if self._out.isatty() and now - self._drawn_at >= REDRAW_SECONDS:
            self._drawn_at = now
            self._out.write(f"\r{self.words()}\033[K")
            self._out.flush()

    def words(self) -> str:
        """ "republishing  [######----]  600 of 1,000  120/s"; what came on the way is beyond what was expected."""
        share = min(1.0, self._done / self._total) if self._total else 1.0
        bar = "#" * int(share * CELLS)
        seconds = time.monotonic() - self._began
        rate = f"  {self._done / seconds:,.0f}/s" if seconds > 1 else ""
        return f"{self._what}  [{bar:-<{CELLS}}]  {self._done:,} of {max(self._done, self._total):,}{rate}"

    def end(self) -> None:
        """Leaves the last figures on a line of their own."""
        self._out.write(f"\r{self.words()}\033[K\n" if self._out.isatty() else f"{self.words()}\n")
        self._out.flush()


class Progress:
    """Shows steps, one after the other, and sentences between them."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr

    @contextmanager
    def step(self, what: str, total: int) -> Iterator[Step]:
        """A step that is going on while the block runs."""
        step = Step(what, total, self._out)
        try:
            yield step
        finally:
            step.end()

    def say(self, sentence: str) -> None:
        """Something the operator should know."""
        print(sentence, file=self._out, flush=True)
