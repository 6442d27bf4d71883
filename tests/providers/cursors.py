"""Page tokens and sync tokens. A list is made once, when its first page is asked for; its pages show people as they are
when the page is asked for, and its end says up to which revision it is complete."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.providers.seeds import Seed

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Listing(Generic[T]):
    """One round: full (`since` is None) or of the changes above a revision."""

    number: int
    address: str
    kind: str
    asked: str
    """All parameters but the tokens, in a fixed form: every page must say the same."""
    items: Sequence[T]
    since: int | None
    until: int
    full_at: float
    """When the full round was, from which this one descends."""
    made: float
    size: int
    mask: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Sync:
    """What a round ended with."""

    address: str
    kind: str
    asked: str
    revision: int
    full_at: float
    mask: frozenset[str] = frozenset()


@dataclass(slots=True)
class Cursors:
    seed: Seed
    pages: dict[str, tuple[Listing[object], int]] = field(default_factory=dict)
    syncs: dict[str, Sync] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    """Tokens that a fault let expire."""
    _rounds: int = 0

    def next_round(self) -> int:
        self._rounds += 1
        return self._rounds

    def page(self, listing: Listing[object], offset: int, kind: str = "page") -> str:
        """The token of the page that begins at `offset`; the same page has the same token."""
        token = self.seed.secret(kind, listing.address, listing.number, offset)
        self.pages[token] = (listing, offset)
        return token

    def sync(self, listing: Listing[object], kind: str = "sync") -> str:
        """The token for what changes after this round."""
        token = self.seed.secret(kind, listing.address, listing.kind, listing.number, "end")
        self.syncs[token] = Sync(
            listing.address, listing.kind, listing.asked, listing.until, listing.full_at, listing.mask
        )
        return token
