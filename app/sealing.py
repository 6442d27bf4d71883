"""What databases and topics may hold only as ciphertext: AES-256-GCM, bound to the place that it belongs to.

A Vault seals what a database keeps, under the keys of the installation (DATA_KEYS):

    format 1 | length of the key id | key id | nonce, 12 bytes | ciphertext and tag

The key id and what the text is about are authenticated, so a ciphertext that was moved to another row, or is said to
be of another key, does not open. Several keys may be in force: the first encrypts, all decrypt, so that keys can be
changed in peace.

Files seals what records carry of an import's file, under a key of that import alone, which a Vault has sealed:

    format 1 | nonce, 12 bytes | ciphertext of the compressed value, and tag

The header `sealed` says whose it is; it and the header `segment` are authenticated. Without its key, 48 bytes in
`import.keys`, all that is left of a file is noise, wherever it was copied to.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

import cramjam
import msgspec
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

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return self._first

    def is_first(self, sealed: bytes) -> bool:
        """Whether this was sealed under the first key."""
        return sealed[2 : 2 + sealed[1]] == self._first.encode()

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


class Rewrapping:
    """Seals under the first key what was sealed under another, and counts: `anew`, `same` (it was already), `lost`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.anew = self.same = self.lost = 0

    def take(self, sealed: bytes | None, about: str) -> bytes | None:
        """What is to stand in its place; None: it may stay, or none of the keys opens it, or there is nothing."""
        if sealed is None:
            return None
        try:
            plain = self._vault.open(sealed, about)
        except Unreadable:
            self.lost += 1
            return None
        if self._vault.is_first(sealed):
            self.same += 1
            return None
        self.anew += 1
        return self._vault.seal(plain, about)


HEADER = "sealed"
"""The header of a record whose value is sealed."""

_COMPRESSION = 1
"""Of zstd: a third faster than the producers' own level, and no larger for what address books hold (measured)."""

Headers = list[tuple[str, bytes]]


class Sealed(msgspec.Struct, frozen=True):
    """The JSON header `sealed`: whose file it is of, and the data centre where its key was made."""

    workspace: UUID
    import_id: UUID
    site: str


class Files:
    """Seals and opens the values of records under the key of their import, `wrapped` as the vault has sealed it."""

    def __init__(self, vault: Vault, site: str) -> None:
        self._vault = vault
        self._site = site

    def new_key(self, import_id: UUID) -> bytes:
        """A new key, wrapped."""
        return self._vault.seal(AESGCM.generate_key(8 * _KEY_BYTES), about_key(import_id))

    def seal(
        self, wrapped: bytes, workspace: UUID, import_id: UUID, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[bytes, Headers]:
        """The value as it may travel, and its headers with `sealed` among them. Raises Unreadable."""
        said = msgspec.json.encode(Sealed(workspace, import_id, self._site))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        given = dict(headers)
        packed = bytes(cramjam.zstd.compress(value, _COMPRESSION))
        sealed = self._key(wrapped, import_id).encrypt(nonce, packed, _authenticated(said, given))
        return bytes([_FORMAT]) + nonce + sealed, [*given.items(), (HEADER, said)]

    def open(self, wrapped: bytes, value: bytes, headers: Mapping[str, bytes]) -> bytes:
        """What `seal` was given. Raises Unreadable."""
        if value[:1] != bytes([_FORMAT]):
            raise Unreadable("this is not one of our ciphertexts")
        key = self._key(wrapped, whose(headers).import_id)
        nonce, sealed = value[1 : 1 + _NONCE_BYTES], value[1 + _NONCE_BYTES :]
        try:
            return bytes(cramjam.zstd.decompress(key.decrypt(nonce, sealed, _authenticated(headers[HEADER], headers))))
        except (InvalidTag, ValueError):
            raise Unreadable("a sealed value was changed, or belongs to another record") from None

    def _key(self, wrapped: bytes, import_id: UUID) -> AESGCM:
        return AESGCM(self._vault.open(wrapped, about_key(import_id)))


def whose(headers: Mapping[str, bytes]) -> Sealed:
    """What the header `sealed`, which must be there, says. Raises Unreadable."""
    try:
        return _sealed.decode(headers[HEADER])
    except msgspec.DecodeError:
        raise Unreadable("the header of a sealed value cannot be read") from None


_sealed = msgspec.json.Decoder(Sealed)


def about_key(import_id: UUID) -> str:
    """What the wrapped key of a file is about."""
    return f"import {import_id}"


def _authenticated(said: bytes, headers: Mapping[str, bytes]) -> bytes:
    """The headers that belong to the value. How often it was tried, and where it was first, may change."""
    return said + headers.get("segment", b"")
