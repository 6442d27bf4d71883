"""Requests to providers: only to known hosts, never redirected, never endless."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from email.utils import formatdate

import httpx
import pytest

from app.connections import http
from app.connections.errors import TryLater
from app.connections.http import Foreign, Hosts

GOOGLE = "https://people.googleapis.com/v1"
HOSTS = Hosts([GOOGLE, "http://127.0.0.1:9123"])


@pytest.mark.parametrize(
    "url",
    [
        f"{GOOGLE}/people/me/connections?pageToken=x",
        "https://PEOPLE.googleapis.com:443/other",
        "http://127.0.0.1:9123/token",
    ],
)
def test_a_configured_host_may_be_asked(url: str) -> None:
    HOSTS.check(url)


FOREIGN = [
    "https://evil.example/v1/people",
    "http://people.googleapis.com/v1",
    "https://people.googleapis.com:8443/v1",
    "https://people.googleapis.com.evil.example/v1",
    "https://people.googleapis.com@evil.example/v1",
    "https://me:secret@people.googleapis.com/v1",
    "https://evil.example#@people.googleapis.com/v1",
    "https://evil.example\\@people.googleapis.com/v1",
    "http://127.0.0.1:9124/token",
    "http://[::1]:9123/token",
    "http://0x7f000001:9123/",
    "http://169.254.169.254/latest",
    "file:///etc/passwd",
    "gopher://people.googleapis.com/",
    "//people.googleapis.com/v1",
    "/v1/people",
    "",
    "https://people.googleapis.com:99999/",
    "https://\x00people.googleapis.com/",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_no_other_place_may_be_asked(url: str) -> None:
    with pytest.raises(Foreign):
        HOSTS.check(url)


@pytest.mark.parametrize("url", FOREIGN)
async def test_nothing_is_sent_to_another_place(url: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    async with http.make_client(HOSTS, transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(Foreign):
            await http.ask(client, "GET", url, headers={"Authorization": "Bearer secret"})
    assert sent == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://graph.microsoft.com/v1.0/me/contacts?$skip=10", True),
        ("https://graph.microsoft.com/v1.0", False),
        ("https://graph.microsoft.com/beta/me/contacts", False),
        ("https://graph.microsoft.com/v1.0evil/me", False),
        ("https://graph.microsoft.com/v1.0/../beta/me", False),
        ("https://graph.microsoft.com/v1.0/%2e%2e/beta/me", False),
        ("https://evil.example/v1.0/me", False),
        ("http://graph.microsoft.com/v1.0/me", False),
        ("https://u@graph.microsoft.com/v1.0/me", False),
        ("::", False),
    ],
)
def test_a_token_goes_below_the_api_only(url: str, good: bool) -> None:
    with nullcontext() if good else pytest.raises(http.Foreign):
        assert str(http.below(url, "https://graph.microsoft.com/v1.0")) == url


Handler = Callable[[httpx.Request], httpx.Response]


async def asked(answer: Handler, **more: float) -> http.Answer:
    async with http.make_client(HOSTS, transport=httpx.MockTransport(answer)) as client:
        return await http.ask(client, "GET", f"{GOOGLE}/x", **more)  # type: ignore[arg-type]


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    found = await asked(lambda request: httpx.Response(302, headers={"Location": f"{GOOGLE}/elsewhere"}))
    assert found.status == 302


async def test_an_answer_is_whole_and_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    found = await asked(lambda request: httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip"}))
    assert found.body == b'{"a": 1}'


def cut(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset")


def not_gzip(request: httpx.Request) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"not packed"

    return httpx.Response(200, content=body(), headers={"Content-Encoding": "gzip"})


def endless(request: httpx.Request) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    return httpx.Response(200, content=body())


def dripping(request: httpx.Request) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    return httpx.Response(200, content=body())


@pytest.mark.parametrize("answer", [cut, not_gzip, endless, dripping])
async def test_what_is_cut_garbled_too_long_or_too_slow_is_the_worlds_fault(answer: Handler) -> None:
    with pytest.raises(TryLater) as error:
        await asked(answer, most=10_000, deadline=0.2)
    assert GOOGLE not in str(error.value)


NOW = time.time()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("2.128", 2.128),
        ("0", 0),
        ("-5", 0),
        (" 7 ", 7),
        pytest.param(formatdate(NOW + 90, usegmt=True), 90, id="to come"),
        pytest.param(formatdate(NOW - 90, usegmt=True), 0, id="past"),
        ("999999999", 86_400),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("Mon, 99 Foo 2026 25:00:00 GMT", None),
    ],
)
def test_retry_after_is_understood_in_every_form(text: str, seconds: float | None) -> None:
    found = http.pause({"retry-after": text}, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1.01 if "GMT" in text else 1e-9))


def test_no_retry_after_says_nothing() -> None:
    assert http.pause({}, NOW) is None
