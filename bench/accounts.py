"""Connected accounts for measurements: somebody signs in, connects many of them, and asks for their contacts."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from app.stack.whole import Whole
from bench.client import Client

_SCOPE = re.compile(r'name="scope" value="([^"]+)"')
_AT_ONCE = 6


class Providers:
    """The keepers' side of the simulated providers that run beside a stack."""

    def __init__(self, stack: Whole) -> None:
        port = next(one["port"] for one in stack.facts()["processes"] if one["name"] == "providers")
        self.origin = f"http://127.0.0.1:{port}"
        self._http = httpx.AsyncClient(base_url=f"{self.origin}/admin", timeout=300)

    async def close(self) -> None:
        await self._http.aclose()

    async def set(self, **settings: Any) -> None:
        (await self._http.post("/settings", json=settings)).raise_for_status()

    async def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """All requests for contacts and labels that were answered, behind so many of any kind."""
        entries: list[dict[str, Any]] = (await self._http.get("/ledger")).json()["requests"]
        return [one for one in entries[after:] if one["ended"] and one["endpoint"] not in ("authorize", "token")]

    async def requests(self) -> int:
        """How many there were so far, of any kind."""
        return len((await self._http.get("/ledger")).json()["requests"])


@asynccontextmanager
async def person(stack: Whole) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of somebody who is signed in."""
    facts = stack.facts()
    async with httpx.AsyncClient(base_url=facts["web"], headers={"Origin": facts["web"]}, timeout=300) as http:
        code = facts["sign_in"].partition("#")[2]
        (await http.post("/api/v1/sign-in", json={"code": code})).raise_for_status()
        yield http


async def connect(stack: Whole, addresses: Sequence[str]) -> dict[str, str]:
    """Address -> connection."""
    at_once = asyncio.Semaphore(_AT_ONCE)
    async with person(stack) as http:

        async def one(address: str) -> tuple[str, str]:
            async with at_once:
                return address, await _connect(http, address)

        return dict(await asyncio.gather(*map(one, addresses)))


async def _connect(http: httpx.AsyncClient, address: str) -> str:
    begun = await http.post(f"/api/v1/connections/{provider_of(address)}", json={})
    begun.raise_for_status()
    url = f"{begun.json()['url']}&login_hint={address}"
    page = await http.get(url)
    form = {"account": address, "scope": _SCOPE.findall(page.text), "decision": "allow"}
    back = await http.post(url, data=form)
    landed = await http.get(back.headers["location"])
    return parse_qs(urlsplit(landed.headers["location"]).query)["connection"][0]


async def bring_in(client: Client, connections: dict[str, str]) -> list[str]:
    """Asks for an import of each; their ids."""
    made = []
    for address, connection in connections.items():
        body = {"source": provider_of(address), "connection": connection}
        made.append((await client.request_import(address, uuid4().hex, **body))["id"])
    return made


def provider_of(address: str) -> str:
    return "google" if address.endswith("@google.example") else "microsoft"
