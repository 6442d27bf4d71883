"""Signing in at the simulated providers: pages, codes, tokens, and each way in which they say no."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.providers import SECRETS
from tests.providers.running import GOOGLE_SCOPES, REDIRECT, Simulator, running

ADA = "ada@google.example"
GRACE = "grace@outlook.example"
BOTH = pytest.mark.parametrize("account", [ADA, GRACE])
CHALLENGE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""The example of RFC 7636, appendix B."""


@pytest.fixture(scope="module")
def started() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(started: Simulator) -> Simulator:
    started.reset()
    return started


def exchange(simulator: Simulator, account: str, code: str, **form: str) -> httpx.Response:
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **form}
    return simulator.token(account, **given)


def refresh(simulator: Simulator, account: str, token: str) -> httpx.Response:
    return simulator.token(account, grant_type="refresh_token", refresh_token=token)


@BOTH
def test_without_a_hint_there_is_a_choice_of_accounts_that_leads_to_consent(simulator: Simulator, account: str) -> None:
    url = httpx.URL(simulator.authorize_url(account)).copy_remove_param("login_hint")
    chooser = simulator.http.get(url).text
    link = chooser.partition(account)[0].rpartition('href="')[2]
    assert link
    assert "Choose an account" in chooser
    page = simulator.http.get(simulator.authorize_url(account)).text
    assert 'value="allow">Allow</button>' in page
    assert f'name="account" value="{account}"' in page


@BOTH
def test_state_comes_back_untouched(simulator: Simulator, account: str) -> None:
    state = 'a b&c=d"<é>'
    assert simulator.allow(simulator.authorize_url(account, state=state), account)["state"] == state


@BOTH
def test_who_cancels_is_sent_back_with_access_denied(simulator: Simulator, account: str) -> None:
    said = simulator.allow(simulator.authorize_url(account, state="s"), account, decision="deny")
    assert (said["error"], said["state"]) == ("access_denied", "s")


@BOTH
def test_a_foreign_redirect_address_is_told_to_the_person_only(simulator: Simulator, account: str) -> None:
    url = simulator.authorize_url(account, redirect_uri="https://evil.example/cb")
    response = simulator.http.get(url)
    assert response.status_code == 400
    assert "evil.example" in response.text
    assert "location" not in response.headers


@BOTH
def test_a_code_works_once_and_for_ten_minutes(simulator: Simulator, account: str) -> None:
    code = simulator.allow(simulator.authorize_url(account), account)["code"]
    assert exchange(simulator, account, code).status_code == 200
    assert exchange(simulator, account, code).json()["error"] == "invalid_grant"
    late = simulator.allow(simulator.authorize_url(account, prompt="consent"), account)["code"]
    simulator.clock(advance=601)
    assert exchange(simulator, account, late).json()["error"] == "invalid_grant"


@BOTH
def test_pkce_is_checked_once_it_was_begun(simulator: Simulator, account: str) -> None:
    def code() -> str:
        return simulator.allow(simulator.authorize_url(account, **CHALLENGE, prompt="consent"), account)["code"]

    assert exchange(simulator, account, code()).status_code == 400
    assert exchange(simulator, account, code(), code_verifier="x" * 43).json()["error"] == "invalid_grant"
    assert exchange(simulator, account, code(), code_verifier=VERIFIER).status_code == 200


def test_microsoft_takes_a_challenge_without_method_as_plain(simulator: Simulator) -> None:
    code = simulator.allow(simulator.authorize_url(GRACE, code_challenge="p" * 43), GRACE)["code"]
    assert exchange(simulator, GRACE, code, code_verifier="p" * 43).status_code == 200


@BOTH
def test_the_redirect_address_must_be_the_same_to_the_letter(simulator: Simulator, account: str) -> None:
    code = simulator.allow(simulator.authorize_url(account), account)["code"]
    assert exchange(simulator, account, code, redirect_uri=f"{REDIRECT}/").status_code == 400


@BOTH
def test_a_wrong_client_is_the_operators_fault(simulator: Simulator, account: str) -> None:
    code = simulator.allow(simulator.authorize_url(account), account)["code"]
    wrong = exchange(simulator, account, code, client_secret="guess")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert exchange(simulator, account, code, client_id="nobody").json()["error"] in {
        "invalid_client",
        "unauthorized_client",
    }


