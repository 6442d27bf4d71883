"""What kind of container a file is, and whether it is harmless to unpack: by what it lists, before anything is.

What it lists may be a lie; what comes out of it is counted again, and the child's limits stand behind that.
"""

import zipfile
from typing import IO

from app.core.errors import Rejected
from app.jobs.containers.parts import (
    MAX_ENTRIES,
    MAX_UNPACKED_BYTES,
    Kind,
    encrypted,
    too_large_inside,
    unreadable,
)

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = 0x1
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_OTHERS: tuple[tuple[str, str], ...] = (
    ("word/document.xml", "This is a Word document."),
    ("ppt/presentation.xml", "This is a PowerPoint presentation."),
    ("Index/Document.iwa", "This is an Apple Numbers, Pages or Keynote document."),
    ("Index.zip", "This is an Apple Numbers, Pages or Keynote document."),
    ("META-INF/MANIFEST.MF", "This is a Java archive."),
    ("AndroidManifest.xml", "This is an app."),
    ("META-INF/container.xml", "This is an e-book."),
)
"""Files by which other kinds of ZIP are known."""
_HELP = " Export the contacts as CSV, vCard or XLSX and import that file."


def kind_of(file: IO[bytes]) -> Kind:
    """What a file is, and that it may be unpacked. Raises Rejected.

    `unsupported_type`, `container_encrypted`, `container_unreadable`, `too_large`.
    """
    file.seek(0)
    beginning = file.read(8)
    file.seek(0)
    if beginning == _OLE:
        return _of_ole(file)
    try:
        with zipfile.ZipFile(file) as archive:
            return _of_zip(archive)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise unreadable() from error


def check_listed(archive: zipfile.ZipFile) -> None:
    """Refuses what lists too much. Raises Rejected."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Rejected(
            "too_many_members",
            f"There are {len(entries):,} files in this archive; {MAX_ENTRIES:,} can be read. Import those with"
            " contacts only.",
        )
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise too_large_inside()


def _of_ole(file: IO[bytes]) -> Kind:
    """An old workbook, or a new one under a password; both name their streams in UTF-16."""
    data = file.read()
    if _utf16("EncryptedPackage") in data:
        raise encrypted()
    if _utf16("Workbook") in data or _utf16("Book") in data:
        return "xls"
    raise Rejected("unsupported_type", "This is an old Office file, but no Excel workbook." + _HELP)


def _of_zip(archive: zipfile.ZipFile) -> Kind:
    check_listed(archive)
    entries = {entry.filename: entry for entry in archive.infolist()}
    if "xl/workbook.xml" in entries or "xl/workbook.bin" in entries:
        return "xlsx"
    if "mimetype" in entries:
        return _of_document(archive, entries)
    for name, words in _OTHERS:
        if name in entries:
            raise Rejected("unsupported_type", words + _HELP)
    if not entries:
        raise Rejected("empty", "There is no file in this ZIP archive.")
    if all(entry.flag_bits & _ENCRYPTED for entry in entries.values() if not entry.is_dir()):
        raise encrypted("This ZIP archive")
    return "zip"


def _of_document(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Kind:
    with archive.open("mimetype") as told:
        kind = told.read(200).strip()
    if not kind.startswith(_ODS):
        name = kind.decode(errors="replace")[:80]
        raise Rejected("unsupported_type", f"This document is no spreadsheet ({name})." + _HELP)
    if "META-INF/manifest.xml" in entries:
        with archive.open("META-INF/manifest.xml") as manifest:
            if b"encryption-data" in manifest.read(1024 * 1024):
                raise encrypted()
    return "ods"


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")
