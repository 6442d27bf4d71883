"""Leaves the base64 of pictures, sounds and keys out of a vCard or LDIF text while it arrives.

What is left of such a property is its name and its white space: line numbers stay true, and a card is not oversized,
let alone lost, because of a photo of many MB. What is left out depends on the text only, not on the pieces.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from app.core.reading.plan import Format

_HEAD_BYTES = 2_000
"""So long may the beginning of a property be, up to its colon; no line that is longer is looked at."""

_NOT_WHITE = bytes(sorted(set(range(256)) - set(b"\r\n \t")))
_FOLD = re.compile(rb"\r?\n[ \t]")
_BASE64 = re.compile(rb";(?:ENCODING=)?\"?B(?:ASE64)?\"?(?:;|\Z)", re.IGNORECASE)


class _Kind(NamedTuple):
    """`begins`: a line end and the name of a property that may be a picture; `goes_on`: the rest of its value;
    `undecided`: the beginning of a line that may be part of it; `is_base64` looks at parameters and value."""

    begins: re.Pattern[bytes]
    goes_on: re.Pattern[bytes]
    undecided: re.Pattern[bytes]
    is_base64: Callable[[bytes, bytes], bool]


_KINDS: dict[Format, _Kind] = {
    # Some phones write base64 without indenting it: its lines have no colon, and an empty one ends it.
    "vcard": _Kind(
        re.compile(rb"\n(?:[\w-]{1,50}\.)?(?i:PHOTO|LOGO|SOUND|KEY|X-[\w-]{1,60})(?=[;:])"),
        re.compile(rb"[^\n]*+(?:\n(?:[ \t]|[A-Za-z0-9+/=]{1000}|[A-Za-z0-9+/=]{1,999}+\r?(?=\n))[^\n]*+)*+"),
        re.compile(rb"\n[A-Za-z0-9+/=]{0,999}+\r?"),
        lambda parameters, value: value[:5].lower() == b"data:" or _BASE64.search(parameters) is not None,
    ),
    "ldif": _Kind(
        re.compile(
            rb"\n(?i:jpegPhoto|photo|thumbnailPhoto|thumbnailLogo|audio|cACertificate|userCertificate"
            rb"|userSMIMECertificate|userPKCS12)(?:;[\w-]{1,50})*(?=:)"
        ),
        re.compile(rb"[^\n]*+(?:\n [^\n]*+)*+"),
        re.compile(rb"\n"),
        lambda parameters, value: value.startswith(b":"),
    ),
}


class PicturesState(msgspec.Struct, frozen=True, kw_only=True):
    """`held` is text of which it is not known yet what it is (below 3 KB).

    `inside`: it goes on with a picture, of which `dropped` bytes are gone. `given` bytes of text were given, `passed`
    of them cut off; `gaps` tells of the pictures in between where they ended in the text, and how long they were.
    """

    held: bytes = b""
    inside: bool = False
    dropped: int = 0
    given: int = 0
    passed: int = 0
    gaps: tuple[tuple[int, int], ...] = ()


class Pictures:
    """Takes a text in any pieces and gives it without pictures."""

    def __init__(self, format_: Format, state: PicturesState | None = None) -> None:
        state = state or PicturesState()
        self._kind = _KINDS[format_]
        self._held = state.held
        self._inside = state.inside
        self._dropped = state.dropped
        self._given = state.given
        self._passed = state.passed
        self._gaps = deque(state.gaps)

    @property
    def state(self) -> PicturesState:
        """What one that goes on from here has to know."""
        return PicturesState(
            held=self._held,
            inside=self._inside,
            dropped=self._dropped,
            given=self._given,
            passed=self._passed,
            gaps=tuple(self._gaps),
        )

    def feed(self, data: bytes) -> bytes:
        """The text that is certain now."""
        return self._without(self._held + data, final=False)

    def end(self) -> bytes:
        """The text that was held back."""
        return self._without(self._held, final=True)

    def left_out(self, size: int) -> int:
        """How much is missing in the next `size` bytes of the text, which are passed by that."""
        self._passed += size
        missing = 0
        # A picture that ends exactly there counts for what follows: perhaps its end is not known yet.
        while self._gaps and self._gaps[0][0] < self._passed:
            missing += self._gaps.popleft()[1]
        return missing

    def _without(self, data: bytes, *, final: bool) -> bytes:
        kept: list[bytes] = []
        at = 0
        while True:
            if self._inside:
                found = self._kind.goes_on.match(data, at)
                assert found is not None
                kept.append(found[0].translate(None, _NOT_WHITE))
                self._given += len(kept[-1])
                self._dropped += len(found[0]) - len(kept[-1])
                at = found.end()
                undecided = self._kind.undecided.match(data, at)
                if not final and (at == len(data) or (undecided and undecided.end() == len(data))):
                    break
                self._gaps.append((self._given, self._dropped))
                self._dropped = 0
            end, self._inside = self._next(data, at, final=final)
            kept.append(data[at:end])
            self._given += len(kept[-1])
            at = end
            if not self._inside:
                break
        self._held = data[at:]
        return b"".join(kept)

    def _next(self, data: bytes, at: int, *, final: bool) -> tuple[int, bool]:
        """Where the text ends that is certain, and whether the value of a picture begins there."""
        for found in self._kind.begins.finditer(data, at):
            colon = data.find(b":", found.end(), found.start() + _HEAD_BYTES)
            enough = final or len(data) - found.start() > _HEAD_BYTES + 10
            if colon < 0 or len(data) < colon + 10:
                if not enough:
                    return found.start(), False
                if colon < 0:
                    continue
            parameters = _FOLD.sub(b"", data[found.end() : colon])
            value = data[colon + 1 : colon + 10].lstrip()
            if b"\n" not in parameters and self._kind.is_base64(parameters, value):
                return colon + 1, True
        last = data.rfind(b"\n", at)
        holds = not final and last >= 0 and len(data) - last <= _HEAD_BYTES
        return (last if holds else len(data)), False


def without_pictures(text: bytes, format_: Format, *, whole: bool) -> bytes:
    """A text at once; unless it is the `whole`, what is undecided at its end is left out."""
    pictures = Pictures(format_)
    return pictures.feed(text) + (pictures.end() if whole else b"")
