"""What the database may hold only as ciphertext: AES-256-GCM, bound to the row that it belongs to.

    format 1 | length of the key id | key id | nonce, 12 bytes | ciphertext and tag

The key id and what the text is about are authenticated, so a ciphertext that was moved to another row, or is said to
be of another key, does not open. Several keys may be in force: the first encrypts, all decrypt, so that keys can be
changed in peace.
"""

import re
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = 1
_KEY_BYTES, _NONCE_BYTES = 32, 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")


class Unreadable(Exception):
    """A ciphertext of a key that is not here, or one that somebody changed or moved."""


class Vault:
    """Seals and opens. `about` names the place of a text (row and column) and has to be the same both times."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._first = keys[0][0]
        self._keys = {name: AESGCM(secret) for name, secret in keys}

    @classmethod
    def parse(cls, text: str) -> "Vault":
        """Reads `id:hex,id:hex` (DATA_KEYS). Raises ValueError, in words for the operator that repeat no secret."""
        keys: dict[str, bytes] = {}
        for part in text.split(","):
            name, _, digits = part.strip().partition(":")
            if not _KEY_ID.fullmatch(name) or name in keys:
                raise ValueError("each key is id:hex, with an id of its own of at most 16 letters and digits")
            try:
                keys[name] = bytes.fromhex(digits)
            except ValueError:
                raise ValueError(f"the key {name!r} is not written in hexadecimal digits") from None
            if len(keys[name]) != _KEY_BYTES:
                raise ValueError(f"the key {name!r} has {len(keys[name])} bytes and must have {_KEY_BYTES}")
        return cls(tuple(keys.items()))

    def seal(self, plain: bytes, about: str) -> bytes:
        """Encrypts with the first key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = bytes([_FORMAT, len(self._first)]) + self._first.encode()
        return head + nonce + self._keys[self._first].encrypt(nonce, plain, head + about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises Unreadable."""
        if len(sealed) < 2 or sealed[0] != _FORMAT:
            raise Unreadable("this is not one of our ciphertexts")
        head, rest = sealed[: 2 + sealed[1]], sealed[2 + sealed[1] :]
        name = head[2:].decode("ascii", "replace")
        key = self._keys.get(name)
        if key is None:
            raise Unreadable(f"the key {name!r} is not among the keys in force")
        try:
            return key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + about.encode())
        except (InvalidTag, ValueError):
            raise Unreadable("a ciphertext was changed, or belongs to another place") from None
