"""The simulator as a process of a test, and a person who signs in without the product.

with running() as simulator:
    tokens = simulator.sign_in("ada@google.example")
"""

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.providers import GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET

Json = dict[str, Any]
REDIRECT = "http://localhost:1/back"
GOOGLE_SCOPES = ("https://www.googleapis.com/auth/contacts.readonly", "openid", "email")
MICROSOFT_SCOPES = ("https://graph.microsoft.com/Contacts.Read", "offline_access", "openid")
PERSON_FIELDS = (
    "names,nicknames,emailAddresses,phoneNumbers,organizations,addresses,birthdays,biographies,urls,memberships,"
    "metadata"
)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True, slots=True)
class Simulator:
    """Where it answers, and its admin side; every call raises httpx.HTTPStatusError when it is refused."""

    origin: str
    canary: str
    http: httpx.Client

    def admin(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        response = self.http.request(method, f"/admin/{path}", json=body, params=query)
        response.raise_for_status()
        return response.json()

    def reset(self, **settings: Any) -> None:
        self.admin("POST", "reset", settings)

    def settings(self, **settings: Any) -> None:
        self.admin("POST", "settings", settings)

    def clock(self, **moved: Any) -> str:
        return str(self.admin("POST", "clock", moved)["now"])

    def fault(self, kind: str, **fault: Any) -> None:
        self.admin("POST", "faults", {"faults": [{"kind": kind, **fault}]})

    def mutate(self, account: str, **changes: int) -> dict[str, list[str]]:
        changed: dict[str, list[str]] = self.admin("POST", "mutate", {"account": account, **changes})
        return changed

    def expected(self, *accounts: str, **query: str) -> list[Json]:
        people: list[Json] = self.admin("GET", "expected", account=list(accounts), **query)["people"]
        return people

    def ledger(self, **query: str) -> list[Json]:
        requests: list[Json] = self.admin("GET", "ledger", **query)["requests"]
        return requests

    def canary_calls(self) -> list[Json]:
        requests: list[Json] = self.admin("GET", "canary")["requests"]
        return requests

    def authorize_url(self, account: str, scopes: Sequence[str] = (), **more: str) -> str:
        google = account.endswith("google.example")
        path = "/o/oauth2/v2/auth" if google else "/common/oauth2/v2.0/authorize"
        query = {
            "client_id": GOOGLE_CLIENT_ID if google else MICROSOFT_CLIENT_ID,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": " ".join(scopes or (GOOGLE_SCOPES if google else MICROSOFT_SCOPES)),
            "login_hint": account,
            **({"access_type": "offline", "prompt": "consent"} if google else {}),
            **more,
        }
        return str(httpx.URL(self.origin + path, params=query))

    def allow(self, url: str, account: str, *, untick: Sequence[str] = (), decision: str = "allow") -> dict[str, str]:
        """What the consent page sends back: the query of the redirect, or the fields of the form that posts itself."""
        scopes = parse_qs(urlsplit(url).query)["scope"][0].split()
        form = {"account": account, "decision": decision, "scope": [one for one in scopes if one not in untick]}
        response = self.http.post(url, data=form)
        if "response_mode=form_post" in url:
            return dict(_HIDDEN.findall(response.text))
        if response.status_code != 302:
            raise AssertionError(response.text)
        return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}

    def token(self, account: str, **form: str) -> httpx.Response:
        google = account.endswith("google.example")
        client = {
            "client_id": GOOGLE_CLIENT_ID if google else MICROSOFT_CLIENT_ID,
            "client_secret": GOOGLE_CLIENT_SECRET if google else MICROSOFT_CLIENT_SECRET,
        }
        return self.http.post("/token" if google else "/common/oauth2/v2.0/token", data={**client, **form})

    def sign_in(self, account: str, scopes: Sequence[str] = ()) -> Json:
        """All the way; the answer of the token endpoint."""
        said = self.allow(self.authorize_url(account, scopes), account)
        response = self.token(account, grant_type="authorization_code", code=said["code"], redirect_uri=REDIRECT)
        response.raise_for_status()
        tokens: Json = response.json()
        return tokens

    def bearer(self, account: str, scopes: Sequence[str] = ()) -> dict[str, str]:
        """Headers of somebody who may read."""
        return {"Authorization": f"Bearer {self.sign_in(account, scopes)['access_token']}"}


@contextmanager
def running(port: int | None = None, canary_port: int | None = None, seed: int = 7) -> Iterator[Simulator]:
    """A process of its own, on free ports; ended at the end."""
    port = port or _free_port()
    canary_port = canary_port or _free_port(besides=port)
    command = [sys.executable, "-m", "tests.providers", "--port", str(port), "--canary-port", str(canary_port)]
    process = subprocess.Popen([*command, "--seed", str(seed)], cwd=Path(__file__).parents[2])
    origin = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=origin, timeout=60) as http:
            _wait(http, process)
            yield Simulator(origin, f"http://127.0.0.1:{canary_port}", http)
    finally:
        process.terminate()
        process.wait(60)


def _free_port(besides: int = 0) -> int:
    """One that no outgoing connection takes meanwhile; the product's own way to find it is not for the simulator."""
    while True:
        port = random.randrange(10_000, 20_000)
        with socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            if port != besides:
                return port


def _wait(http: httpx.Client, process: "subprocess.Popen[bytes]", within: float = 60) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            http.get("/admin/health").raise_for_status()
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
