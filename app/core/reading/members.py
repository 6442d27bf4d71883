"""Files of a ZIP archive: what is told of those that hold no contacts, and where a problem of one of them is."""

from collections.abc import Sequence

import msgspec

from app.core.events import ProblemOut
from app.core.reading.problems import problem

_Told = tuple[str, str]
"""A file's name, and why it was not read."""


def listing(told: Sequence[_Told]) -> bytes:
    """The segment that stands for files that were not read: one JSON line each."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in told)


def unread(data: bytes) -> list[ProblemOut]:
    """A listing as problems: each such file counts as one rejected row."""
    found = []
    for row, line in enumerate(data.splitlines()):
        name, why = msgspec.json.decode(line, type=_Told)
        told = problem("file_not_read", row, row + 1, (name,), suggestion="")
        found.append(msgspec.structs.replace(told, message=f"{name}: {why}"))
    return found


def of_member(problems: Sequence[ProblemOut], member: str) -> list[ProblemOut]:
    """Problems that say in which file of the archive they are."""
    return [msgspec.structs.replace(told, message=f"{member}: {told.message}") for told in problems]
