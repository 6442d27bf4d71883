"""What the texts of a container mean: which sheet, which files, and a completed plan for each.

Fixed once per import and kept, so that whoever unpacks the container again cuts the same segments.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import IO, NamedTuple

import msgspec

from app.core.errors import Rejected
from app.core.reading import dialect as dialects
from app.core.reading import header
from app.core.reading.members import listing
from app.core.reading.plan import Plan, Values
from app.core.reading.plans import Completion
from app.jobs.containers.parts import CANONICAL, HEAD_BYTES, Text, Unpacked, Unread

_SHEET_HEAD = 64 * 1024

Look = Callable[[bytes, bool, Plan | None], Completion]
"""Completes a plan from the head of a text (and whether that is all of it). Raises Rejected."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is cut: where it is in the texts' file, and its plan. `name` is "" unless it comes from a ZIP."""

    name: str
    plan: Plan
    start: int
    end: int


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """All that is imported of a container, in order; `unread` is told as rows that cannot be used.

    `plan` is the import's own. `checksum` (crc32c) is that of the container.
    """

    plan: Plan
    members: tuple[Member, ...]
    unread: tuple[Unread, ...] = ()
    checksum: int = 0

    @property
    def listing(self) -> bytes:
        """The text that stands for what was not read."""
        return listing([(told.member, told.detail) for told in self.unread])

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return sum(member.end - member.start for member in self.members) + len(self.listing)


class Looked(NamedTuple):
    """What a preview shows: a member, what was understood of it, and about how many rows it has."""

    name: str
    completion: Completion
    rows: int


class Understood(NamedTuple):
    """The contents, and for a preview each member's completion and the names of a workbook's sheets."""

    contents: Contents
    looked: tuple[Looked, ...]
    sheets: tuple[str, ...]


def understand(found: Unpacked, texts: IO[bytes], given: Plan | None, look: Look) -> Understood:
    """Completes the plans of everything in a container. Takes a moment. Raises Rejected."""
    given = given or Plan()
    if given.format not in {None, found.kind}:
        raise Rejected("plan_mismatch", f"The plan is for a file of the kind {given.format}; this one is {found.kind}.")
    if found.kind == "zip":
        return _archive(found, texts, given, look)
    text = _chosen(found.texts, texts, given.sheet)
    looked = _look(text, texts, given, look)
    member = Member(name="", plan=looked.completion.plan, start=text.start, end=text.end)
    sheets = tuple(other.sheet or "" for other in found.texts if other.rows)
    return Understood(Contents(plan=member.plan, members=(member,)), (looked,), sheets)


def _archive(found: Unpacked, texts: IO[bytes], given: Plan, look: Look) -> Understood:
    wanted = Plan(values=given.values, existing=given.existing, labels=given.labels)
    members: list[Member] = []
    looked: list[Looked] = []
    unread = list(found.unread)
    for name, group in groupby(found.texts, key=lambda text: text.member):
        try:
            text = _chosen(list(group), texts, None)
            seen = _look(text, texts, wanted, look)
        except Rejected as error:
            unread.append(Unread(member=name, code=error.code, detail=error.detail))
            continue
        looked.append(seen)
        members.append(Member(name=name, plan=seen.completion.plan, start=text.start, end=text.end))
    if not members:
        raise _nothing(unread)
    frozen = members[0].plan
    plan = Plan(
        format="zip",
        values=Values(
            phone_region=frozen.values.phone_region if frozen.values else None,
            date_order=wanted.values.date_order if wanted.values else None,
        ),
        existing=frozen.existing,
        labels=frozen.labels,
    )
    return Understood(Contents(plan=plan, members=tuple(members), unread=tuple(unread)), tuple(looked), ())


def _look(text: Text, texts: IO[bytes], given: Plan, look: Look) -> Looked:
    head = _read(texts, text.start, min(text.end, text.start + HEAD_BYTES))
    whole = text.whole and text.end - text.start == len(head)
    if text.workbook is None:
        completion = look(head, whole, given)
        return Looked(text.member, completion, completion.estimated_rows(text.size))
    canonical = msgspec.structs.replace(
        given, format="csv", encoding="utf-8", repair=None, dialect=CANONICAL, sheet=None
    )
    completion = look(head, whole, canonical)
    plan = msgspec.structs.replace(completion.plan, format=text.workbook, sheet=text.sheet)
    rows = max(0, text.rows - (plan.preamble or 0) - (plan.header or 0))
    return Looked(text.member, completion._replace(plan=plan), rows)


def _chosen(found: Sequence[Text], texts: IO[bytes], wanted: str | None) -> Text:
    """The text of a member: of a workbook the sheet that is wanted, or the one with the best header."""
    if found and found[0].workbook is None:
        return found[0]
    if wanted is not None:
        for text in found:
            if text.sheet == wanted:
                return text
        raise Rejected("plan_mismatch", f"This workbook has no sheet called “{wanted}”.")
    filled = [text for text in found if text.rows]
    if not filled:
        raise Rejected("empty", "Every sheet of this workbook is empty.")
    return max(filled, key=lambda text: (not text.hidden, _known(text, texts), text.rows))


def _known(text: Text, texts: IO[bytes]) -> int:
    """How many words of a sheet's header we know."""
    head = _read(texts, text.start, min(text.end, text.start + _SHEET_HEAD))
    found = dialects.first_rows(head, CANONICAL, whole=text.end <= text.start + _SHEET_HEAD)
    return header.find(found.rows).known


def _read(texts: IO[bytes], start: int, end: int) -> bytes:
    texts.seek(start)
    return texts.read(end - start)


def pieces(texts: IO[bytes], member: Member, size: int) -> Iterator[bytes]:
    """A member's text in pieces of `size` bytes."""
    at = member.start
    while at < member.end:
        piece = _read(texts, at, min(member.end, at + size))
        at += len(piece)
        yield piece


def _nothing(unread: Sequence[Unread]) -> Rejected:
    """Why nothing of an archive can be imported: the one reason there is, or that there is none of use."""
    if not unread:
        return Rejected("empty", "There is no file in this ZIP archive.")
    first = unread[0]
    if len({told.code for told in unread}) == 1:
        return Rejected(first.code, f"{first.member}: {first.detail}")
    return Rejected("nothing_recognised", f"No file in this ZIP archive holds contacts. {first.member}: {first.detail}")
