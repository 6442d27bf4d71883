"""The bodies of requests: small ones at once, files in pieces, both bounded in size and in silence."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from app.core.errors import Rejected
from app.jobs.asking import whole_number
from app.jobs.intake import Interrupted

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


async def head_and_plan(request: Request, most_head: int, most_plan: int) -> tuple[bytes, bytes | None]:
    """The body of a preview: the head of a file, alone or as multipart beside a `plan`. Raises Rejected."""
    if media_type(request) != "multipart/form-data":
        return await small(request, most_head), None
    body = await small(request, most_head + most_plan + 8_192)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=2, max_fields=2, max_part_size=most_plan)
    except MultiPartException as error:
        raise Rejected("bad_request", f"The form cannot be read: {error.message}") from error
    try:
        head, plan = [await _part(form.get(name)) for name in ("head", "plan")]
    finally:
        await form.close()
    if head is None:
        raise Rejected("bad_request", "The form has no part called head.")
    if len(head) > most_head:
        raise Rejected("too_large", f"The head may have {most_head} bytes.", max_bytes=most_head)
    return head, plan


async def _part(part: UploadFile | str | None) -> bytes | None:
    if isinstance(part, UploadFile):
        return await part.read()
    return None if part is None else part.encode()