def test_google_lets_untick_what_it_was_asked_for(simulator: Simulator) -> None:
    contacts = GOOGLE_SCOPES[0]
    said = simulator.allow(simulator.authorize_url(ADA), ADA, untick=[contacts])
    tokens = exchange(simulator, ADA, said["code"]).json()
    assert contacts not in said["scope"]
    assert contacts not in tokens["scope"]
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert simulator.http.get("/v1/people/me/connections?personFields=names", headers=headers).status_code == 403


def test_google_gives_no_refresh_token_without_a_consent_page(simulator: Simulator) -> None:
    assert "refresh_token" in simulator.sign_in(ADA)
    silent = simulator.http.get(simulator.authorize_url(ADA, prompt=""))
    code = httpx.URL(silent.headers["location"]).params["code"]
    assert "refresh_token" not in exchange(simulator, ADA, code).json()


def test_google_gives_a_refresh_token_only_for_offline_access(simulator: Simulator) -> None:
    code = simulator.allow(simulator.authorize_url(ADA, access_type="online"), ADA)["code"]
    assert "refresh_token" not in exchange(simulator, ADA, code).json()


def test_microsoft_gives_a_refresh_token_only_for_offline_access(simulator: Simulator) -> None:
    assert "refresh_token" not in simulator.sign_in(GRACE, ("Contacts.Read",))


def test_google_keeps_its_refresh_token(simulator: Simulator) -> None:
    tokens = simulator.sign_in(ADA)
    again = refresh(simulator, ADA, tokens["refresh_token"]).json()
    assert "refresh_token" not in again
    assert again["access_token"] != tokens["access_token"]


def test_microsofts_refresh_token_rotates_and_the_old_one_soon_dies(simulator: Simulator) -> None:
    first = simulator.sign_in(GRACE)["refresh_token"]
    second = refresh(simulator, GRACE, first).json()["refresh_token"]
    assert second != first
    assert refresh(simulator, GRACE, first).status_code == 200
    assert [entry["reused"] for entry in simulator.ledger(endpoint="token")] == [False, False, True]
    simulator.clock(advance=61)
    assert refresh(simulator, GRACE, first).json()["error"] == "invalid_grant"
    assert refresh(simulator, GRACE, second).status_code == 200


@BOTH
def test_a_withdrawn_consent_kills_every_token(simulator: Simulator, account: str) -> None:
    tokens = simulator.sign_in(account)
    simulator.admin("POST", "revoke", {"account": account})
    assert refresh(simulator, account, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    path = "/v1/people/me/connections?personFields=names" if account == ADA else "/v1.0/me/contacts"
    assert simulator.http.get(path, headers=headers).status_code == 401
    assert simulator.ledger()[-1]["after_revoke"]


def test_google_revokes_by_either_token(simulator: Simulator) -> None:
    tokens = simulator.sign_in(ADA)
    assert simulator.http.post("/revoke", data={"token": tokens["access_token"]}).status_code == 200
    assert refresh(simulator, ADA, tokens["refresh_token"]).json() == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }
    assert simulator.http.post("/revoke", data={"token": tokens["refresh_token"]}).status_code == 400


def test_who_is_signed_in_can_be_asked(simulator: Simulator) -> None:
    assert simulator.http.get("/v1/userinfo", headers=simulator.bearer(ADA)).json()["email"] == ADA
    headers = simulator.bearer(GRACE, ("User.Read", "Contacts.Read"))
    assert simulator.http.get("/v1.0/me", headers=headers).json()["mail"] == GRACE


def test_every_secret_can_be_told_by_its_beginning(simulator: Simulator) -> None:
    for account in (ADA, GRACE):
        said = simulator.allow(simulator.authorize_url(account, prompt="consent"), account)
        tokens: dict[str, Any] = exchange(simulator, account, said["code"]).json()
        for secret in (said["code"], tokens["access_token"], tokens["refresh_token"]):
            assert secret.startswith(SECRETS)
    assert all(urlsplit(entry["path"]).path == entry["path"] for entry in simulator.ledger())
