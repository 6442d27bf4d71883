"""What is in a container: the texts that the child process wrote one after another into one file, and what it left.

The child tells it as JSON; offsets are bytes of that file. Nothing here reads or writes.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from app.core.errors import Rejected
from app.core.reading.plan import Dialect

BEGINNING_BYTES = 8
"""By so much of a file a container is known."""
HEAD_BYTES = 256 * 1024
"""So much of a file, or of each text in it, is looked at to understand it."""
MAX_CONTAINER_BYTES = 64 * 1024**2
"""So long may a container be."""
MAX_UNPACKED_BYTES = 256 * 1024**2
"""So much may come out of it, as the container declares it and as it really is."""
MAX_TEXT_BYTES = 256 * 1024**2
"""So much text may be made of it."""
MAX_ENTRIES = 1_000
"""So many files may a ZIP hold, of whatever kind; an XLSX is one, too."""
MAX_MEMBERS = 100
"""So many of them may be files with contacts."""
NAME_CHARACTERS = 255

Kind = Literal["xlsx", "xls", "ods", "zip"]
Workbook = Literal["xlsx", "xls", "ods"]
KINDS: frozenset[str] = frozenset({"xlsx", "xls", "ods", "zip"})
SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".zip")
"""How the names of containers end."""

CANONICAL = Dialect(delimiter=",", quote='"', escape="doubled")
"""How a sheet is written as text: UTF-8, CRLF."""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """One text: a sheet of a workbook as canonical CSV, or a file of a ZIP as it is.

    `member` is the file's name in its ZIP, "" for a workbook that is no part of one. `whole`: nothing was left out
    because only the beginning was asked for. `rows` counts the rows of a sheet, `size` the bytes of a file.
    """

    member: str
    start: int
    end: int
    whole: bool
    workbook: Workbook | None = None
    sheet: str | None = None
    hidden: bool = False
    rows: int = 0
    size: int = 0


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a ZIP that holds no contacts for us, and why."""

    member: str
    code: str
    detail: str


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """What the child found. The texts of one member follow each other."""

    kind: Kind
    texts: Sequence[Text]
    unread: Sequence[Unread] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The child's word that a container cannot be used."""

    code: str
    detail: str

    def as_error(self) -> Rejected:
        return Rejected(self.code, self.detail)


def is_container(beginning: bytes) -> bool:
    """Whether a file that begins with these bytes (8 at least, unless it is shorter) is a ZIP or an OLE file."""
    return beginning.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))


def looks_packed(name: str) -> bool:
    """Whether a file is called like a container."""
    return name.lower().endswith(SUFFIXES)


def too_large() -> Rejected:
    return Rejected(
        "too_large",
        f"A workbook or ZIP archive may have {MAX_CONTAINER_BYTES // 1024**2} MB. Save it as CSV and import that file;"
        " CSV files may be much larger.",
        max_bytes=MAX_CONTAINER_BYTES,
    )


def too_large_inside() -> Rejected:
    return Rejected(
        "too_large",
        "This file is too large when it is unpacked, or has a filled cell far away from all others. Save it as CSV and"
        " import that file.",
        max_bytes=MAX_UNPACKED_BYTES,
    )


def unreadable() -> Rejected:
    return Rejected(
        "container_unreadable",
        "This file is damaged or incomplete. Open it in the program that made it, save it again, and import that.",
    )


def encrypted(what: str = "This file") -> Rejected:
    return Rejected(
        "container_encrypted", f"{what} is protected by a password. Remove the password and import the file again."
    )
