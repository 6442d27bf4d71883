"""What a token endpoint's answers mean: who can mend it, and what may be kept."""

import base64
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import config
from app.connections import oauth
from app.connections.errors import NeedsConsent, NotSetUp, TryLater
from app.connections.http import Answer
from app.connections.providers import Provider, providers

SETTINGS = config.Providers(
    process_name="test",
    kafka_bootstrap="",
    connections_database_url="",
    data_keys="",
    google_client_id="our-id",
    google_client_secret="our-secret",
    microsoft_client_id="our-id",
    microsoft_client_secret="our-secret",
)
GOOGLE, MICROSOFT = providers(SETTINGS)["google"], providers(SETTINGS)["microsoft"]
BOTH = pytest.mark.parametrize("provider", [GOOGLE, MICROSOFT], ids=["google", "microsoft"])


def answer(status: int, body: object, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(
        status=status, headers=httpx.Headers({name.replace("_", "-"): it for name, it in headers.items()}), body=raw
    )


def read(provider: Provider, status: int, body: object, **headers: str) -> oauth.Grant:
    return oauth.read(provider, answer(status, body, **headers), now=0)


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert (
        oauth.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_a_verifier_is_long_random_and_of_the_letters_that_are_allowed() -> None:
    made = {oauth.new_verifier() for _ in range(100)}
    assert len(made) == 100
    assert all(43 <= len(one) <= 128 and one.replace("-", "").replace("_", "").isalnum() for one in made)


@BOTH
def test_a_grant_is_read_whole(provider: Provider) -> None:
    claims = base64.urlsafe_b64encode(b'{"sub":"7","name":"\xc3\x84nn"}').rstrip(b"=").decode()
    body = {
        "access_token": "a",
        "expires_in": 3599,
        "refresh_token": "r",
        "scope": "Contacts.Read",
        "token_type": "bearer",
    }
    found = read(provider, 200, {**body, "id_token": f"x.{claims}.y"})
    assert (found.access, found.seconds, found.refresh) == ("a", 3599, "r")
    assert found.scopes == frozenset({"contacts.read"})
    assert found.identity == {"sub": "7", "name": "Änn"}


def test_a_refresh_that_says_little_leaves_what_we_have() -> None:
    found = read(GOOGLE, 200, {"access_token": "a"})
    assert (found.refresh, found.scopes, found.identity) == (None, None, None)
    assert 0 < found.seconds <= 3600


@pytest.mark.parametrize("seconds", ["soon", None, [], True, float("1e9"), -3, "3599"])
def test_a_strange_length_of_life_is_taken_for_a_short_one(seconds: object) -> None:
    assert 0 <= read(GOOGLE, 200, {"access_token": "a", "expires_in": seconds}).seconds <= 86_400


@BOTH
@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required", "consent_required", "login_required"])
def test_only_the_person_can_mend_a_grant_that_ended(provider: Provider, error: str) -> None:
    body = {"error": error, "error_description": "Token has been expired or revoked."}
    with pytest.raises(NeedsConsent):
        read(provider, 400, body)


@BOTH
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope", "redirect_uri_mismatch"])
def test_the_operator_has_to_mend_a_client_that_is_refused(provider: Provider, error: str) -> None:
    with pytest.raises(NotSetUp, match=f"{error}.*{provider.name.upper()}_CLIENT_ID"):
        read(provider, 401, {"error": error, "error_description": "our-secret is wrong"})


def test_a_description_is_never_repeated() -> None:
    with pytest.raises(NotSetUp) as error:
        read(GOOGLE, 400, {"error": "odd\x1b[31m <script>", "error_description": "our-secret"})
    assert "our-secret" not in error.value.detail
    assert "<" not in error.value.detail


RUBBISH: list[tuple[int, Any]] = [
    (429, {"message": "slow down"}),  # JSON without `error`: some clients take it for a token
    (429, {"access_token": "not one", "error": None}),
    (429, b"<html>busy</html>"),
    (408, {}),
    (500, b""),
    (503, {"error": "invalid_grant"}),
    (400, {"error": "temporarily_unavailable"}),
    (400, {"error": "server_error"}),
    (400, {"error": "internal_failure"}),
    (400, b"<html>"),
    (200, b"<html>please sign in to the network</html>"),
    (200, b'{"access_token": "cut of'),
    (200, []),
    (200, {"access_token": ""}),
    (200, {"access_token": 7}),
    (200, {"access_token": "a", "token_type": "mac"}),
    (200, b"[" * 100_000),
    (302, {"access_token": "from elsewhere"}),
    (201, {"access_token": "a"}),
]


@pytest.mark.parametrize(("status", "body"), RUBBISH)
def test_what_is_no_token_is_never_taken_for_one(status: int, body: Any) -> None:
    with pytest.raises(TryLater):
        read(GOOGLE, status, body)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_at_all_brings_anything_but_the_four_meanings(status: int, body: bytes) -> None:
    with contextlib.suppress(NeedsConsent, NotSetUp, TryLater):
        assert read(GOOGLE, status, body).access


def test_the_pause_that_was_asked_for_is_passed_on() -> None:
    with pytest.raises(TryLater) as busy:
        read(MICROSOFT, 429, {}, Retry_After="2.128")
    assert busy.value.after == pytest.approx(2.128)


@pytest.mark.parametrize("token", [None, "", "a", "a.b", "a.!!.c", "a.bm90IGpzb24.c", "a.WzFd.c", 7])
def test_an_id_token_that_cannot_be_read_names_nobody(token: object) -> None:
    assert read(GOOGLE, 200, {"access_token": "a", "id_token": token}).identity is None


# Asking


def asked(provider: Provider, **more: Any) -> dict[str, str]:
    url = provider.authorise_url(state="s", challenge="c", nonce="n", redirect_uri="http://localhost:8000/back", **more)
    assert url.startswith(f"{provider.authorise}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@BOTH
def test_every_question_has_pkce_state_and_the_exact_address_to_come_back_to(provider: Provider) -> None:
    found = asked(provider)
    assert found["code_challenge_method"] == "S256"
    assert (found["code_challenge"], found["state"], found["nonce"]) == ("c", "s", "n")
    assert (found["response_type"], found["client_id"]) == ("code", "our-id")
    assert found["redirect_uri"] == "http://localhost:8000/back"
    assert "our-secret" not in str(found)


def test_google_is_asked_for_a_lasting_permission_to_read_and_no_more() -> None:
    found = asked(GOOGLE)
    assert (found["access_type"], found["prompt"]) == ("offline", "select_account consent")
    assert found["scope"] == "openid email https://www.googleapis.com/auth/contacts.readonly"


def test_other_contacts_are_asked_for_only_when_they_are_wanted() -> None:
    assert asked(GOOGLE, other_contacts=True)["scope"].endswith("/auth/contacts.other.readonly")
    assert asked(MICROSOFT, other_contacts=True)["scope"] == asked(MICROSOFT)["scope"]


def test_microsoft_is_asked_for_a_lasting_permission_to_read_and_no_more() -> None:
    found = asked(MICROSOFT)
    assert found["scope"] == "openid profile email offline_access https://graph.microsoft.com/Contacts.Read"
    assert found["response_mode"] == "query"


@BOTH
def test_who_connects_again_is_led_to_the_same_account(provider: Provider) -> None:
    assert asked(provider, hint="ann@gmail.com")["login_hint"] == "ann@gmail.com"


def test_what_a_claims_challenge_asked_for_goes_along() -> None:
    assert asked(MICROSOFT, claims='{"access_token":{}}')["claims"] == '{"access_token":{}}'


# Granted


@pytest.mark.parametrize(
    ("provider", "scope", "good"),
    [
        (GOOGLE, "openid https://www.googleapis.com/auth/contacts.readonly", True),
        (GOOGLE, "openid https://www.googleapis.com/auth/contacts", True),
        (GOOGLE, "openid https://www.googleapis.com/auth/userinfo.email", False),
        (GOOGLE, "https://www.googleapis.com/auth/contacts.other.readonly", False),
        (GOOGLE, "", False),
        (MICROSOFT, "https://graph.microsoft.com/Contacts.Read", True),
        (MICROSOFT, "Contacts.Read openid", True),
        (MICROSOFT, "profile contacts.readwrite", True),
        (MICROSOFT, "https%3A%2F%2Fgraph.microsoft.com%2FContacts.Read", True),
        (MICROSOFT, "User.Read Contacts.Read.Shared", False),
    ],
)
def test_what_was_unticked_is_noticed(provider: Provider, scope: str, good: bool) -> None:
    assert provider.may_read(provider.granted(scope)) is good


# Who


def test_an_account_is_known_by_a_name_that_does_not_change() -> None:
    assert GOOGLE.identity({"sub": "7", "email": "ann@gmail.com"}) == ("7", "ann@gmail.com")
    claims = {"sub": "pairwise", "oid": "o", "tid": "t", "preferred_username": "ann@outlook.com"}
    assert MICROSOFT.identity(claims) == ("t.o", "ann@outlook.com")
    assert MICROSOFT.identity({"sub": "pairwise", "email": "a@b.c"}) == ("pairwise", "a@b.c")


def test_an_account_without_an_address_has_its_providers_name() -> None:
    assert GOOGLE.identity({"sub": "7"}) == ("7", "Google")
    assert GOOGLE.identity({"sub": "7", "email": "\x00\u202e"}) == ("7", "Google")


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}])
def test_nobody_is_not_an_account(claims: dict[str, object]) -> None:
    assert GOOGLE.identity(claims) is None


def test_what_is_missing_is_named_for_the_operator() -> None:
    bare = config.Providers(process_name="t", kafka_bootstrap="", connections_database_url="", data_keys="")
    known = providers(bare)
    assert known["google"].needs == ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
    assert known["microsoft"].needs == ("MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET")
    assert GOOGLE.needs == ()
