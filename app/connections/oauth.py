"""The three questions to a token endpoint: exchange a code, refresh, revoke. RFC 6749, 7636, 7009.

What an answer means is decided in `read`, without any I/O, from status and `error` alone: descriptions are for people.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from app.connections import http
from app.connections.errors import NeedsConsent, NotSetUp, TryLater
from app.connections.http import Answer, Client
from app.connections.providers import Provider

DEADLINE_SECONDS = 15.0
_MOST_BYTES = 256 * 1024
_UNSAID_SECONDS = 600.0
"""How long a token is believed in whose answer does not say."""
_PERSON = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
_WORLD = frozenset({"temporarily_unavailable", "server_error", "internal_failure"})


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token endpoint gave. `refresh` None: the one we have stays good; `scopes` None: it did not say."""

    access: str
    seconds: float
    refresh: str | None = None
    scopes: frozenset[str] | None = None
    identity: Mapping[str, Any] | None = None


def new_verifier() -> str:
    """A PKCE verifier: 86 characters, 512 random bits."""
    return secrets.token_urlsafe(64)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def exchange(client: Client, provider: Provider, *, code: str, verifier: str, redirect_uri: str) -> Grant:
    """A grant for a code. Raises NeedsConsent (the code is not good any more), NotSetUp, TryLater."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return read(provider, await _post(client, provider, provider.token, form), time.time())


async def refresh(client: Client, provider: Provider, token: str) -> Grant:
    """A new access token. Raises NeedsConsent (only the person can mend it), NotSetUp, TryLater."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return read(provider, await _post(client, provider, provider.token, form), time.time())


async def revoke(client: Client, provider: Provider, token: str) -> bool:
    """Whether the provider does not honour this token any more. Raises TryLater."""
    if provider.revoke is None:
        return False
    answer = await http.ask(
        client, "POST", provider.revoke, form={"token": token}, most=_MOST_BYTES, deadline=DEADLINE_SECONDS
    )
    if answer.status == 429 or answer.status >= 500:
        raise TryLater(f"{provider.title} answered {answer.status}", http.pause(answer.headers, time.time()))
    return answer.status == 200 or _members(answer.body).get("error") == "invalid_token"


async def _post(client: Client, provider: Provider, url: str, form: Mapping[str, str]) -> Answer:
    whole = {**form, "client_id": provider.client_id, "client_secret": provider.client_secret}
    return await http.ask(client, "POST", url, form=whole, most=_MOST_BYTES, deadline=DEADLINE_SECONDS)


def read(provider: Provider, answer: Answer, now: float) -> Grant:
    """What an answer of the token endpoint means. Raises NeedsConsent, NotSetUp, TryLater."""
    members = _members(answer.body)
    error = members.get("error")
    after = http.pause(answer.headers, now)
    if answer.status in (408, 429) or answer.status >= 500 or error in _WORLD:
        raise TryLater(f"{provider.title} answered {answer.status}", after)
    if error in _PERSON:
        raise NeedsConsent
    if isinstance(error, str) and answer.status >= 400:
        raise NotSetUp(
            f"{provider.title} refuses this installation ({_tame(error)}). Its operator has to look at"
            f" {provider.name.upper()}_CLIENT_ID and {provider.name.upper()}_CLIENT_SECRET, and at the client there."
        )
    access, kind = members.get("access_token"), members.get("token_type", "Bearer")
    if answer.status != 200 or not isinstance(access, str) or not access or str(kind).lower() != "bearer":
        # An HTML page, a redirect, half an answer: nothing of it may be kept.
        raise TryLater(f"{provider.title} answered {answer.status} without a token", after)
    renewed, scope = members.get("refresh_token"), members.get("scope")
    return Grant(
        access=access,
        seconds=_seconds(members.get("expires_in")),
        refresh=renewed if isinstance(renewed, str) and renewed else None,
        scopes=provider.granted(scope) if isinstance(scope, str) else None,
        identity=_identity(members.get("id_token")),
    )


def _members(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _UNSAID_SECONDS
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else _UNSAID_SECONDS


def _identity(token: object) -> Mapping[str, Any] | None:
    """The claims of an ID token. It came from the token endpoint itself, over TLS, so that its signature needs no
    check (OpenID Connect Core 3.1.3.7, 6); audience, nonce and expiry are the caller's to check."""
    try:
        middle = str(token).split(".")[1]
        found = msgspec.json.decode(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError, msgspec.DecodeError):
        return None
    return found if isinstance(found, dict) else None


def _tame(error: str) -> str:
    return "".join(mark for mark in error[:60] if mark.isalnum() or mark in "_-. ")
