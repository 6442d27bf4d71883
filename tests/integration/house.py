"""The whole web application in this process, on real servers: for tests that ask it as its clients do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from app import config
from app.core.channels import cookie_name
from app.core.principals import Principal, Role
from app.web import accounts, main
from app.web.authentication import principal
from app.web.limits import Rate
from app.web.services import Services
from tests.integration.conftest import Servers

HOME = "http://localhost:8000"
OFTEN = 1_000_000


def settings(servers: Servers, data_dir: Path = Path("unused"), **other: Any) -> config.Web:
    """A web process's configuration on these servers."""
    values: dict[str, Any] = {
        "process_name": f"web-{uuid4().hex[:8]}",
        "kafka_bootstrap": servers.kafka,
        "web_database_url": servers.dsn("web"),
        "jobs_database_url": servers.dsn("jobs"),
        "lookup_database_url": servers.dsn("lookup_reader"),
        "connections_database_url": servers.dsn("connections"),
        "data_keys": f"test:{'a5' * 32}",
        "public_url": HOME,
        "gateway_public_url": "http://localhost:8001",
        "channel_keys": f"test:{'5a' * 32}",
        "data_dir": str(data_dir),
        "requests_per_minute": OFTEN,
        "previews_per_minute": OFTEN,
    }
    return config.Web(**{**values, **other})


@dataclass(slots=True)
class Person:
    """Somebody who is signed in in a browser, and a program of theirs."""

    principal: Principal
    cookie: str
    browser: httpx.AsyncClient
    program: httpx.AsyncClient


@dataclass(slots=True)
class House:
    """The running application. Every workspace that is asked for is new."""

    app: Starlette
    state: dict[str, Any]

    @property
    def services(self) -> Services:
        found: Services = self.state["services"]
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as a server would that has run the lifespan."""
        scope["state"] = dict(self.state)
        await self.app(scope, receive, send)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A program without credentials."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self), base_url=HOME, headers=headers)

    def browser(self, cookie: str | None = None) -> httpx.AsyncClient:
        """A browser that shows a page of ours."""
        client = self.client(**{"Sec-Fetch-Site": "same-origin"})
        if cookie is not None:
            client.cookies.set(cookie_name(HOME), cookie)
        return client

    async def workspace(self) -> UUID:
        """A new workspace, with an owner that nobody knows."""
        slug = f"w{uuid4().hex[:12]}"
        found = await accounts.found_workspace(self.services.accounts, slug, slug, f"{slug}@example.com")
        return found.id

    async def join(self, workspace: UUID, role: Role = "owner", address: str | None = None) -> Person:
        """Somebody who was invited and came."""
        asking = Principal(workspace=workspace, role="owner", name="test", holder="", by="session")
        address = address or f"{uuid4().hex[:12]}@example.com"
        invited = await accounts.invite(self.services, asking, address, role)
        assert invited.link is not None, "no mail is sent here"
        return await self.enter(invited.link)

    async def enter(self, link: str) -> Person:
        """Signs in with a link, in a new browser, and makes a token of the same role."""
        new = await accounts.sign_in(
            self.services, link.partition("#")[2], client="test", agent="Firefox/1 Linux", before=None
        )
        opened = await self.services.sessions.open("session", new.credential)
        assert opened is not None, "the session was opened just now"
        who = principal(opened)
        token = await accounts.create_token(self.services, who, "script", who.role, days=1)
        return Person(
            principal=who,
            cookie=new.credential,
            browser=self.browser(new.credential),
            program=self.client(Authorization=f"Bearer {token.token}"),
        )


@asynccontextmanager
async def house(servers: Servers, **other: Any) -> AsyncIterator[House]:
    """The application on these servers, started and stopped like a process."""
    made = settings(servers, **other)
    async with main.opened(made) as state:
        state["services"] = replace(state["services"], sign_ins=Rate(OFTEN))
        yield House(main.application(made, lifespan=None), state)
