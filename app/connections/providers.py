"""Google and Microsoft: where they are, what we ask for, and how to read what they granted. Pure.

Facts: developers.google.com/identity/protocols/oauth2/web-server, Microsoft's v2-oauth2-auth-code-flow; RFC 6749, 7636,
9207, OpenID Connect Core 1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlencode

from app import config

Name = Literal["google", "microsoft"]
NAMES: tuple[Name, ...] = ("google", "microsoft")

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/"
_GRAPH_SCOPE = "https://graph.microsoft.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider as this installation knows it.

    `needs` names the settings that are missing; while there are some, nobody can connect. `scopes` is what is asked
    for, `reading` are the granted scopes of which one is enough to read contacts, `other` the scope of the people one
    only wrote to ("other contacts"), `api` the only place that ever sees an access token.
    """

    name: Name
    title: str
    needs: tuple[str, ...]
    client_id: str
    client_secret: str
    authorise: str
    token: str
    revoke: str | None
    api: str
    scopes: tuple[str, ...]
    reading: frozenset[str]
    other: str | None
    manage: str

    def authorise_url(
        self,
        *,
        state: str,
        challenge: str,
        nonce: str,
        redirect_uri: str,
        other_contacts: bool = False,
        hint: str | None = None,
        claims: str | None = None,
    ) -> str:
        """The page where a person agrees. `hint` is the address of the account that is to be connected again."""
        scopes = [*self.scopes, *([self.other] if other_contacts and self.other else [])]
        asked = {
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.name == "google":
            # Without the consent screen there is no refresh token.
            prompt = "consent" if hint else "select_account consent"
            asked |= {"access_type": "offline", "prompt": prompt, "include_granted_scopes": "true"}
        else:
            asked |= {"response_mode": "query", **({} if hint else {"prompt": "select_account"})}
        if hint:
            asked["login_hint"] = hint
        if claims:
            asked["claims"] = claims
        return f"{self.authorise}?{urlencode(asked)}"

    def granted(self, scope: str) -> frozenset[str]:
        """The scopes of a token answer, in one spelling: small letters, Microsoft's without its host."""
        text = unquote(scope) if self.name == "microsoft" else scope
        return frozenset(one.removeprefix(_GRAPH_SCOPE) for one in text.casefold().split())

    def may_read(self, granted: frozenset[str]) -> bool:
        """Whether these scopes let us read contacts: people may untick it."""
        return bool(self.reading & granted)

    def may_read_others(self, granted: frozenset[str]) -> bool:
        return self.other is not None and self.other in granted

    def identity(self, claims: Mapping[str, object]) -> tuple[str, str] | None:
        """(account, address) from the claims of an ID token: its stable name, and what its owner calls it."""
        subject = claims.get("sub")
        if self.name == "microsoft" and claims.get("oid") and claims.get("tid"):
            subject = f"{claims['tid']}.{claims['oid']}"  # `sub` is another for every client id
        names = (claims.get(name) for name in ("email", "preferred_username", "name"))
        address = next((name for name in names if isinstance(name, str) and name.strip()), "")
        if not isinstance(subject, str) or not subject or len(subject) > 255:
            return None
        shown = "".join(mark for mark in address if mark.isprintable()).strip()[:320]
        return subject, shown or self.title


def providers(settings: config.Providers) -> dict[str, Provider]:
    """Both, from the configuration."""
    return {"google": _google(settings), "microsoft": _microsoft(settings)}


def _google(settings: config.Providers) -> Provider:
    return Provider(
        name="google",
        title="Google",
        needs=_needs(GOOGLE_CLIENT_ID=settings.google_client_id, GOOGLE_CLIENT_SECRET=settings.google_client_secret),
        client_id=settings.google_client_id,
        client_secret=settings.google_client_secret,
        authorise=_join(settings.google_auth_url, "o/oauth2/v2/auth"),
        token=_join(settings.google_token_url, "token"),
        revoke=_join(settings.google_token_url, "revoke"),
        api=_join(settings.google_people_url, "v1"),
        scopes=("openid", "email", f"{_GOOGLE_SCOPE}contacts.readonly"),
        reading=frozenset({f"{_GOOGLE_SCOPE}contacts.readonly", f"{_GOOGLE_SCOPE}contacts"}),
        other=f"{_GOOGLE_SCOPE}contacts.other.readonly",
        manage="https://myaccount.google.com/connections",
    )


def _microsoft(settings: config.Providers) -> Provider:
    login = _join(settings.microsoft_login_url, f"{settings.microsoft_tenant}/oauth2/v2.0")
    return Provider(
        name="microsoft",
        title="Microsoft",
        needs=_needs(
            MICROSOFT_CLIENT_ID=settings.microsoft_client_id, MICROSOFT_CLIENT_SECRET=settings.microsoft_client_secret
        ),
        client_id=settings.microsoft_client_id,
        client_secret=settings.microsoft_client_secret,
        authorise=f"{login}/authorize",
        token=f"{login}/token",
        revoke=None,  # there is no RFC 7009 endpoint
        api=_join(settings.microsoft_graph_url, "v1.0"),
        # `profile` brings the names of account and tenant, offline_access the refresh token.
        scopes=("openid", "profile", "email", "offline_access", f"{_GRAPH_SCOPE}Contacts.Read"),
        reading=frozenset({"contacts.read", "contacts.readwrite"}),
        other=None,
        manage="https://account.live.com/consent/Manage",
    )


def _needs(**values: str) -> tuple[str, ...]:
    return tuple(name for name, value in values.items() if not value)


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"
