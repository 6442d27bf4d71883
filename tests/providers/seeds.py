"""All that looks random: the same seed and the same words give the same bytes, on every machine."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


class Seed:
    def __init__(self, number: int) -> None:
        self.number = number
        self._key = f"addressbus-{number}".encode()

    def bytes(self, *words: object, size: int = 32) -> bytes:
        return hashlib.blake2b("\x1f".join(map(str, words)).encode(), digest_size=size, key=self._key).digest()

    def number_of(self, *words: object) -> int:
        """63 bits."""
        return int.from_bytes(self.bytes(*words, size=8)) >> 1

    def secret(self, kind: str, *words: object) -> str:
        """`sim-page-...`: told by its beginning, see `SECRETS`."""
        return f"sim-{kind}-{self.bytes(kind, *words, size=20).hex()}"

    def uuid(self, *words: object) -> str:
        return str(UUID(bytes=self.bytes(*words, size=16), version=4))

    def base64(self, *words: object, size: int = 30) -> str:
        return urlsafe_b64encode(self.bytes(*words, size=size)).decode()


class Dice:
    """Up to 32 choices out of one digest, in a fixed order; cheap enough for every contact."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._at = 0

    def roll(self, sides: int) -> int:
        """0 ... sides - 1 (at most 65,536)."""
        self._at = (self._at + 2) % (len(self._digest) - 1)
        return (self._digest[self._at] << 8 | self._digest[self._at + 1]) % sides

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.roll(len(choices))]
