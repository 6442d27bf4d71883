"""Where the child writes texts, one after another, and what of each is kept."""

from typing import IO, NamedTuple

from app.jobs.containers.parts import MAX_TEXT_BYTES, too_large_inside

_BUFFERED = 1024 * 1024


class Written(NamedTuple):
    start: int
    end: int
    whole: bool


class Output:
    """Appends to `file`. Of each text at most `most` bytes are kept, if a beginning is enough; 0: all of it."""

    def __init__(self, file: IO[bytes], most: int = 0) -> None:
        self._file = file
        self._most = most
        self._start = self._size = 0
        self._whole = True
        self._waiting = bytearray()

    def begin(self) -> None:
        """A new text begins."""
        self._start = self._size
        self._whole = True

    @property
    def full(self) -> bool:
        """More of this text would not be kept."""
        return not self._whole

    def write(self, data: bytes) -> None:
        """The next bytes of the text. Raises Rejected `too_large`."""
        if self._most and self._size + len(data) > self._start + self._most:
            data = data[: max(0, self._start + self._most - self._size)]
            self._whole = False
        self._size += len(data)
        if self._size > MAX_TEXT_BYTES:
            raise too_large_inside()
        self._waiting += data
        if len(self._waiting) >= _BUFFERED:
            self.flush()

    def end(self) -> Written:
        """The text ends here."""
        return Written(self._start, self._size, self._whole)

    def flush(self) -> None:
        self._file.write(self._waiting)
        self._file.flush()
        self._waiting.clear()
