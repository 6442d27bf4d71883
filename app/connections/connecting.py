"""From "Connect" to a connected account: through the provider's page and back.

    begin ──▶ the provider's page, in the person's browser ──▶ finish

The state that comes back is 256 random bits, known here by its hash, good once, for ten minutes, and only in the
session that began (RFC 9700). The code is worth nothing without the PKCE verifier, which never leaves the server.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.connections import metrics, oauth
from app.connections.errors import NeedsConsent, TryLater
from app.connections.model import Connection, id_of
from app.connections.oauth import Grant
from app.connections.providers import Name, Provider
from app.connections.service import Connections
from app.connections.store import Asked
from app.core.errors import Rejected
from app.core.principals import Principal
from app.sealing import Unreadable

log = logging.getLogger(__name__)

STATE_SECONDS = 600
_EXCHANGE_PAUSES = (0.5, 1.5)


class Secret(msgspec.Struct, frozen=True):
    """What only the server knows of an authorisation under way."""

    verifier: str
    nonce: str


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `again`: this account was connected before; `fewer`: other contacts were wanted, not granted."""

    connection: Connection
    again: bool
    fewer: bool


def redirect_uri(public_url: str, provider: Name) -> str:
    """Where a provider sends people back to: one address each, exactly as it is registered there."""
    return f"{public_url.rstrip('/')}/connections/callback/{provider}"


async def begin(
    connections: Connections,
    principal: Principal,
    name: Name,
    public_url: str,
    *,
    other_contacts: bool = False,
    again: UUID | None = None,
) -> str:
    """The address of the provider's page. `again` is the connection that is to be made anew, by the same account.

    Raises Rejected `needs_browser` for a program, NotSetUp, Gone.
    """
    if principal.by != "session" or principal.person is None:
        raise Rejected("needs_browser", f"An account is connected in a browser: open {public_url} and press Connect.")
    provider = connections.ready(name)
    row = await connections.store.find(principal.workspace, again) if again else None
    if row is not None and row.connection.provider != name:
        raise Rejected("not_connected", "This account is another provider's.")
    state = secrets.token_urlsafe(32)
    secret = Secret(oauth.new_verifier(), secrets.token_urlsafe(16))
    wants_others = other_contacts or (row is not None and row.connection.other_contacts)
    digest = sha256(state.encode()).digest()
    await connections.store.ask(
        principal.workspace,
        digest,
        person=principal.person,
        holder=principal.holder,
        provider=name,
        asked=Asked(connections.vault.seal(msgspec.json.encode(secret), _about(digest)), wants_others, again),
        seconds=STATE_SECONDS,
    )
    return provider.authorise_url(
        state=state,
        challenge=oauth.challenge(secret.verifier),
        nonce=secret.nonce,
        redirect_uri=redirect_uri(public_url, name),
        other_contacts=wants_others,
        hint=row.connection.address if row else None,
        claims=row.claims if row else None,
    )


