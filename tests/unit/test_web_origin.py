"""Where requests may come from, decided from headers alone."""

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.core.errors import Rejected
from app.web.origin import (
    BadAddress,
    Host,
    SecurityHeaders,
    check_public_url,
    from_elsewhere,
    gateway_socket,
    origin_of,
    same_origin,
)
from tests.asgi import ask

HOME = "http://localhost:8000"


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"inner {Request(scope).url.path}")(scope, receive, send)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": HOME}, False),
        ({"origin": HOME}, True),
        ({"origin": "HTTP://LOCALHOST:8000"}, True),
        ({"origin": "http://localhost:8001"}, False),
        ({"origin": "https://localhost:8000"}, False),
        ({"origin": "http://localhost:8000.evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_only_a_page_of_ours_is_of_the_same_origin(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(Headers(headers), HOME) is ours


def test_a_program_says_nothing_and_so_is_not_another_site() -> None:
    assert not from_elsewhere(Headers({}), HOME)
    assert not from_elsewhere(Headers({"origin": HOME}), HOME)
    assert from_elsewhere(Headers({"origin": "https://evil.example"}), HOME)
    assert from_elsewhere(Headers({"sec-fetch-site": "cross-site"}), HOME)


@pytest.mark.parametrize(
    ("public_url", "host", "ours"),
    [
        (HOME, "localhost:8000", True),
        (HOME, "LOCALHOST:8000", True),
        (HOME, "127.0.0.1:8000", False),
        (HOME, "localhost", False),
        (HOME, "localhost:8000.evil.example", False),
        (HOME, "evil.example", False),
        (HOME, "", False),
        ("http://localhost", "localhost", True),
        ("http://localhost", "localhost:80", True),
        ("https://book.example", "book.example:443", True),
        ("https://book.example", "book.example:80", False),
    ],
)
async def test_one_host_is_answered_and_no_other(public_url: str, host: str, ours: bool) -> None:
    app = Host(inner, public_url)
    if ours:
        assert (await ask(app, "GET", "/api/v1/me", {"host": host})).text == "inner /api/v1/me"
        return
    with pytest.raises(Rejected, match="wrong_host"):
        await ask(app, "GET", "/api/v1/me", {"host": host})
    page = await ask(app, "GET", "/contacts?q=a%20b", {"host": host})
    assert (page.status, page.headers["location"]) == (307, f"{public_url}/contacts?q=a%20b")
    with pytest.raises(Rejected, match="wrong_host"):
        await ask(app, "POST", "/sign-in", {"host": host})


async def test_a_request_that_says_its_length_twice_is_refused() -> None:
    headers = {"host": "localhost:8000", "content_length": "3", "transfer_encoding": "chunked"}
    with pytest.raises(Rejected, match="bad_framing"):
        await ask(Host(inner, HOME), "POST", "/", headers)


@pytest.mark.parametrize("url", ["http://book.example", "http://192.168.1.4:8000", "ftp://localhost", "localhost:8000"])
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(BadAddress):
        check_public_url(url)


@pytest.mark.parametrize("url", [HOME, "http://127.0.0.1:8000/", "http://[::1]:8000", "https://book.example"])
def test_these_addresses_can_be_public(url: str) -> None:
    check_public_url(url)


def test_an_origin_is_written_as_browsers_write_it() -> None:
    assert origin_of("HTTPS://Book.Example:443/") == "https://book.example"
    assert origin_of("http://localhost:8000/") == "http://localhost:8000"


def test_the_gateway_is_a_web_socket() -> None:
    assert gateway_socket("http://localhost:8001") == "ws://localhost:8001/v1/ws"
    assert gateway_socket("wss://live.example/") == "wss://live.example/v1/ws"


async def test_pages_may_run_our_scripts_and_talk_to_the_gateway_only() -> None:
    app = SecurityHeaders(inner, HOME, "http://localhost:8001")
    policy = (await ask(app, "GET", "/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' ws://localhost:8001;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    data = (await ask(app, "GET", "/api/v1/me")).headers["content-security-policy"]
    assert data.startswith("default-src 'none'")
    assert "self" not in data


async def test_an_answer_is_not_kept_unless_it_says_so() -> None:
    async def kept(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x", headers={"Cache-Control": "max-age=9"})(scope, receive, send)

    secured = await ask(SecurityHeaders(inner, "https://book.example", "wss://book.example"), "GET", "/")
    assert secured.headers["cache-control"] == "no-store"
    assert secured.headers["strict-transport-security"] == "max-age=31536000"
    assert (await ask(SecurityHeaders(kept, HOME, HOME), "GET", "/")).headers["cache-control"] == "max-age=9"
