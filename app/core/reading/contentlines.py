"""The lines of a card (RFC 2425, 2426, 6350 and vCard 2.1) -> properties: name, types, preference and decoded value.

Cards from everywhere are read, so this forgives much: parameters without a name, soft line breaks that are indented,
lines that belong to a note and were never folded.
"""

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from app.core.errors import Rejected
from app.core.reading.text import CODECS, encoding

NO_PREFERENCE = 101
"""Behind every PREF, which is from 1 to 100."""

_NAME = re.compile(r"(?:([\w-]{1,60})\.)?([A-Za-z][A-Za-z0-9-]{0,99})")
_PARAMETER = re.compile(r';((?:[^;"]|"[^"]*"?)*)')
_CUSTOM_TYPE = re.compile(r"X-CUSTOM\((?:CHARSET=([\w-]+),)?(?:ENCODING=QUOTED-PRINTABLE,)?(.*)\)?", re.IGNORECASE)
_QUOTED_COLON = re.compile(r'((?:[^:"]|"[^"]*")*):')
_BLANKS = (" ", "\t")
_UNNAMED_CHARSET = re.compile(
    rb"(?<![^\r\n])[\w.-]{1,60};(?i:(?![^:\r\n]*CHARSET)[^:\r\n]*QUOTED-PRINTABLE)[^:\r\n]*:(?:[^\r\n]*=\r?\n)*+[^\r\n]*+"
)
_FOLD_IN_LETTER = re.compile(rb"(?<=[\x80-\xff])\r?\n[ \t](?=[\x80-\xbf])")
_FOLD = re.compile(r"(?<!=)\n[ \t]")
_OLD_FOLD = re.compile(r"(?<!=)\n(?=[ \t])")
_OLD = re.compile(r"^VERSION:[ \t]*2\.1", re.MULTILINE | re.IGNORECASE)
_ESCAPED = re.compile(r"\\([nN,;:\\])")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_CARET = re.compile(r"\^([n^'])")
_CARETS = {"n": "\n", "^": "^", "'": '"'}
_BARE_ENCODINGS = {"QUOTED-PRINTABLE": "qp", "BASE64": "b", "B": "b", "8BIT": "", "7BIT": ""}


