"""The simulated providers, judged by clients that know nothing of us."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import msal
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.providers import GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET
from tests.providers.running import GOOGLE_SCOPES, MICROSOFT_SCOPES, PERSON_FIELDS, REDIRECT, Simulator, running

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # It wants us to use httpx2, and says so whenever it is imported.
    from authlib.deprecate import AuthlibDeprecationWarning

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

ADA = "ada@google.example"
GRACE = "grace@outlook.example"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.reset()
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # Authlib wants https, which a test on loopback has not


@contextmanager
def people_client(simulator: Simulator, account: str = ADA) -> Iterator[Any]:
    tokens = simulator.sign_in(account, (*GOOGLE_SCOPES, "https://www.googleapis.com/auth/contacts.other.readonly"))
    with build(
        "people",
        "v1",
        credentials=Credentials(token=tokens["access_token"]),  # type: ignore[no-untyped-call]
        static_discovery=True,
        client_options={"api_endpoint": simulator.origin},
    ) as client:
        yield client


def everybody(resource: Any, **parameters: Any) -> tuple[list[dict[str, Any]], str]:
    """All pages by the client's own paging; people and the sync token."""
    request = resource.list(resourceName="people/me", personFields=PERSON_FIELDS, **parameters)
    found: list[dict[str, Any]] = []
    while True:
        answer = request.execute()
        found += answer.get("connections", [])
        following = resource.list_next(request, answer)
        if following is None:
            return found, answer.get("nextSyncToken", "")
        request = following


class TestGoogle:
    def test_its_own_client_lists_everybody_and_then_only_what_changed(self, simulator: Simulator) -> None:
        with people_client(simulator) as client:
            connections = client.people().connections()
            found, sync = everybody(connections, pageSize=700, requestSyncToken=True)
            assert len({person["resourceName"] for person in found}) == 3_000
            changed = simulator.mutate(ADA, add=2, edit=3, delete=1)
            found, sync = everybody(connections, pageSize=700, requestSyncToken=True, syncToken=sync)
            gone = [person["resourceName"] for person in found if person["metadata"].get("deleted")]
            assert gone == changed["delete"]
            assert {person["resourceName"] for person in found} == {*changed["add"], *changed["edit"], *gone}
            assert everybody(connections, pageSize=700, requestSyncToken=True, syncToken=sync)[0] == []

    def test_its_own_client_lists_labels_and_other_contacts(self, simulator: Simulator) -> None:
        with people_client(simulator) as client:
            groups = client.contactGroups().list(pageSize=1000).execute()["contactGroups"]
            assert "Choir & band" in {group["formattedName"] for group in groups}
            others = client.otherContacts().list(readMask="names,emailAddresses", pageSize=100).execute()
            assert len(others["otherContacts"]) == others["totalSize"] == 60

    def test_its_own_client_gets_one_person_with_all_their_addresses(self, simulator: Simulator) -> None:
        with people_client(simulator, "odd@google.example") as client:
            listed, _ = everybody(client.people().connections())
            longest = max(listed, key=lambda person: len(person.get("emailAddresses", [])))
            assert len(longest["emailAddresses"]) == 100
            person = client.people().get(resourceName=longest["resourceName"], personFields="emailAddresses").execute()
            assert len(person["emailAddresses"]) == 120

    def test_its_own_client_reads_why_it_was_refused(self, simulator: Simulator) -> None:
        with people_client(simulator) as client, pytest.raises(HttpError) as caught:
            client.people().connections().list(resourceName="people/me", personFields="shoeSize").execute()
        assert caught.value.status_code == 400
        assert "shoeSize" in caught.value.reason

    async def test_authlib_signs_in_with_pkce_refreshes_and_revokes(self, simulator: Simulator) -> None:
        async with AsyncOAuth2Client(
            GOOGLE_CLIENT_ID,
            GOOGLE_CLIENT_SECRET,
            scope=" ".join(GOOGLE_SCOPES),
            redirect_uri=REDIRECT,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",
            revocation_endpoint_auth_method="client_secret_post",
        ) as client:
            verifier = "v" * 60
            url, state = client.create_authorization_url(
                f"{simulator.origin}/o/oauth2/v2/auth", code_verifier=verifier, access_type="offline", login_hint=ADA
            )
            said = simulator.allow(url, ADA)
            assert said["state"] == state
            token = await client.fetch_token(f"{simulator.origin}/token", code=said["code"], code_verifier=verifier)
            again = await client.refresh_token(f"{simulator.origin}/token", refresh_token=token["refresh_token"])
            assert again["access_token"] != token["access_token"]
            assert again["refresh_token"] == token["refresh_token"]
            reply = await client.get(f"{simulator.origin}/v1/people/me/connections?personFields=names")
            assert reply.status_code == 200
            await client.revoke_token(f"{simulator.origin}/revoke", token=token["refresh_token"])
            with pytest.raises(OAuthError, match="invalid_grant"):
                await client.refresh_token(f"{simulator.origin}/token", refresh_token=token["refresh_token"])

    async def test_authlib_reads_the_keys_and_checks_the_id_token(self, simulator: Simulator) -> None:
        from joserfc import jwt
        from joserfc.jwk import KeySet

        token = simulator.sign_in(ADA)["id_token"]
        keys = KeySet.import_key_set(simulator.http.get("/oauth2/v3/certs").json())
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        assert (claims["aud"], claims["email"]) == (GOOGLE_CLIENT_ID, ADA)


