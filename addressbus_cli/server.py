"""One server, asked with one token. What it refuses becomes one sentence."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import httpx
import msgspec

from addressbus_cli.credentials import Login
from addressbus_cli.trouble import Busy, Exit, Refused, Unreachable

T = TypeVar("T")
PATIENT = httpx.Timeout(120, connect=10)
"""A server that has enough to do for a while reads no further; it is waited for."""

TRIES = 5
LONGEST_WAIT = 30


class Server:
    """Asks the API. Every method raises Unreachable and Refused."""

    def __init__(self, login: Login, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.login = login
        headers = {**self.credential, "User-Agent": f"addressbus/{release()}"}
        self.http = httpx.AsyncClient(base_url=login.url, headers=headers, timeout=PATIENT, transport=transport)

    @property
    def credential(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.login.token}"}

    async def close(self) -> None:
        await self.http.aclose()

    async def get(self, path: str, kind: type[T], **query: Any) -> T:
        """What a GET answers. `query` without what is empty."""
        return self._read(await self._patiently("GET", path, params=_said(query)), kind)

    async def post(self, path: str, body: object, kind: type[T], headers: Mapping[str, str] | None = None) -> T:
        """What a POST of JSON answers."""
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        return self._read(
            await self._patiently("POST", path, content=msgspec.json.encode(body), headers=all_headers), kind
        )

    async def exchange(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, whatever its answer. Raises Unreachable."""
        with _reaching(self.login.url):
            return await self.http.request(method, path, **options)

    @asynccontextmanager
    async def download(self, path: str, **query: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a GET, as they come."""
        with _reaching(self.login.url):
            async with self.http.stream("GET", path, params=_said(query)) as response:
                if response.is_error:
                    await response.aread()
                    raise refusal(response, self.login.url)
                yield response.aiter_bytes()

    async def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Comes back when the server asks for it (Retry-After), some times."""
        for tries in range(1, TRIES + 1):
            response = await self.exchange(method, path, **options)
            wait = retry_after(response)
            if wait is None or tries == TRIES:
                break
            await asyncio.sleep(min(wait, LONGEST_WAIT))
        if response.is_error:
            raise refusal(response, self.login.url)
        return response

    def _read(self, response: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise Refused(
                f"{self.login.url} does not answer like Addressbus ({error}).", response.status_code
            ) from error


def release() -> str:
    """The version of this program."""
    try:
        return version("addressbus")
    except PackageNotFoundError:  # run from a checkout
        return "0"


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that the server wants to be left alone before the same request."""
    said = response.headers.get("retry-after", "")
    return float(said) if response.status_code in {429, 503} and said.isdigit() else None


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


def refusal(response: httpx.Response, url: str) -> Refused:
    """What an answer of 400 or more says, in one sentence."""
    http = response.status_code
    try:
        found = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        found = _Problem()
    if http == 401:
        sentence = (
            f"{url} does not know this token (any more). Make one at {url}/tokens, then run `addressbus login {url}`."
        )
    elif found.detail:
        sentence = found.detail
    elif response.is_redirect or not response.is_error or http == 404:
        sentence = f"{url} does not answer like Addressbus ({http} {response.reason_phrase})."
    else:
        sentence = f"{url} answered {http} {response.reason_phrase}."
    blamed = Exit.TROUBLE if http in {401, 403, 404, 409, 421, 429} or http >= 500 else Exit.NOT_DONE
    return Refused(sentence, http, found.code, blamed)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turns the errors of the connection into Unreachable."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unreachable(f"{url} cannot be reached ({str(error) or 'no answer'}).") from error
    except httpx.TimeoutException as error:
        raise Busy(f"{url} did not answer in time.") from error
    except httpx.TransportError as error:
        raise Unreachable(f"The connection to {url} broke ({str(error) or type(error).__name__}).") from error
    except httpx.InvalidURL as error:
        raise Unreachable(f"{url} is no address that can be asked ({error}).") from error


def _said(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in {None, ""}}
