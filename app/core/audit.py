"""What is written down for good about who did what: ids only, no personal value."""

from collections.abc import Awaitable, Callable
from typing import Literal

from app.core.principals import Principal

Action = Literal[
    "signed_in",
    "signed_out",
    "import.requested",
    "import.cancelled",
    "file.deleted",
    "contacts.exported",
    "contact.erased",
    "member.invited",
    "member.role",
    "member.removed",
    "token.made",
    "token.revoked",
    "letter.shown",
]

Note = Callable[[Principal, Action, str], Awaitable[None]]
"""Writes down that a principal does this with that (an id, of an export its format, of a record that was
given up its reference). Raises TryAgain."""