async def finish(
    connections: Connections, principal: Principal, name: Name, public_url: str, answer: Mapping[str, str]
) -> Connected:
    """Takes what the provider sent back (its query) and connects the account.

    Raises Rejected with one of the codes `too_late` (unknown, used, old, or another session's state), `denied`,
    `unticked` (reading contacts was not agreed to), `not_lasting` (no refresh token came), `another_account` (than the
    one that was to be connected again), `not_understood`; NotSetUp, TryAgain.
    """
    provider = connections.ready(name)
    state = answer.get("state", "")
    digest = sha256(state.encode()).digest()
    assert principal.person is not None, "authentication knows the person"
    asked = await connections.store.use(
        principal.workspace, digest, person=principal.person, holder=principal.holder, provider=name
    )
    if asked is None:
        raise Rejected("too_late", "This took too long, or was begun in another browser. Please connect again.")
    _check_sender(provider, answer)
    try:
        secret = msgspec.json.decode(connections.vault.open(asked.secret, _about(digest)), type=Secret)
    except Unreadable:
        raise Rejected("too_late", "This was begun before the keys changed. Please connect again.") from None
    grant = await _exchanged(connections, provider, answer.get("code", ""), secret, redirect_uri(public_url, name))
    account, address = _who(provider, grant, secret.nonce)
    found = Connection(
        id=id_of(principal.workspace, name, account),
        workspace=principal.workspace,
        provider=name,
        account=account,
        address=address,
        scopes=tuple(sorted(grant.scopes or ())),
        other_contacts=asked.other_contacts and provider.may_read_others(grant.scopes or frozenset()),
        state="connected",
        reason=None,
        connected_by=principal.name,
        connected_by_person=principal.person,
        connected_at=time.time(),
        last_import=None,
    )
    try:
        _check_grant(provider, grant, asked, found)
    except Rejected:
        # What was granted is of no use, so it is given back, unless it is somebody's connection already.
        await connections.withdraw(name, account, grant.refresh or grant.access)
        raise
    again = await connections.store.save(found, connections.seal(found, grant))
    metrics.CONNECTED.labels(name).inc()
    log.info("an account was connected", extra={"connection": str(found.id), "provider": name, "again": again})
    return Connected(connection=found, again=again, fewer=asked.other_contacts and not found.other_contacts)


def _check_sender(provider: Provider, answer: Mapping[str, str]) -> None:
    """Raises Rejected when the answer is a refusal, or another provider's (RFC 9207)."""
    issuer = answer.get("iss")
    if issuer is not None and urlsplit(issuer)[:2] != urlsplit(provider.authorise)[:2]:
        raise Rejected("not_understood", "This answer came from somebody else.")
    error = answer.get("error")
    if error in ("access_denied", "consent_required", "interaction_required"):
        raise Rejected("denied", f"{provider.title} says that you did not agree. Nothing was connected.")
    if error in ("temporarily_unavailable", "server_error"):
        raise TryLater(f"{provider.title} could not ask")
    if error is not None or not answer.get("code"):
        raise Rejected("not_understood", f"{provider.title} did not say whether you agreed. Please try again.")


async def _exchanged(connections: Connections, provider: Provider, code: str, secret: Secret, back: str) -> Grant:
    """The grant for a code. Somebody is waiting, so what is only busy is asked again at once."""
    for pause in (*_EXCHANGE_PAUSES, None):
        try:
            return await oauth.exchange(
                connections.client, provider, code=code, verifier=secret.verifier, redirect_uri=back
            )
        except NeedsConsent:
            raise Rejected("too_late", f"{provider.title} does not honour this answer any more.") from None
        except TryLater as busy:
            if pause is None or (busy.after or 0) > pause:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _who(provider: Provider, grant: Grant, nonce: str) -> tuple[str, str]:
    """Account and address; the nonce says that the ID token was made for this very question. Raises Rejected."""
    claims: Mapping[str, Any] = grant.identity or {}
    audience = claims.get("aud")
    ours = provider.client_id in (audience if isinstance(audience, list) else [audience])
    who = provider.identity(claims)
    if not ours or claims.get("nonce") != nonce or who is None:
        raise Rejected("not_understood", f"{provider.title} did not say whose account this is. Please try again.")
    return who


def _check_grant(provider: Provider, grant: Grant, asked: Asked, found: Connection) -> None:
    if asked.connection is not None and asked.connection != found.id:
        wanted = str(asked.connection)
        detail = "This is another account than the one that was to be connected again."
        raise Rejected("another_account", detail, connection=wanted)
    if not provider.may_read(grant.scopes or frozenset()):
        raise Rejected("unticked", f"{provider.title} did not get your permission to show us the contacts.")
    if grant.refresh is None:
        raise Rejected("not_lasting", f"{provider.title} gave no lasting permission. Please connect again.")


def _about(digest: bytes) -> str:
    return f"asked {digest.hex()}"
