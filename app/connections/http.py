"""HTTP to providers: the one file that imports httpx.

Requests go to the hosts of the configuration and nowhere else, redirects are not followed, no answer is longer or
takes longer than was said, and no address is ever logged: cursors and codes stand in them.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx

from app.connections.errors import TryLater

MOST_BYTES = 16 * 1024 * 1024
"""Of one answer, unpacked."""
DEADLINE_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_LONGEST_PAUSE = 86_400.0

Client = httpx.AsyncClient


class Foreign(Exception):
    """An address that is none of the configured ones; nothing was sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whole. Header names are in any case."""

    status: int
    headers: httpx.Headers
    body: bytes


class Hosts:
    """The hosts that may be spoken to, from the addresses in the configuration."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._known = frozenset(_place(httpx.URL(url)) for url in urls)

    def check(self, url: httpx.URL | str) -> None:
        """Raises Foreign."""
        found = _parsed(url)
        if found.userinfo or _place(found) not in self._known:
            raise Foreign("a request was about to leave the configured hosts")


def below(url: str, base: str) -> httpx.URL:
    """`url`, read, if it has the scheme, host and port of `base`, and a path below its path: a token may go there.

    Raises Foreign.
    """
    found, root = _parsed(url), _base(base)
    same_place = not found.userinfo and _place(found) == _place(root)
    if not same_place or not found.path.startswith(root.path.rstrip("/") + "/") or "/../" in f"{found.path}/":
        raise Foreign("a link leads away from the provider's API")
    return found


@lru_cache(maxsize=16)
def _base(url: str) -> httpx.URL:
    return httpx.URL(url)


def make_client(hosts: Hosts, *, connections: int = 100, **settings: Any) -> Client:
    """A client that asks `hosts` only. Close it."""

    async def guard(request: httpx.Request) -> None:
        hosts.check(request.url)

    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=httpx.Timeout(DEADLINE_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        headers={"User-Agent": "Addressbus", "Accept": "application/json"},
        event_hooks={"request": [guard]},
        **settings,
    )


async def ask(
    client: Client,
    method: str,
    url: httpx.URL | str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    most: int = MOST_BYTES,
    deadline: float = DEADLINE_SECONDS,
) -> Answer:
    """One request and its whole answer, whatever its status.

    Long addresses take long to read: whoever has read one passes it as it is.
    Raises TryLater when there is none (connection refused, cut, too slow, too long, not what its encoding says),
    Foreign when the address is none of ours.
    """
    body = bytearray()
    try:
        async with (
            asyncio.timeout(deadline),
            client.stream(method, url, headers=dict(headers or {}), data=dict(form) if form else None) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > most:
                    raise TryLater(f"an answer was longer than {most:,} bytes")
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise TryLater(f"no answer: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise Foreign("an address that cannot be read") from None
    return Answer(status=response.status_code, headers=response.headers, body=bytes(body))


def pause(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that Retry-After asks for: whole, decimal or an HTTP date; None if it says nothing usable.

    `now` is in Unix seconds. A day is the most that is believed.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE) if math.isfinite(seconds) else None


def _parsed(url: httpx.URL | str) -> httpx.URL:
    if isinstance(url, httpx.URL):
        return url
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise Foreign("an address that cannot be read") from None


def _place(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
