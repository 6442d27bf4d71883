"""What a file is, by its first bytes."""

import gzip
import io
import json
import time
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.reading.formats import sniff

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEND:VCARD\r\n"
ENTRY = "dn: cn=Ann,mail=ann@x.com\ncn: Ann\n"


def zipped(*names: str, first: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number, name in enumerate(names):
            archive.writestr(name, first if number == 0 else b"x")
    return file.getvalue()


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + stream.encode("utf-16-le") + bytes(100)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize(("text", "format_"), [(CARD, "vcard"), (ENTRY, "ldif"), ("Name,Mail\nAnn,a@x.com\n", "csv")])
def test_texts_in_every_encoding(encoding: str, text: str, format_: str) -> None:
    assert sniff(text.encode(encoding)) == format_


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"begin:vcard\nfn:x\n", "vcard"),
        (b"Hi,\nsee below\n\nBEGIN:VCARD\nFN:x\n", "vcard"),
        (b"\n\n" + CARD.encode(), "vcard"),
        (b"version: 1\n\n# all\n#\n folded\ndn:: Y249QW5u\n", "ldif"),
        (b"DN: uid=a, dc=x\n", "ldif"),
        (b"dn:name:mail\n1:Ann:a@x.com\n", "csv"),
        (b"Name,Notes\nAnn,BEGIN:VCARD\n", "csv"),
        (b"[Name],[Mail]\nAnn,a@x.com\n", "csv"),
        (b"<ann@x.com>\n<bob@x.com>\n", "csv"),
        (b"Received,From\n1,2\n", "csv"),
        (b"From,To\na@x.com,b@x.com\n", "csv"),
        (b"M\xfcller,Ann\n", "csv"),
        (zipped("contacts.csv"), "zip"),
        (zipped("contacts.xlsx", first=zipped("xl/workbook.xml"), method=zipfile.ZIP_STORED), "zip"),
        (zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "xlsx"),
        (zipped("xl/workbook.xml"), "xlsx"),
        (zipped("mimetype", first=b"application/vnd.oasis.opendocument.spreadsheet", method=zipfile.ZIP_STORED), "ods"),
        (b"PK\x05\x06" + bytes(18), "zip"),
        (ole("Workbook"), "xls"),
        (ole(""), "xls"),
    ],
)
def test_what_can_be_read(head: bytes, format_: str) -> None:
    assert sniff(head) == format_


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "picture"),
        (b"GIF89a", "picture"),
        (b"RIFF\x00\x00\x00\x00WEBP", "picture"),
        (b"\x00\x00\x00\x18ftypheic", "picture"),
        (gzip.compress(b"Name,Mail\n", mtime=0), "compressed"),
        (b"BZh91AY", "compressed"),
        (b"7z\xbc\xaf\x27\x1c", "compressed"),
        (b"contacts.csv" + bytes(245) + b"ustar", "tar"),
        (b"<!doctype html>\n<html>", "web page"),
        (b"\xef\xbb\xbf<html><body>", "web page"),
        ("<table><tr><td>Ann</td></tr></table>".encode("utf-16"), "web page"),
        (b'<?xml version="1.0"?>', "XML"),
        (b'<contacts version="1"><a/>', "XML"),
        (b"{\\rtf1\\ansi", "RTF"),
        (json.dumps([{"name": "Ann"}]).encode(), "JSON"),
        (json.dumps({"contacts": []}, indent=1).encode(), "JSON"),
        (b"BEGIN:VCALENDAR\r\n", "calendar"),
        (b"From ann@x.com Mon Jan  5 09:14:00 2024\nSubject: x\n", "mailbox"),
        (b"Received: from a\nby b\nMIME-Version: 1.0\n", "e-mail"),
        (b"-- dump\nCREATE TABLE people (id int);", "SQL"),
        (b"SQLite format 3\x00", "database"),
        (b"!BDN", "Outlook"),
        (b"MZ\x90\x00", "program"),
        (b"-----BEGIN PGP MESSAGE-----", "encrypted"),
        (zipped("[Content_Types].xml", "word/document.xml"), "Word"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "presentation"),
        (zipped("Index/Document.iwa"), "Numbers"),
        (zipped("mimetype", first=b"application/vnd.oasis.opendocument.text", method=zipfile.ZIP_STORED), "no table"),
        (ole("WordDocument"), "Word"),
        (ole("__substg1.0_001A001F"), "Outlook"),
    ],
)
def test_what_cannot_is_named_with_what_to_do(head: bytes, word: str) -> None:
    with pytest.raises(Rejected) as refused:
        sniff(head)
    assert refused.value.code == "unsupported_type"
    assert word in refused.value.detail
    assert refused.value.detail.startswith("This ")
    assert refused.value.detail.endswith(".")
    assert refused.value.detail.count(". ") >= 1


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_something_or_refused(head: bytes) -> None:
    with suppress(Rejected):
        assert sniff(head) in {"csv", "vcard", "ldif", "xlsx", "xls", "ods", "zip"}


@pytest.mark.parametrize(
    "unit", [b"\n", b"# a\n", b" a\n", b"version: 1\n", b"<a ", b"Received: x\n", b"PK\x03\x04", b"-- a\n", b"[ "]
)
def test_no_head_takes_long(unit: bytes) -> None:
    started = time.process_time()
    with suppress(Rejected):
        sniff(unit * (256 * 1024 // len(unit)))
    assert time.process_time() - started < 1