class Routed:
    """HTTP for msal, which insists on Microsoft's own https addresses."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._send("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._send("POST", url, params=params, data=data, headers=headers)

    def _send(self, method: str, url: str, *, headers: Any, **rest: Any) -> httpx.Response:
        parts = urlsplit(url)
        said = {**(headers or {}), "Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
        target = self._simulator.origin + parts.path + (f"?{parts.query}" if parts.query else "")
        return self._simulator.http.request(method, target, headers=said, **rest)

    def close(self) -> None:
        """The client belongs to the simulator."""


class TestMicrosoft:
    def test_msal_signs_in_and_refreshes_and_the_refresh_token_rotates(self, simulator: Simulator) -> None:
        application = msal.ConfidentialClientApplication(
            MICROSOFT_CLIENT_ID,
            client_credential=MICROSOFT_CLIENT_SECRET,
            authority="https://login.microsoftonline.com/common",
            http_client=Routed(simulator),
        )
        scopes = ["https://graph.microsoft.com/Contacts.Read"]
        flow = application.initiate_auth_code_flow(
            scopes, redirect_uri=REDIRECT, login_hint=GRACE, response_mode="form_post"
        )
        parts = urlsplit(flow["auth_uri"])
        said = simulator.allow(f"{simulator.origin}{parts.path}?{parts.query}", GRACE)
        first = application.acquire_token_by_auth_code_flow(flow, said)
        assert first.get("error") is None, first
        assert first["id_token_claims"]["preferred_username"] == GRACE
        account = application.get_accounts()[0]
        second = application.acquire_token_silent_with_error(scopes, account, force_refresh=True)
        assert second["access_token"] != first["access_token"]
        third = application.acquire_token_silent_with_error(scopes, account, force_refresh=True)
        assert third["access_token"] != second["access_token"]
        used = [entry for entry in simulator.ledger(endpoint="token") if entry["grant"] == "refresh_token"]
        assert len(used) == 2
        assert not any(entry["reused"] for entry in used)

    async def test_authlib_signs_in_with_pkce_and_keeps_the_newest_refresh_token(self, simulator: Simulator) -> None:
        base = f"{simulator.origin}/common/oauth2/v2.0"
        async with AsyncOAuth2Client(
            MICROSOFT_CLIENT_ID,
            MICROSOFT_CLIENT_SECRET,
            scope=" ".join(MICROSOFT_SCOPES),
            redirect_uri=REDIRECT,
            code_challenge_method="S256",
        ) as client:
            url, _ = client.create_authorization_url(f"{base}/authorize", code_verifier="w" * 60, login_hint=GRACE)
            said = simulator.allow(url, GRACE)
            token = await client.fetch_token(f"{base}/token", code=said["code"], code_verifier="w" * 60)
            again = await client.refresh_token(f"{base}/token", refresh_token=token["refresh_token"])
            assert again["refresh_token"] != token["refresh_token"]
            with pytest.raises(OAuthError, match="invalid_grant"):
                await client.fetch_token(f"{base}/token", code=said["code"], code_verifier="w" * 60)
