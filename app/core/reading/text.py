"""Bytes of a file -> UTF-8 text, still as bytes, while they arrive.

UTF-8 goes through as it is, without its byte order mark. Bytes that are no UTF-8 are not touched, let alone replaced:
the head of a file that has some is refused (`check`), and a row that has some further down becomes a problem row
`bad_encoding`, found by whoever reads the segment (`segments.py`).
"""

import codecs

from app.core.errors import Rejected

BOM = codecs.BOM_UTF8
_NAMES = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii"})


def encoding(name: str) -> str:
    """The one name of an encoding that we can read. Raises Rejected `encoding_unknown`."""
    if name.strip().lower().replace("_", "-") not in _NAMES:
        raise Rejected("encoding_unknown", f"The encoding {name} cannot be read here; save the file as UTF-8.")
    return "utf-8"


def check(head: bytes, *, whole: bool) -> None:
    """Raises Rejected `encoding_unknown` with a byte `offset` unless `head` is UTF-8; its last character may be cut."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(b"\0") > len(head) // 8:
        raise Rejected("encoding_unknown", "This looks like UTF-16; save the file as UTF-8.", offset=0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError as error:
        detail = f"The file is not UTF-8: byte {error.start + 1:,} does not fit. Save it as UTF-8."
        raise Rejected("encoding_unknown", detail, offset=error.start) from error


class Decoder:
    """Takes a file's bytes in any pieces. `held` are bytes that wait for more, None once the beginning is behind us."""

    def __init__(self, held: bytes | None = b"") -> None:
        self.held = held

    def feed(self, data: bytes) -> bytes:
        """The text that is certain now."""
        if self.held is None:
            return data
        data = self.held + data
        if len(data) < len(BOM) and BOM.startswith(data):
            self.held = data
            return b""
        self.held = None
        return data.removeprefix(BOM)

    def end(self) -> bytes:
        """The text that waited for bytes which never came."""
        held, self.held = self.held, None
        return held or b""
