"""How a command ends, and what is said when it does not do what was asked."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit status of every command; with several files the highest counts."""

    ALL_IN = 0
    """Done; of an import: every row is in."""
    SOME_LEFT_OUT = 1
    """The import finished, and some rows were not imported."""
    NOT_DONE = 2
    """The import failed or was cancelled, or the server refused the file."""
    TROUBLE = 3
    """Wrong usage, no connection, no right to do this."""
    STOPPED = 130
    """Ctrl-C."""


class Trouble(Exception):
    """A sentence for the person in front, and the exit status that goes with it."""

    def __init__(self, sentence: str, status: Exit = Exit.TROUBLE) -> None:
        super().__init__(sentence)
        self.status = status


class Unreachable(Trouble):
    """The server did not answer; the same request may work later."""


class Busy(Unreachable):
    """The server is there and does not get to it."""


class Refused(Trouble):
    """The server's answer was a problem document (RFC 9457): `http` is its status, `code` its stable word."""

    def __init__(self, sentence: str, http: int, code: str = "", status: Exit = Exit.TROUBLE) -> None:
        super().__init__(sentence, status)
        self.http = http
        self.code = code
