"""What each answer of a provider means, whatever its spelling."""

import base64
from typing import Any

import msgspec
import pytest

from app.core.events import Source
from workers.fetcher.verdicts import (
    Expired,
    Operator,
    Permanent,
    Reauthorise,
    Retry,
    Unauthorised,
    Verdict,
    judge,
)

NOW = 1_700_000_000.0
OFF = Operator("The provider's API is switched off for this installation.")


def google(reason: str = "", status: str = "INVALID_ARGUMENT", **more: Any) -> bytes:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return msgspec.json.encode({"error": {"code": 400, "message": "m", "status": status, "details": details, **more}})


def graph(code: str, inner: str = "") -> bytes:
    inner_error = {"date": "d", **({"code": inner} if inner else {})}
    return msgspec.json.encode({"error": {"code": code, "message": "m", "innerError": inner_error}})


@pytest.mark.parametrize(
    ("provider", "status", "body", "verdict"),
    [
        ("google", 400, google("EXPIRED_SYNC_TOKEN"), Expired()),
        ("google", 400, google("EXPIRED_SYNC_TOKEN", "FAILED_PRECONDITION"), Expired()),
        ("google", 410, b"", Expired()),
        ("google", 400, google(), Permanent("The provider refused a request of ours (status 400).")),
        ("google", 401, google(status="UNAUTHENTICATED"), Unauthorised()),
        ("google", 403, google("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), Reauthorise("scope")),
        (
            "google",
            403,
            google("SERVICE_DISABLED"),
            Operator("The provider's API is switched off for this installation."),
        ),
        ("google", 403, google("RATE_LIMIT_EXCEEDED"), Retry()),
        ("google", 403, google(errors=[{"reason": "userRateLimitExceeded"}]), Retry()),
        ("google", 403, google(errors=[{"reason": "quotaExceeded"}]), Retry()),
        ("google", 429, google("RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"), Retry()),
        ("google", 404, b"<html>", Permanent("The provider refused a request of ours (status 404).")),
        ("microsoft", 410, graph("SyncStateNotFound"), Expired()),
        ("microsoft", 400, graph("badRequest", "resyncRequired"), Expired()),
        ("microsoft", 404, graph("syncStateNotFound"), Expired()),
        ("microsoft", 401, graph("InvalidAuthenticationToken"), Unauthorised()),
        ("microsoft", 403, graph("ErrorAccessDenied"), Reauthorise("refused")),
        ("microsoft", 404, graph("MailboxNotEnabledForRESTAPI"), Reauthorise("no_mailbox")),
        ("microsoft", 429, graph("ApplicationThrottled"), Retry()),
        ("microsoft", 423, b"", Retry()),
        ("microsoft", 503, b"", Retry()),
        ("microsoft", 509, b"", Retry()),
        ("microsoft", 302, b"", Retry()),
        ("microsoft", 599, b"{", Retry()),
        ("microsoft", 400, b"[" * 100_000, Permanent("The provider refused a request of ours (status 400).")),
        ("microsoft", 400, b'{"error": []}', Permanent("The provider refused a request of ours (status 400).")),
    ],
)
def test_an_answer_means(provider: Source, status: int, body: bytes, verdict: Verdict) -> None:
    assert judge(provider, status, {}, body, now=NOW) == verdict


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("2.128", 2.128),
        ("0", 0.0),
        ("3600", 3600.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("soon", None),
        ("", None),
        ("-5", 0.0),
        ("inf", None),
        ("1e9", 86_400.0),
    ],
)
def test_every_form_of_retry_after_is_understood(text: str, seconds: float | None) -> None:
    assert judge("microsoft", 429, {"retry-after": text}, b"", now=NOW) == Retry(seconds)


def test_a_challenge_tells_what_the_person_has_to_be_asked() -> None:
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    encoded = base64.b64encode(claims.encode()).decode().rstrip("=")
    header = f'Bearer realm="", claims="{encoded}", error="insufficient_claims"'
    for status in (401, 403):
        found = judge("microsoft", status, {"www-authenticate": header}, b"", now=NOW)
        assert found == Reauthorise("claims", claims)


def test_a_challenge_that_cannot_be_read_is_still_one() -> None:
    header = 'Bearer error="insufficient_claims", claims="%%%"'
    assert judge("microsoft", 401, {"www-authenticate": header}, b"", now=NOW) == Reauthorise("claims")


def test_a_missing_scope_is_told_in_a_header_too() -> None:
    header = 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'
    assert judge("google", 403, {"www-authenticate": header}, b"", now=NOW) == Reauthorise("scope")


def test_a_refused_request_whose_only_change_is_its_cursor_means_the_cursor() -> None:
    for status in (400, 404):
        assert judge("google", status, {}, google(), now=NOW, cursor=True) == Expired()
