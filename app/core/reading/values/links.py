"""Links, and the labels that people give to values and contacts."""

import re

from app.core.reading.values.texts import is_placeholder

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*+):")
MAX_URL = 2048


def url(cell: str) -> str | None:
    """A link to the web as it is written; None for anything else, `javascript:` above all.

    Plain: no blank in it, and either http(s):// or a host with a dot first.
    """
    if any(character.isspace() for character in cell) or len(cell) > MAX_URL:
        return None
    scheme = _SCHEME.match(cell)
    if scheme and not cell[scheme.end() :][:1].isdigit():
        return cell if scheme[1].lower() in {"http", "https", "ftp"} and len(cell) > scheme.end() + 2 else None
    host = re.split(r"[/?#:]", cell, maxsplit=1)[0]
    return cell if "." in host.strip(".") else None


_KNOWN_LABELS = frozenset(
    {"home", "work", "mobile", "cell", "other", "main", "fax", "pager", "home fax", "work fax", "school", "profile"}
)


def kind(cell: str) -> tuple[str, bool]:
    """The label of an e-mail, phone, address or link, and whether it is the primary one (Google's `* Work`)."""
    primary = cell.startswith("*")
    label = cell.lstrip("* ")
    folded = label.casefold()
    return (folded if folded in _KNOWN_LABELS else label)[:64], primary


_SYSTEM_LABELS = frozenset({"mycontacts", "my contacts"})


def label(cell: str) -> str:
    """A label or group; "" for Google's group that everybody is in, and for what only says that there is none."""
    if is_placeholder(cell):
        return ""
    if len(cell) > 2 and cell[0] == cell[-1] == '"':
        # Mailchimp quotes the labels within a cell.
        cell = cell[1:-1]
    name = cell.lstrip("* ") if cell.startswith("*") else cell
    if cell.startswith("*") and name.casefold() in _SYSTEM_LABELS:
        return ""
    return name[:200]
