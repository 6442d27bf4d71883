"""ZIP archives -> the files in them: texts as they are, workbooks as canonical CSV. Runs in the child only.

Names are told and never used as paths. What comes out is counted as it comes, whatever was listed.
"""

import io
import zipfile
import zlib
from typing import IO

from app.core.errors import Rejected
from app.jobs.containers import workbooks
from app.jobs.containers.kinds import kind_of
from app.jobs.containers.output import Output
from app.jobs.containers.parts import (
    MAX_CONTAINER_BYTES,
    MAX_MEMBERS,
    MAX_UNPACKED_BYTES,
    NAME_CHARACTERS,
    Text,
    Unpacked,
    Unread,
    encrypted,
    is_container,
    too_large,
    too_large_inside,
    unreadable,
)

_NOISE = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_NO_CONTACTS = frozenset(
    "jpg jpeg png gif heic webp bmp tif tiff svg pdf html htm json xml ics mbox eml msg doc docx ppt pptx pages key"
    " numbers mp3 mp4 mov avi exe dll db sqlite gz bz2 xz 7z rar tar zip".split()
)
"""Endings of names of files that are passed over without a look."""
_STEP = 256 * 1024
_ENCRYPTED = 0x1


def write(file: IO[bytes], output: Output) -> Unpacked:
    """Writes every member that may hold contacts, in the order of the archive. Raises Rejected."""
    texts: list[Text] = []
    unread: list[Unread] = []
    names: set[str] = set()
    read = 0
    counted = _Counter()
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or _is_noise(entry.filename):
                continue
            name = _name(entry.filename, names)
            try:
                _check_kind(entry)
                read += 1
                _check_members(read)
                texts += _texts(archive, entry, name, output, counted)
            except Rejected as error:
                if error.code in {"too_large", "too_many_members"}:
                    raise
                unread.append(Unread(member=name, code=error.code, detail=error.detail))
    return Unpacked(kind="zip", texts=texts, unread=unread)


class _Counter:
    """Counts what comes out of an archive."""

    def __init__(self) -> None:
        self._total = 0

    def take(self, data: bytes) -> bytes:
        """Raises Rejected `too_large`."""
        self._total += len(data)
        if self._total > MAX_UNPACKED_BYTES:
            raise too_large_inside()
        return data


def _texts(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, output: Output, counter: _Counter
) -> list[Text]:
    try:
        with archive.open(entry) as member:
            beginning = counter.take(member.read(_STEP))
            if is_container(beginning):
                return _workbook(member, beginning, name, output, counter)
            return [_plain(member, beginning, name, entry.file_size, output, counter)]
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError) as error:
        raise unreadable() from error


def _plain(member: IO[bytes], beginning: bytes, name: str, size: int, output: Output, counter: _Counter) -> Text:
    output.begin()
    data = beginning
    while data and not output.full:
        output.write(data)
        data = counter.take(member.read(_STEP))
    written = output.end()
    return Text(member=name, start=written.start, end=written.end, whole=written.whole, size=size)


def _workbook(member: IO[bytes], beginning: bytes, name: str, output: Output, counter: _Counter) -> list[Text]:
    workbook = io.BytesIO()
    data = beginning
    while data:
        workbook.write(data)
        if workbook.tell() > MAX_CONTAINER_BYTES:
            raise too_large()
        data = counter.take(member.read(_STEP))
    kind = kind_of(workbook)
    if kind == "zip":
        raise Rejected("unsupported_type", "This is a ZIP archive inside of another. Import it by itself.")
    return list(workbooks.write(workbook, kind, output, member=name))


def _check_kind(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise encrypted()
    if entry.filename.rpartition(".")[2].lower() in _NO_CONTACTS:
        raise Rejected("unsupported_type", "Files of this kind hold no contacts that can be read here.")


def _check_members(read: int) -> None:
    if read > MAX_MEMBERS:
        raise Rejected(
            "too_many_members",
            f"More than {MAX_MEMBERS} files in this ZIP archive may hold contacts. Import them in several archives.",
        )


def _is_noise(path: str) -> bool:
    folders, _, name = path.lower().rpartition("/")
    return "__macosx" in folders.split("/") or name in _NOISE or name.startswith("._")


def _name(path: str, taken: set[str]) -> str:
    """A member's name as people see it: without folders and control characters, and each once."""
    plain = "".join(letter for letter in path.replace("\\", "/") if letter.isprintable()).strip("/. ")
    name = plain[-NAME_CHARACTERS:] or "?"
    number = 2
    found = name
    while found in taken:
        found = f"{name} ({number})"
        number += 1
    taken.add(found)
    return found
