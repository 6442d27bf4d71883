"""Bytes of a file in any encoding -> UTF-8 text, still as bytes, while they arrive.

UTF-8 goes through as it is, without its byte order mark; bytes in it that are no UTF-8 are not touched. Any other
encoding is decoded and written as UTF-8. A byte that its encoding has no character for is neither dropped nor
replaced: it is passed on as the surrogate U+DC00 + byte (PEP 383), written in three bytes that are no UTF-8. So in
both cases whoever reads the segment finds bytes that do not decode in one row, and only that row becomes a problem,
`bad_encoding`; `told` turns such a cell into something to look at.
"""

import codecs
import encodings.aliases
import re

import msgspec

from app.core.errors import Rejected
from app.core.reading.mojibake import Mender, damaged
from app.core.reading.plan import Repair

BOM = codecs.BOM_UTF8

CODECS: dict[str, str] = {
    "utf-8": "utf-8",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
    "windows-874": "cp874",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "ibm850": "cp850",
    "ibm852": "cp852",
    "ibm866": "cp866",
    "shift_jis": "cp932",
    "euc-jp": "euc-jp",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
}
"""Our names, which are those of the Encoding Standard where it has one, and the codecs of Python that read them."""

_COUSINS = {
    "ascii": "utf-8",
    "latin1": "iso-8859-1",
    "mac": "macintosh",
    "utf8sig": "utf-8",
    "ansi": "windows-1252",
    "shiftjis": "shift_jis",
    "sjis": "shift_jis",
    "windows31j": "shift_jis",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "big5",
    "cp950": "big5",
    "euckr": "euc-kr",
    "xsjis": "shift_jis",
    "utf16": "utf-16le",
    "utf32": "utf-32le",
}
"""Other names of the same, and encodings that are contained in one of ours."""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _all_names() -> dict[str, str]:
    ours = {_plain(codec): name for name, codec in CODECS.items()}
    ours |= _COUSINS
    aliases = {
        _plain(alias): ours[_plain(codec)]
        for alias, codec in encodings.aliases.aliases.items()
        if _plain(codec) in ours
    }
    return aliases | {_plain(name): name for name in CODECS} | ours


_NAMES = _all_names()


def encoding(name: str, head: bytes = b"") -> str:
    """Our name of an encoding; `head` tells which of two byte orders. Raises Rejected `encoding_unknown`."""
    plain = _plain(name)
    known = _NAMES.get(plain)
    if known is None:
        raise Rejected("encoding_unknown", f"The encoding {name} is not known here; choose another one, such as UTF-8.")
    if plain in {"utf16", "utf32"}:
        turned = known.replace("le", "be")
        return turned if head.startswith(mark(turned)) else known
    return known


def mark(name: str) -> bytes:
    """The byte order mark of an encoding, b"" if it has none."""
    return "\ufeff".encode(CODECS[name]) if name.startswith("utf-") or name == "gb18030" else b""


class DecoderState(msgspec.Struct, frozen=True, kw_only=True):
    """`begun`: what the file begins with is known. `held`: bytes of a character that is not complete, or of what may
    be a byte order mark. `waiting`: text (UTF-8) of which it is not known yet whether it is to be repaired."""

    begun: bool = False
    held: bytes = b""
    waiting: bytes = b""


class Decoder:
    """Takes a file's bytes in any pieces and gives its text, which does not depend on the pieces."""

    def __init__(self, name: str = "utf-8", repair: Repair | None = None, state: DecoderState | None = None) -> None:
        state = state or DecoderState()
        self._mark = mark(name)
        self._begun = state.begun or not self._mark
        self._held = b"" if self._begun else state.held
        self._mender = Mender(repair, _text(state.waiting)) if repair else None
        self._decoder: codecs.IncrementalDecoder | None = None
        if name != "utf-8" or repair:
            self._decoder = codecs.getincrementaldecoder(CODECS[name])(errors=_KEEP)
            if self._begun:
                self._decoder.decode(state.held)

    @property
    def state(self) -> DecoderState:
        """What a decoder that goes on from here has to know."""
        held = self._held
        if self._decoder is not None and self._begun:
            held = self._decoder.getstate()[0]
        return DecoderState(
            begun=self._begun, held=held, waiting=_bytes(self._mender.waiting) if self._mender is not None else b""
        )

    def feed(self, data: bytes) -> bytes:
        """The text that is certain now."""
        if not self._begun:
            data = self._held + data
            if len(data) < len(self._mark) and self._mark.startswith(data):
                self._held = data
                return b""
            self._begun, self._held = True, b""
            data = data.removeprefix(self._mark)
        return self._decoded(data, final=False)

    def end(self) -> bytes:
        """The text that waited for bytes which never came."""
        self._begun, held, self._held = True, self._held, b""
        return self._decoded(held, final=True)

    def _decoded(self, data: bytes, *, final: bool) -> bytes:
        if self._decoder is None:
            return data
        text = self._decoder.decode(data, final)
        if self._mender is not None:
            text = self._mender.feed(text) + (self._mender.end() if final else "")
        return _bytes(text)


def decoded(data: bytes, name: str, repair: Repair | None = None, *, whole: bool = True) -> bytes:
    """A text at once; unless it is the `whole`, an unfinished character at its end is left out."""
    decoder = Decoder(name, repair)
    return decoder.feed(data) + (decoder.end() if whole else b"")


def size_in_file(data: bytes, name: str | None, repair: Repair | None = None) -> int:
    """About how many bytes of the file became this text: exact but for rare characters that can be written twice."""
    if name in {None, "utf-8"} and repair is None:
        return len(data)
    text = _text(data)
    return len((damaged(text, repair) if repair else text).encode(CODECS[name or "utf-8"], "replace"))


def told(cell: bytes) -> str:
    """A cell with bytes that do not decode, to look at: such a byte is written as \\x81."""
    return _KEPT.sub(lambda kept: b"\\x%02x" % (kept[1][0] << 6 & 0xC0 | kept[2][0] & 0x3F), cell).decode(
        errors="backslashreplace"
    )


_KEPT = re.compile(rb"\xed([\xb0-\xb3])([\x80-\xbf])")
_KEEP = "addressbus.keep"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _keep(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no character, as surrogates. An ASCII byte behind a broken character is a character of its own."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, start, end = error.object, error.start, error.end
    if error.encoding == "euc_jp":
        known = _of_windows(data[start : start + 2])
        if known:
            return known, start + 2
    if not error.encoding.startswith("utf"):
        end = start + 1
    return "".join(chr(0xDC00 + byte) for byte in data[start:end]), end


def _of_windows(pair: bytes) -> str:
    """Characters such as ㈱ and 髙, which Windows added to JIS and Python's euc_jp does not have; "" if it is none."""
    if len(pair) < 2 or min(pair) < 0xA1 or max(pair) > 0xFE:
        return ""
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row % 2 else 0x40 + (cell >= 63))
    return bytes([lead, trail]).decode("cp932", "ignore")


codecs.register_error(_KEEP, _keep)
