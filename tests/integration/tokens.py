"""A strict token endpoint for tests: codes are good once and need their verifier, refresh tokens are rotated, and one
that was used before ends the grant, as RFC 9700 (4.14.2) has it."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx

from app import config, sql
from app.connections import http
from app.connections.model import Connection, id_of
from app.connections.oauth import Grant
from app.connections.providers import Name, providers
from app.connections.service import Connections
from app.connections.store import Store
from app.core.principals import Principal
from app.sealing import Vault
from tests.integration.conftest import Servers

KEYS = f"test:{'a5' * 32}"
READING = "openid https://www.googleapis.com/auth/contacts.readonly"
PUBLIC = "http://localhost:8000"


def settings(servers: Servers, **values: Any) -> config.Providers:
    base: dict[str, Any] = {
        "process_name": "test",
        "kafka_bootstrap": "",
        "connections_database_url": servers.dsn("connections"),
        "data_keys": KEYS,
        "google_client_id": "our-id",
        "google_client_secret": "our-secret",
        "microsoft_client_id": "our-id",
        "microsoft_client_secret": "our-secret",
    }
    return config.Providers(**{**base, **values})


class Endpoint:
    """Google's and Microsoft's token endpoint at once. `script` are answers to give before the right ones."""

    def __init__(self) -> None:
        self.subject = uuid4().hex
        self.refreshes = 0
        self.exchanges = 0
        self.revoked: list[str] = []
        self.asked: list[httpx.Request] = []
        self.script: list[httpx.Response | Exception] = []
        self.rotates = True
        self.lives = 3600.0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.afterwards: Callable[[], Awaitable[None]] | None = None
        self._codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self._good: set[str] = set()
        self._made = 0

    def token(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self._made}-{uuid4().hex}"

    def first(self) -> str:
        """A refresh token that is good."""
        made = self.token("refresh")
        self._good.add(made)
        return made

    def agree(self, url: str, **more: Any) -> dict[str, str]:
        """What the provider sends back when the person agrees on the page `url`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = self.token("code")
        self._codes[code] = (asked, {"sub": self.subject, "email": "ann@gmail.com", **more})
        return {"code": code, "state": asked["state"]}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """`meanwhile` runs before the answer is decided, `afterwards` while it is on its way."""
        answer = await self._answer(request)
        if self.afterwards is not None:
            await self.afterwards()
        return answer

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert not request.url.query, "nothing secret stands in an address"
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.url.path.endswith("/revoke"):
            self.revoked.append(form["token"])
            self._good.discard(form["token"])
            return httpx.Response(200)
        assert (form["client_id"], form["client_secret"]) == ("our-id", "our-secret")
        return self._exchange(form) if form["grant_type"] == "authorization_code" else self._refresh(form)

    def _exchange(self, form: dict[str, str]) -> httpx.Response:
        asked, claims = self._codes.pop(form["code"], ({}, {}))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if asked.get("code_challenge") != challenge.rstrip("=") or asked["redirect_uri"] != form["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.exchanges += 1
        body = {
            "access_token": self.token("access"),
            "expires_in": self.lives,
            "refresh_token": self.first(),
            "token_type": "Bearer",
            "scope": claims.pop("scope", asked["scope"]),
        }
        body |= claims.pop("answer", {})
        claims = {"aud": asked["client_id"], "nonce": asked["nonce"], **claims}
        middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return httpx.Response(200, json={**body, "id_token": f"head.{middle}.signature"})

    def _refresh(self, form: dict[str, str]) -> httpx.Response:
        if form["refresh_token"] not in self._good:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.refreshes += 1
        body = {"access_token": self.token("access"), "expires_in": self.lives, "token_type": "Bearer"}
        if self.rotates:
            self._good.discard(form["refresh_token"])
            body["refresh_token"] = self.first()
        return httpx.Response(200, json=body)


class Clock:
    """A time that passes when we say so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def process(
    servers: Servers, endpoint: Endpoint, clock: Clock | None = None, **values: Any
) -> AsyncIterator[Connections]:
    """The connections of one process: a pool and a client of its own."""
    made = settings(servers, **values)
    known = providers(made)
    hosts = http.Hosts(url for one in known.values() for url in (one.token, one.revoke, one.api) if url)
    async with AsyncExitStack() as stack:
        pool = sql.make_pool(made.connections_database_url, "test", size=3)
        await pool.open()
        stack.push_async_callback(pool.close)
        client = http.make_client(hosts, transport=httpx.MockTransport(endpoint))
        found = Connections(Store(pool), Vault.parse(made.data_keys), known, client, clock or Clock(), at_once=2)
        stack.push_async_callback(found.close)
        yield found


async def connected(
    connections: Connections,
    endpoint: Endpoint,
    workspace: UUID | None = None,
    *,
    provider: Name = "google",
    account: str | None = None,
    seconds: float = 0,
) -> Connection:
    """An account that was connected before; its access token lasts so many seconds."""
    workspace, account = workspace or uuid4(), account or uuid4().hex
    found = Connection(
        id=id_of(workspace, provider, account),
        workspace=workspace,
        provider=provider,
        account=account,
        address="ann@gmail.com",
        scopes=("https://www.googleapis.com/auth/contacts.readonly",),
        other_contacts=False,
        state="connected",
        reason=None,
        connected_by="ann@example.com",
        connected_by_person=uuid4(),
        connected_at=0,
        last_import=None,
    )
    grant = Grant(access=endpoint.token("access"), seconds=seconds, refresh=endpoint.first(), scopes=frozenset())
    await connections.store.save(found, connections.seal(found, grant))
    return found


def person(workspace: UUID | None = None, **changes: Any) -> Principal:
    """Somebody in a browser."""
    values: dict[str, Any] = {
        "workspace": workspace or uuid4(),
        "role": "member",
        "name": "ann@example.com",
        "holder": uuid4().hex,
        "by": "session",
        "person": uuid4(),
    }
    return Principal(**{**values, **changes})


async def together(*work: Awaitable[Any]) -> list[Any]:
    """All at once; what was raised is among the results."""
    return await asyncio.gather(*work, return_exceptions=True)
