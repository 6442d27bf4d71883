"""Codes and tokens: what was granted to whom, until when."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from tests.providers.seeds import Seed
from tests.providers.settings import DAY

CODE_LIFETIME = 600
REFRESH_LIFETIME = {"google": 180 * DAY, "microsoft": 90 * DAY}
"""Of a token that nobody uses."""


@dataclass(slots=True, eq=False)
class Grant:
    """One consent of one account. Everything made from it dies with it."""

    provider: str
    address: str
    scopes: tuple[str, ...]
    withdrawn: bool = False


@dataclass(slots=True, eq=False)
class Code:
    grant: Grant
    redirect: str
    challenge: str
    method: str
    nonce: str
    offline: bool
    made: float
    used: bool = False


@dataclass(slots=True, eq=False)
class Refresh:
    token: str
    grant: Grant
    used: float
    exchanged: float | None = None
    """When Microsoft gave a newer one for it."""


@dataclass(slots=True, eq=False)
class Access:
    token: str
    grant: Grant
    scopes: tuple[str, ...]
    ends: float
    revoked: bool = False


@dataclass(slots=True)
class Vault:
    seed: Seed
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    refresh: dict[str, Refresh] = field(default_factory=dict)
    consents: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(provider, address) -> scopes somebody agreed to."""
    _given: int = 0

    def new_code(self, code: Code) -> str:
        token = self._secret("code", code.grant)
        self.codes[token] = code
        return token

    def new_access(self, grant: Grant, now: float, lifetime: float, scopes: tuple[str, ...] = ()) -> Access:
        token = self._secret("access", grant)
        self.access[token] = Access(token, grant, scopes or grant.scopes, now + lifetime)
        return self.access[token]

    def new_refresh(self, grant: Grant, now: float) -> str:
        token = self._secret("refresh", grant)
        self.refresh[token] = Refresh(token, grant, now)
        return token

    def live_refresh(self, token: str, now: float, grace: float) -> Refresh | None:
        """None: unknown, withdrawn, unused for too long, or exchanged longer ago than the grace."""
        found = self.refresh.get(token)
        if found is None or found.grant.withdrawn:
            return None
        if now - found.used > REFRESH_LIFETIME[found.grant.provider]:
            return None
        if found.exchanged is not None and now - found.exchanged > grace:
            return None
        return found

    def withdraw(self, provider: str, address: str) -> None:
        """The account's owner takes the consent back: all its tokens die."""
        self.consents.pop((provider, address), None)
        kept = (self.access.values(), self.refresh.values(), self.codes.values())
        for grant in {one.grant for some in kept for one in some}:
            if grant.provider == provider and grant.address == address:
                grant.withdrawn = True

    def _secret(self, kind: str, grant: Grant) -> str:
        self._given += 1
        secret = self.seed.secret(f"{kind}-{grant.provider}", grant.address, self._given)
        # As long as real ones, which break columns that are too short.
        return secret + (self.seed.bytes(secret, size=64).hex() * 8 if grant.provider == "microsoft" else "")


def answers(challenge: str, method: str, verifier: str) -> bool:
    """RFC 7636, 4.6."""
    if method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
    return verifier == challenge
