"""Workspaces by their short names."""

import re
from uuid import UUID, uuid5

from app.core.errors import Rejected

_NAMESPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")  # of object identifiers, RFC 9562
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def workspace_id(slug: str) -> UUID:
    """The id of a workspace: the same on every site. Raises Rejected `bad_slug`."""
    if not _SLUG.fullmatch(slug):
        raise Rejected("bad_slug", "A workspace's short name has small letters, digits and dashes only.")
    return uuid5(_NAMESPACE, f"addressbus workspace {slug}")
