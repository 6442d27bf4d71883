"""A person who was erased leaves the read model with all that speaks of them: rejected rows, and what was counted."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.sql import Pool, transaction


class _Value(msgspec.Struct, frozen=True):
    value: str = ""
    raw: str = ""


class _Named(msgspec.Struct, frozen=True):
    """What of a contact may stand in somebody's rejected row, too, and means nobody else."""

    emails: tuple[_Value, ...] = ()
    phones: tuple[_Value, ...] = ()


_named = msgspec.json.Decoder(_Named)


async def forget(pool: Pool, workspace: UUID, contacts: Sequence[UUID]) -> None:
    """Drops rejected rows that name an e-mail address or phone number of these contacts; before they are deleted.

    Raises TryAgain.
    """
    async with transaction(pool) as connection:
        cursor = await connection.execute(
            "select doc from contacts where workspace = %s and id = any(%s) and not deleted",
            [workspace, list(contacts)],
        )
        patterns = [_pattern(text) for (doc,) in await cursor.fetchall() for text in _said(doc)]
        if patterns:
            await connection.execute(
                "delete from problems where workspace = %s and lower(doc) like any(%s)", [workspace, patterns]
            )


async def forget_empty(pool: Pool, workspace: UUID) -> None:
    """Drops the values that nobody has any more: a company or domain may be a person's own. Raises TryAgain."""
    async with transaction(pool) as connection:
        await connection.execute("delete from counts where workspace = %s and n <= 0", [workspace])


def _said(doc: str) -> set[str]:
    named = _named.decode(doc)
    return {text for one in (*named.emails, *named.phones) for text in (one.value, one.raw) if text}


def _pattern(text: str) -> str:
    """Whatever has this text in it, written in capitals or not, as it stands in JSON."""
    inside = msgspec.json.encode(text.lower()).decode()[1:-1]
    for sign in "\\%_":
        inside = inside.replace(sign, f"\\{sign}")
    return f"%{inside}%"