def decoded(data: bytes) -> str:
    """The text of a record that may be folded inside of letters. Raises UnicodeDecodeError."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return unfolded(data).decode()


def unfolded(data: bytes) -> bytes:
    """A text without the folds that cut a letter of several bytes in two."""
    return _FOLD_IN_LETTER.sub(b"", data)


def revealed(head: bytes) -> bytes:
    """The head of a file for whoever finds out its encoding: letters are not cut in two by folds, and values in
    quoted-printable that do not name their charset are as they were before."""
    return _UNNAMED_CHARSET.sub(lambda found: binascii.a2b_qp(found[0]), unfolded(head))


class Head(NamedTuple):
    """What stands before a value. `name` is in capitals, `written` as in the file, `group` and `types` in small
    letters, `coding` is "", "qp" or "b"; `parameters` has all others under their names in capitals."""

    name: str
    written: str
    group: str
    types: tuple[str, ...]
    preference: int
    coding: str
    charset: str
    parameters: dict[str, str]


class Property(NamedTuple):
    """`value` is decoded, but still escaped; `raw` is the line as it was, unfolded."""

    head: Head
    value: str
    raw: str


def properties(card: str, fallback: str) -> Iterator[Property]:
    """The properties of a card in order, without those of cards inside it.

    Values in quoted-printable without a charset are UTF-8 or, if they cannot be, in the encoding `fallback`.
    """
    card = card.replace("\r\n", "\n").replace("\r", "\n")
    if "\n " in card or "\n\t" in card:
        # Version 2.1 folds where a blank is, and the blank stays. Behind "=" the fold may be quoted-printable's own.
        card = _OLD_FOLD.sub("", card) if _OLD.search(card) else _FOLD.sub("", card)
    lines = card.split("\n")
    at, depth = 0, 0
    found: Property | None = None
    more: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        if at < len(lines) and lines[at][:1] in _BLANKS and "QUOTED-PRINTABLE" not in line.upper():
            first = at
            while at < len(lines) and lines[at][:1] in _BLANKS:
                at += 1
            line += "".join(each[1:] for each in lines[first:at])
        before, colon, value = line.partition(":")
        if '"' in before and before.count('"') % 2:
            before, colon, value = _behind_quotes(line)
        head = head_of(before) if colon else None
        if head is None:
            if depth <= 1:
                more.append(line)
            continue
        if head.coding == "qp":
            pieces = [value]
            while pieces[-1].endswith("=") and at < len(lines) and lines[at][:10].upper() != "END:VCARD":
                pieces[-1] = pieces[-1][:-1]
                pieces.append(lines[at].rstrip(" \t"))
                at += 1
            value = "".join(pieces)
            line = f"{before}:{value}"
            value = _from_quoted_printable(value.removesuffix("="), head.charset, fallback)
        elif head.coding == "b":
            value = from_base64(value, head.charset, fallback)
        if head.name in {"BEGIN", "END"} and value.strip().upper() == "VCARD":
            depth += 1 if head.name == "BEGIN" else -1
        elif depth <= 1:
            if found is not None:
                yield _whole(found, more)
            found, more = Property(head, value, line), []
    if found is not None:
        yield _whole(found, more)


def _behind_quotes(line: str) -> tuple[str, str, str]:
    """Cuts a line at its first colon that is in no quoted parameter."""
    found = _QUOTED_COLON.match(line)
    return (found[1], ":", line[found.end() :]) if found else line.partition(":")


def _whole(found: Property, more: list[str]) -> Property:
    """A property with lines that are none behind it: the rest of a note that somebody wrote without folding it."""
    if not more or found.head.name != "NOTE":
        return found
    return found._replace(value="\n".join([found.value, *more]), raw="\n".join([found.raw, *more]))


@lru_cache(maxsize=4096)
def head_of(text: str) -> Head | None:
    """Reads what stands before the colon; None if it is no property."""
    named, semicolon, rest = text.partition(";")
    name = _NAME.fullmatch(named.strip())
    if name is None:
        return None
    types: list[str] = []
    parameters: dict[str, str] = {}
    preference, coding, charset = NO_PREFERENCE, "", ""
    for parameter in _PARAMETER.findall(semicolon + rest):
        key, equals, value = parameter.strip().partition("=")
        custom = _CUSTOM_TYPE.fullmatch(parameter)
        if custom:
            types.append(_from_quoted_printable(custom[2].removesuffix(")"), custom[1] or "", "utf-8").casefold())
        elif not equals:
            if key.upper() in _BARE_ENCODINGS:
                coding = _BARE_ENCODINGS[key.upper()]
            elif key:
                types.append(key.casefold())
        elif key.upper() == "TYPE":
            types += [each.strip().casefold() for each in value.replace('"', "").replace("\\", "").split(",")]
        elif key.upper() == "ENCODING":
            coding = _BARE_ENCODINGS.get(value.strip('"').upper(), "")
        elif key.upper() == "CHARSET":
            charset = value.strip('"')
        elif key.upper() == "PREF":
            preference = int(value) if value.isascii() and value.isdigit() and len(value) <= 3 else NO_PREFERENCE
        else:
            parameters[key.upper()] = _CARET.sub(lambda found: _CARETS[found[1]], value.strip().strip('"'))
    if "pref" in types:
        preference = min(preference, 1)
        types = [each for each in types if each != "pref"]
    kept = tuple(dict.fromkeys(filter(None, types)))
    return Head(name[2].upper(), name[2], (name[1] or "").lower(), kept, preference, coding, charset, parameters)


def split(value: str, mark: str) -> list[str]:
    """Cuts an escaped value at `mark`, which is one of , and ; where it is not escaped. The parts stay escaped."""
    if "\\" not in value:
        return value.split(mark)
    # A backslash that is escaped itself is put aside as a character that no text has.
    parts = re.split(rf"(?<!\\){mark}", value.replace("\\\\", "\0"))
    return [part.replace("\0", "\\\\") for part in parts]


def unescaped(value: str) -> str:
    """A value as it was meant."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _from_quoted_printable(value: str, charset: str, fallback: str) -> str:
    if "=" not in value:
        return value
    return _decoded(binascii.a2b_qp(value.encode(errors="surrogateescape")), charset, fallback)


def from_base64(value: str, charset: str, fallback: str) -> str:
    """Text in base64; "" for a picture or what else is no text."""
    try:
        data = binascii.a2b_base64("".join(value.split()))
    except ValueError:  # what is no base64
        return ""
    text = _decoded(data, charset, fallback)
    return "" if _NO_TEXT.search(text) else text


def _decoded(data: bytes, charset: str, fallback: str) -> str:
    """Bytes as their charset says or, if that cannot be, as UTF-8, as `fallback`, or byte by byte."""
    for codec in filter(None, (_codec(charset), "utf-8", _codec(fallback), "cp1252")):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """The codec of an encoding that we know, "" for any other: Python has some that are no encodings of text."""
    try:
        return CODECS[encoding(charset)]
    except Rejected:
        return ""
