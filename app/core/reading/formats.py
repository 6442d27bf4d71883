"""The first bytes of a file -> what kind of file it is. By content, never by name."""

import codecs
import re
from typing import NamedTuple

from app.core.errors import Rejected
from app.core.reading.plan import Format

SNIFFED_BYTES = 256 * 1024

_CSV = "Export the contacts as CSV or vCard and import that file."
_PICTURE = f"This is a picture. {_CSV}"
_PACKED = "This file is compressed. Unpack it and import the file inside."


class _Type(NamedTuple):
    """A kind of file that nobody can read contacts from: how it begins, at which byte, and what to say."""

    magic: bytes
    words: str
    at: int = 0


_BINARY: tuple[_Type, ...] = (
    _Type(b"%PDF", f"This is a PDF. {_CSV}"),
    _Type(b"\x89PNG", _PICTURE),
    _Type(b"\xff\xd8\xff", _PICTURE),
    _Type(b"GIF8", _PICTURE),
    _Type(b"WEBP", _PICTURE, 8),
    _Type(b"ftyp", "This is a picture or a film. " + _CSV, 4),
    _Type(b"II*\0", _PICTURE),
    _Type(b"MM\0*", _PICTURE),
    _Type(b"\x1f\x8b", _PACKED),
    _Type(b"BZh", _PACKED),
    _Type(b"\xfd7zXZ\0", _PACKED),
    _Type(b"\x28\xb5\x2f\xfd", _PACKED),
    _Type(b"7z\xbc\xaf\x27\x1c", _PACKED),
    _Type(b"Rar!\x1a\x07", _PACKED),
    _Type(b"ustar", "This is a tar archive. Unpack it and import the files inside.", 257),
    _Type(b"SQLite format 3\0", f"This is a database (SQLite). {_CSV}"),
    _Type(b"\0\1\0\0Standard ", f"This is a database (Access). {_CSV}"),
    _Type(
        b"!BDN", "This is a data file of Outlook (PST). In Outlook, export the contacts as CSV and import that file."
    ),
    _Type(b"bplist00", f"This is a property list of macOS. {_CSV}"),
    _Type(b"PAR1", f"This is a Parquet file. {_CSV}"),
    _Type(b"MZ", "This is a program for Windows. Choose the file with the contacts."),
    _Type(b"\x7fELF", "This is a program. Choose the file with the contacts."),
)
_TEXTUAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"<!doctype html|<html|<head|<body|<table", f"This is a web page. {_CSV}"),
        (r"<\?xml|<[a-z][\w.-]*(?::[\w.-]+)?(?:\s+[\w:.-]+=[\"'][^>]*)?/?>", f"This is an XML file. {_CSV}"),
        (r"\{\\rtf", f"This is a text document (RTF). {_CSV}"),
        (r"[\[{]\s*[\[{\"]|[\[{]\s*[\]}]\s*\Z", f"This is a JSON file. {_CSV}"),
        (r"BEGIN:VCALENDAR", "This is a calendar. Export the contacts, as CSV or vCard, and import that file."),
        (r"From \S+ .*\d\d:\d\d(?::\d\d)?", f"This is a mailbox. {_CSV}"),
        (
            r"(?:(?:Return-Path|Received|Delivered-To|MIME-Version|X-Mozilla-Status|Message-ID): .*\r?\n[\s\S]*?){2}",
            f"This is an e-mail message. {_CSV}",
        ),
        (r"(?:-- .*\n|\s)*(?:PRAGMA |CREATE TABLE|INSERT INTO|/\*!\d)", f"This is a database dump (SQL). {_CSV}"),
        (r"-----BEGIN ", "This is a key or an encrypted message. Choose the file with the contacts."),
    )
)
_ZIPPED: tuple[tuple[str, Format | str], ...] = (
    ("xl/", "xlsx"),
    ("word/", f"This is a Word document. {_CSV}"),
    ("ppt/", f"This is a presentation (PowerPoint). {_CSV}"),
    ("Index/", "This is a document of Numbers, Pages or Keynote. In Numbers, export it as CSV and import that file."),
)
_FIRST_MEMBERS = (
    "[Content_Types]",
    "_rels/",
    "docProps/",
    "xl/",
    "word/",
    "ppt/",
    "customXml/",
    "Index/",
    "mimetype",
)
_OPEN_DOCUMENT = re.compile(rb"application/vnd\.oasis\.opendocument\.([a-z]+)")
_MEMBER = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_OLD_OFFICE: tuple[tuple[bytes, Format | str], ...] = (
    ("Workbook".encode("utf-16-le"), "xls"),
    ("WordDocument".encode("utf-16-le"), f"This is an old Word document. {_CSV}"),
    ("PowerPoint".encode("utf-16-le"), f"This is an old presentation (PowerPoint). {_CSV}"),
    ("__substg1.0_".encode("utf-16-le"), f"This is a message of Outlook. {_CSV}"),
)
_CARD = re.compile(r"^(?:\ufeff)?BEGIN:VCARD[ \t]*$", re.MULTILINE | re.IGNORECASE)
_ENTRY = re.compile(
    r"(?:(?:#.*|[ \t].*|version:[ ]*\d+[ \t]*)?\n)*dn(?:::[ ]*[A-Za-z0-9+/=]+|:[ ]*[\w.-]+[ ]*=)", re.IGNORECASE
)


def sniff(head: bytes) -> Format:
    """The kind of file that begins like this. Raises Rejected `unsupported_type`, which says what it is."""
    head = head[:SNIFFED_BYTES]
    if head.startswith(b"PK\x03\x04"):
        return _zipped(head)
    if head.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _known(next((what for mark, what in _OLD_OFFICE if mark in head), "xls"))
    for magic, words, at in _BINARY:
        if head.startswith(magic, at):
            raise Rejected("unsupported_type", words)
    text = _text(head).replace("\r\n", "\n").replace("\r", "\n")
    start = text.lstrip(" \t\n\ufeff")
    if start[:11].upper() == "BEGIN:VCARD" or _CARD.search(text):
        return "vcard"
    if _ENTRY.match(start):
        return "ldif"
    for pattern, words in _TEXTUAL:
        if pattern.match(start):
            raise Rejected("unsupported_type", words)
    return "csv"


def _known(what: Format | str) -> Format:
    if what in ("xlsx", "xls", "ods"):
        return what
    raise Rejected("unsupported_type", what)


def _zipped(head: bytes) -> Format:
    """What a ZIP archive is, by the names of its members; an office document in an archive does not make it one."""
    names = []
    for found in _MEMBER.finditer(head):
        length = int.from_bytes(found[1], "little")
        names.append(head[found.end() : found.end() + length].decode("utf-8", "replace"))
    if not names or not names[0].startswith(_FIRST_MEMBERS):
        return "zip"
    document = _OPEN_DOCUMENT.search(head, 0, 1000)
    if names[0] == "mimetype":
        if document and document[1] == b"spreadsheet":
            return "ods"
        raise Rejected("unsupported_type", f"This is a document, but no table. {_CSV}")
    return _known(next((what for folder, what in _ZIPPED if any(name.startswith(folder) for name in names)), "xlsx"))


def _text(head: bytes) -> str:
    """The text as far as its kind can be told: whatever it is encoded in, ASCII is right."""
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return head.decode(name, "ignore")
    start = head[:1000]
    nothing = start.count(0)
    if nothing * 4 > len(start):
        wide = nothing * 4 > len(start) * 2.5
        little = start[0] != 0
        name = ("utf-32" if wide else "utf-16") + ("-le" if little else "-be")
        return head.decode(name, "ignore")
    return head.decode("utf-8-sig", "replace")
