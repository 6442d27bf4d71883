"""More or fewer processes of a kind, where the stack on this machine lets it be asked for (SCALING_SOCKET)."""

import asyncio

import msgspec

from app.core.errors import Rejected, TryAgain

KINDS = ("importer", "tracker", "projector", "fetcher")
MOST = 8
"""Processes of one kind on one machine."""
_SECONDS = 5.0


class Wish(msgspec.Struct, frozen=True):
    """There are to be so many processes of this kind."""

    kind: str
    to: int


class Said(msgspec.Struct, frozen=True):
    """The stack's answer to a wish. `refused`: why not, in words; nothing when it is on its way."""

    refused: str = ""


async def ask(socket: str, wish: Wish) -> None:
    """Returns once the stack is at it. Raises Rejected `not_scaled`, TryAgain."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(msgspec.json.encode(wish) + b"\n")
                said = msgspec.json.decode(await reader.readline(), type=Said)
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        raise TryAgain(f"the stack did not answer: {error!r}") from error
    if said.refused:
        raise Rejected("not_scaled", said.refused)
