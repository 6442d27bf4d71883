"""Where a pass through an address book stands, and what one answer of the provider makes of it. Pure.

The stand has cursors in it: it is kept sealed, and is never in a topic or a log.
"""

from typing import Literal, NamedTuple, Protocol

import msgspec

Stage = Literal["groups", "connections", "others", "default", "folders", "children", "contacts", "end"]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a complete pass left. `profile` names what was asked for: other fields need all people anew.

    `tokens`: stream -> sync token or delta link. `full_at`: when the last full pass began, in Unix seconds.
    """

    profile: str
    tokens: dict[str, str]
    groups: dict[str, str]
    full_at: float


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """`cursor` leads to the next page of this stage; "" to its first one.

    `old` has the tokens of the last complete pass as long as they hold; with `full` there are none. `tokens` are those
    of this pass, `folders` those found so far, of which `at` is the number of the one in hand. `since` is the index of
    the first segment of a full pass, `restarts` how often a cursor died.
    """

    stage: Stage
    full: bool
    full_at: float
    cursor: str = ""
    old: dict[str, str] = {}
    tokens: dict[str, str] = {}
    groups: dict[str, str] = {}
    old_groups: dict[str, str] = {}
    folders: tuple[str, ...] = ()
    at: int = 0
    since: int = 0
    restarts: int = 0
    others: bool = False


class Request(NamedTuple):
    """One GET."""

    url: str
    headers: dict[str, str]


class Page(NamedTuple):
    """What came: items as they are, the stream they belong to, and where to go on."""

    items: list[msgspec.Raw]
    stream: str
    after: Stand


class Malformed(Exception):
    """An answer with status 200 that is not what its provider documents."""


class Course(Protocol):
    """How one provider's address book is read. `api` is the base of its addresses."""

    profile: str

    def begin(self, mark: Mark | None, *, full: bool, others: bool, now: float) -> Stand:
        """The first stand: of a pass for changes where `mark` allows it."""

    def request(self, stand: Stand) -> Request:
        """What to ask for next."""

    def take(self, stand: Stand, body: bytes) -> Page:
        """Makes the next stand of an answer. Raises Malformed."""

    def anew(self, stand: Stand, segments: int) -> Stand:
        """The provider does not know our cursor any more: from where to begin again."""

    def mark(self, stand: Stand) -> Mark:
        """What a complete pass leaves."""
