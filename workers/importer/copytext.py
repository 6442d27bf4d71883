"""Staged contacts as PostgreSQL's COPY text: joined at C speed, escaped only where a block needs it."""

from collections.abc import Sequence

import msgspec

from app.core.contacts import SCALARS, Contact, Staged

_encode = msgspec.json.Encoder().encode
NULL = "\x02"
"""What stands for null; a text that has it is escaped."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", NULL: "\\002"})
STAMPS = 3 + len(SCALARS)
"""The only column that may be null."""


def lines(staged: Sequence[Staged]) -> list[str]:
    """One line per contact: id, match key, the scalars, stamp, stamps, sets, custom, born, last."""
    if not staged:
        return []
    cells = [
        (
            id_,
            contact.match_key,
            *contact.values,
            *stamps(contact),
            _encode(contact.sets).decode(),
            _encode(contact.custom).decode() if contact.custom else "{}",
            str(contact.born),
            str(contact.last),
        )
        for id_, contact, _ in staged
    ]
    found = ["\t".join(row) for row in cells]
    block = "\n".join(found)
    tabs = len(cells) * (len(cells[0]) - 1)
    nulls = [row[STAMPS] for row in cells].count(NULL)
    counts = (block.count("\t"), block.count("\n") + 1, block.count(NULL))
    if "\\" in block or "\r" in block or counts != (tabs, len(cells), nulls):
        found = [_escaped(row) for row in cells]
    return found


def stamps(contact: Contact) -> tuple[str, str]:
    """The columns `stamp` and `stamps`: one that says it all, or one per field (`packed` in SQL)."""
    written = set(contact.stamps)
    written.discard(None)
    # What was emptied by hand has a stamp and no text; everything else that is empty has neither.
    if len(written) <= 1 and contact.stamps.count(None) == contact.values.count(""):
        return str(written.pop() if written else 0), NULL
    return "0", "{" + ",".join(["null" if at is None else str(at) for at in contact.stamps]) + "}"


def _escaped(row: Sequence[str]) -> str:
    cells = [cell.translate(_ESCAPES) if at != STAMPS else cell for at, cell in enumerate(row)]
    return "\t".join(cells)
