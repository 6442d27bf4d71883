"""Staged contacts as PostgreSQL's COPY text: joined at C speed, escaped only where a block needs it."""

from collections.abc import Sequence

import msgspec

from app.core.contacts import Contact, Staged

_encode = msgspec.json.Encoder().encode
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def rows(staged: Sequence[Staged]) -> bytes:
    """One line per contact: id, match key, the scalars, stamps, sets, custom, born, last."""
    if not staged:
        return b""
    cells = [
        (
            id_,
            contact.match_key,
            *contact.values,
            stamps(contact),
            _encode(contact.sets).decode(),
            _encode(contact.custom).decode() if contact.custom else "{}",
            str(contact.born),
            str(contact.last),
        )
        for id_, contact, _ in staged
    ]
    block = "\n".join(["\t".join(row) for row in cells]) + "\n"
    tabs = len(cells) * (len(cells[0]) - 1)
    if "\\" in block or "\r" in block or block.count("\t") != tabs or block.count("\n") != len(cells):
        block = "".join(["\t".join([cell.translate(_ESCAPES) for cell in row]) + "\n" for row in cells])
    return block.encode()


def stamps(contact: Contact) -> str:
    """An array: one stamp where it says it all (`packed` in SQL), else one per field."""
    written = set(contact.stamps)
    written.discard(None)
    # What was emptied by hand has a stamp and no text; everything else that is empty has neither.
    if len(written) <= 1 and contact.stamps.count(None) == contact.values.count(""):
        return f"{{{written.pop() if written else 0}}}"
    return "{" + ",".join(["null" if at is None else str(at) for at in contact.stamps]) + "}"
