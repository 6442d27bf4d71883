"""Where a page ended: the `after` of the read side's lists. Programs hand it back and look no further into it."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from app.core.errors import Rejected

T = TypeVar("T")


class _Token(msgspec.Struct, frozen=True, array_like=True):
    def token(self) -> str:
        """As it stands in an URL."""
        return urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()


class Place(_Token, frozen=True, array_like=True):
    """In a list: the column it is sorted by, that column's value in the last row, and its id."""

    order: str
    key: int | float | str
    id: UUID

    @classmethod
    def parse(cls, token: str, order: str, kind: type | tuple[type, ...]) -> "Place":
        """Raises Rejected `bad_after` for what this list did not give out."""
        place = _parsed(token, cls)
        if place.order != order or not isinstance(place.key, kind) or "\x00" in str(place.key):
            raise _bad_after()
        return place


class ProblemPlace(_Token, frozen=True, array_like=True):
    """In an import's problems: the segment, the row in it and the number of the row's problem."""

    index: Annotated[int, msgspec.Meta(ge=-1, lt=2**31)]
    row: Annotated[int, msgspec.Meta(ge=-1, lt=2**31)]
    number: Annotated[int, msgspec.Meta(ge=-1, lt=2**15)]

    @classmethod
    def parse(cls, token: str) -> "ProblemPlace":
        """Raises Rejected `bad_after`."""
        return _parsed(token, cls)


def _parsed(token: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(urlsafe_b64decode(token.encode() + b"=="), type=kind)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise _bad_after() from error


def _bad_after() -> Rejected:
    return Rejected("bad_after", "This page's address is not of this list; please start from its first page.")
