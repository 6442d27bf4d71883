"""The bodies of requests: small ones at once, files in pieces, both bounded in size and in silence."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import IO, NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from app.core.errors import Rejected
from app.core.reading import formats
from app.core.reading.plans import MAX_PLAN_BYTES
from app.jobs.asking import whole_number
from app.jobs.containers.parts import BEGINNING_BYTES, HEAD_BYTES, MAX_CONTAINER_BYTES, is_container, too_large
from app.jobs.uploads import Interrupted

FORM_BYTES = 8 * 1024
"""So long may be what a form has around its parts."""

SNIFFED_BYTES = 1024
"""By so much of a file most of those are known that hold no contacts."""

SILENCE_SECONDS = 30
"""A client that sends nothing for so long is gone; what came is safe and can be continued."""


def length(request: Request) -> int | None:
    """What the client says its body has, in bytes. Raises Rejected `bad_request`."""
    text = request.headers.get("content-length")
    return None if text is None else whole_number(text, "Content-Length")


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def pieces(request: Request) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. Raises Interrupted when it ends before its time."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await request.receive()
        except TimeoutError:
            raise Interrupted(f"Nothing came for {SILENCE_SECONDS:.0f} seconds; the upload can be continued.") from None
        if message["type"] == "http.disconnect":
            raise Interrupted("The client is gone.")
        piece = message.get("body", b"")
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def file_of(request: Request) -> AsyncGenerator[bytes, None]:
    """A body that is a file, once its beginning was looked at. Raises Rejected `unsupported_type`, Interrupted."""
    body = pieces(request)
    beginning = await _up_to(body, SNIFFED_BYTES)
    if beginning:
        formats.sniff(beginning)
    return _joined(beginning, body)


async def _joined(beginning: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if beginning:
            yield beginning
        async for piece in rest:
            yield piece


async def small(request: Request, most: int) -> bytes:
    """A whole body of at most `most` bytes. Raises Rejected `too_large`, Interrupted."""
    too_large = Rejected("too_large", f"This body may have {most} bytes.", max_bytes=most)
    if (length(request) or 0) > most:
        raise too_large
    body = bytearray()
    async for piece in pieces(request):
        body += piece
        if len(body) > most:
            raise too_large
    return bytes(body)


class Asked(NamedTuple):
    """The body of a preview. `container` is all of a workbook or ZIP archive; `head` the beginning of any file."""

    head: bytes
    size: int
    plan: bytes | None = None
    container: IO[bytes] | None = None


@asynccontextmanager
async def asked_preview(request: Request, folder: Path) -> AsyncIterator[Asked]:
    """The body of a preview: a head or a container, alone or as multipart beside a `plan`.

    A container waits in `folder`, without a name, for as long as this lasts. Raises Rejected: whatever is longer than
    it may be is refused before it is read.
    """
    form = media_type(request) == "multipart/form-data"
    around = MAX_PLAN_BYTES + FORM_BYTES if form else 0
    if (length(request) or 0) > MAX_CONTAINER_BYTES + around:
        raise too_large()
    most = HEAD_BYTES + around
    if (length(request) or 0) > most:
        # So much can only be a container: a few bytes tell.
        most = around or BEGINNING_BYTES
    async with aclosing(pieces(request)) as body:
        beginning = await _up_to(body, most)
        if len(beginning) <= most:
            rest: AsyncIterator[bytes] = body  # it has ended
        elif (_has_container if form else is_container)(beginning[: around or BEGINNING_BYTES]):
            rest = _at_most(body, MAX_CONTAINER_BYTES + around - len(beginning))
        else:
            raise _too_long_head()
        if form:
            async with _form(request, beginning, rest) as asked:
                yield asked
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            await asyncio.to_thread(file.write, beginning)
            async for piece in rest:
                await asyncio.to_thread(file.write, piece)
            yield _asked(file, None)


@asynccontextmanager
async def _form(request: Request, beginning: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[Asked]:
    waiting = [beginning]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": True}
        async for piece in rest:
            return {"type": "http.request", "body": piece, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=2, max_fields=2, max_part_size=MAX_PLAN_BYTES)
    except MultiPartException as error:
        raise Rejected("bad_request", f"The form cannot be read: {error.message}") from error
    try:
        head, plan = form.get("head"), await _part(form.get("plan"))
        if isinstance(head, str):
            yield Asked(head.encode(), len(head), plan)
            return
        if head is None:
            raise Rejected("bad_request", "The form has no part called head.")
        yield _asked(head.file, plan)
    finally:
        await form.close()


def _asked(file: IO[bytes], plan: bytes | None) -> Asked:
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if is_container(head):
        if size > MAX_CONTAINER_BYTES:
            raise too_large()
        return Asked(head, size, plan, file)
    if size > HEAD_BYTES:
        raise _too_long_head()
    return Asked(head, size, plan)


async def _up_to(body: AsyncIterator[bytes], most: int) -> bytes:
    """The beginning of a body: all of it, or more than `most` bytes."""
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > most:
            break
    return bytes(found)


async def _at_most(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    async for piece in body:
        most -= len(piece)
        if most < 0:
            raise too_large()
        yield piece


def _has_container(form: bytes) -> bool:
    """Whether a part of a form begins like a container."""
    return any(is_container(part[:8]) for part in form.split(b"\r\n\r\n"))


def _too_long_head() -> Rejected:
    detail = f"Of files that are no workbook or ZIP archive, send the first {HEAD_BYTES // 1024} KB."
    return Rejected("too_large", detail, max_bytes=HEAD_BYTES)


async def _part(part: UploadFile | str | None) -> bytes | None:
    if isinstance(part, UploadFile):
        return await part.read()
    return None if part is None else part.encode()
