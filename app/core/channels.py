"""Channels, and the tokens that open them: bound to one credential, checked without any database.

A channel id is 128 random bits and still no secret. What opens it is a token, an HMAC over key id, channel,
workspace, holder and expiry. The holder is made from the session cookie or bearer token that asked for it, so a
stolen token is useless without that credential.

    v1.<key id>.<workspace, 32 hex digits>.<expiry, Unix seconds>.<HMAC, 64 hex digits>
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

from app.core.errors import Rejected

TOKEN_SECONDS = 3600
"""How long a token opens its channel, unless it is refreshed."""

OPERATORS = UUID(int=0)
"""Not a workspace: the channel of those to whom the installation belongs is under this id."""

CHANNEL = re.compile(r"[A-Za-z0-9_-]{22}")
"""What the id of any channel looks like."""

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_TOKEN = re.compile(r"v1\.([A-Za-z0-9_-]{1,16})\.([0-9a-f]{32})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)
_LEAST_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """The signing keys in force, (id, secret): the first signs, all verify, so that keys can be changed in peace."""

    keys: Sequence[tuple[str, bytes]]

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Reads `id:hex,id:hex` (CHANNEL_KEYS). Raises ValueError, in words for the operator."""
        keys: list[tuple[str, bytes]] = []
        for part in text.split(","):
            name, _, digits = part.strip().partition(":")
            if not _KEY_ID.fullmatch(name) or name in dict(keys):
                raise ValueError(f"each key is id:hex with an id of its own, not {name!r}")
            try:
                secret = bytes.fromhex(digits)
            except ValueError:
                raise ValueError(f"the key {name!r} is not written in hexadecimal digits") from None
            if len(secret) < _LEAST_KEY_BYTES:
                raise ValueError(f"the key {name!r} is shorter than {_LEAST_KEY_BYTES} bytes")
            keys.append((name, secret))
        return cls(tuple(keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a token that verified allows: to hear `channel` of `workspace` until `expires_at` (Unix seconds)."""

    channel: str
    workspace: UUID
    expires_at: int


def new_channel(random: bytes) -> str:
    """The id of a new channel from 16 random bytes: 22 letters, digits, - and _."""
    assert len(random) == 16, "a channel is 128 bits"
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def workspace_channel(workspace: UUID) -> str:
    """The channel that hears all imports of a workspace: always the same, made from the workspace's id."""
    return new_channel(hmac.digest(b"addressbus workspace channel", workspace.bytes, "sha256")[:16])


def holder_of(credential: str) -> str:
    """The name under which a session or bearer token (256 random bits) is known outside the web service.

    Keyless on purpose: the credential cannot be guessed, so its holder gives nothing away.
    """
    return hmac.new(b"addressbus holder", credential.encode(), sha256).hexdigest()


def cookie_name(public_url: str) -> str:
    """The session cookie's name: one per port on http, so that two stacks share one browser; `__Host-` on https."""
    url = urlsplit(public_url)
    return "__Host-addressbus" if url.scheme == "https" else f"addressbus_{url.port or 80}"


def issue(keys: Keys, channel: str, workspace: UUID, holder: str, expires_at: int) -> str:
    """A token that opens `channel` for this holder until `expires_at` (Unix seconds)."""
    name, secret = keys.keys[0]
    return f"v1.{name}.{workspace.hex}.{expires_at}.{_sign(secret, name, channel, workspace, holder, expires_at)}"


def verify(keys: Keys, token: str, *, channel: str, holder: str, now: float) -> Claim:
    """What `token` allows this holder on this channel, in constant time.

    Raises Rejected `bad_token`, or `token_expired` for one that was good until `now` (Unix seconds).
    """
    found = _TOKEN.fullmatch(token)
    secret = dict(keys.keys).get(found[1]) if found else None
    if found is None or secret is None or not CHANNEL.fullmatch(channel):
        raise Rejected("bad_token", "This token opens nothing here.")
    workspace, expires_at = UUID(hex=found[2]), int(found[3])
    if not hmac.compare_digest(found[4], _sign(secret, found[1], channel, workspace, holder, expires_at)):
        raise Rejected("bad_token", "This token opens another channel, or belongs to someone else.")
    if expires_at <= now:
        raise Rejected("token_expired", "This token has expired; ask for a new one.")
    return Claim(channel=channel, workspace=workspace, expires_at=expires_at)


def _sign(secret: bytes, name: str, channel: str, workspace: UUID, holder: str, expires_at: int) -> str:
    # None of the fields can hold a newline, so no two claims share a text.
    text = "\n".join(("v1", name, channel, workspace.hex, holder, str(expires_at)))
    return hmac.new(secret, text.encode(), sha256).hexdigest()
