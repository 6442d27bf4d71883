"""What an answer of a provider that is no page means for us. Pure: (provider, answer) -> verdict.

Answers are judged by their status, their headers and the machine-readable reason in their body; never by its sentences.
Facts: developers.google.com/people/v1 and cloud.google.com/apis/design/errors; learn.microsoft.com/graph/errors and
/graph/throttling; entra's claims-challenge. Bodies seen in the wild differ in spelling and status: a reason counts
wherever it stands and however it is written.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app.connections.http import pause
from app.connections.model import Reason
from app.core.events import Source


@dataclass(frozen=True, slots=True)
class Retry:
    """Busy, or broken for a while. `after`: the seconds that the provider asked for, None where it did not say."""

    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """The token is not taken: a fresh one may be, once."""


@dataclass(frozen=True, slots=True)
class Reauthorise:
    """Only the person can help; `claims` is what the provider wants to hear then."""

    reason: Reason
    claims: str | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """The provider does not know our cursor any more."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The installation is not set up as the provider wants it."""

    detail: str


@dataclass(frozen=True, slots=True)
class Permanent:
    """No repetition helps."""

    detail: str


Verdict = Retry | Unauthorised | Reauthorise | Expired | Operator | Permanent

_EXPIRED = frozenset({"expired_sync_token", "syncstatenotfound", "resyncrequired", "syncstateinvalid"})
_LIMITS = frozenset(
    "rate_limit_exceeded ratelimitexceeded userratelimitexceeded quotaexceeded quota_exceeded dailylimitexceeded"
    " toomanyrequests applicationthrottled activitylimitreached mailboxconcurrency errorserverbusy".split()
)
_SCOPES = frozenset({"access_token_scope_insufficient", "insufficientpermissions", "insufficient_scope"})
_DISABLED = frozenset({"service_disabled", "accessnotconfigured", "consumer_invalid", "api_key_invalid"})
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi"})
_BUSY = frozenset({408, 423, 425, 429, 500, 502, 503, 504, 509})
_CHALLENGE = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)


def judge(
    provider: Source, status: int, headers: Mapping[str, str], body: bytes, *, now: float, cursor: bool = False
) -> Verdict:
    """`now` in Unix seconds; `cursor`: the request had one, and all the rest of it never changes."""
    reasons = frozenset(_reasons(body))
    challenge = dict(_CHALLENGE.findall(headers.get("www-authenticate", "")))
    said = challenge.get("error", "").casefold()
    if said == "insufficient_claims" and status in {401, 403}:
        return Reauthorise("claims", _claims(challenge.get("claims", "")))
    if reasons & _EXPIRED or status == 410:
        return Expired()
    if reasons & _LIMITS or status in _BUSY or status >= 500:
        return Retry(pause(headers, now))
    if status < 400:
        return Retry()  # a redirection, which is not followed, or success without a page: somebody stands between us
    if reasons & _NO_MAILBOX:
        return Reauthorise("no_mailbox")
    if status == 401:
        return Unauthorised()
    if status == 403:
        return _forbidden(provider, reasons, said)
    if status in {400, 404} and cursor:
        return Expired()  # nothing else in the request changes; whoever begins anew too often is stopped
    return Permanent(f"The provider refused a request of ours (status {status}).")


def _forbidden(provider: Source, reasons: frozenset[str], said: str) -> Verdict:
    if reasons & _DISABLED:
        return Operator("The provider's API is switched off for this installation.")
    if said == "insufficient_scope" or reasons & _SCOPES:
        return Reauthorise("scope")
    return Reauthorise("scope" if provider == "google" else "refused")


def _reasons(body: bytes) -> Iterator[str]:
    """Every code and reason in an error's body, folded: Google's `details` and `errors`, Graph's `innerError`s."""
    try:
        error = msgspec.json.decode(body).get("error")
    except (msgspec.DecodeError, AttributeError, RecursionError):
        return
    for _ in range(10):
        if not isinstance(error, dict):
            return
        yield from _texts(error, "code", "status")
        for each in (*_members(error.get("details")), *_members(error.get("errors"))):
            yield from _texts(each, "reason")
        error = error.get("innerError") or error.get("innererror")


def _texts(value: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        found = value.get(name)
        if isinstance(found, str):
            yield found.casefold()


def _members(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _claims(encoded: str) -> str | None:
    """The JSON of a claims challenge; None if it is none."""
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return text if isinstance(msgspec.json.decode(text), dict) else None
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
