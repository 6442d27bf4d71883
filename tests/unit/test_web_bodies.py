"""JSON bodies of requests."""

from contextlib import suppress
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import Rejected
from app.web import bodies
from tests.asgi import ask


class Wanted(msgspec.Struct):
    name: str
    role: Literal["owner", "viewer"] = "viewer"
    lines: list[dict[str, int]] = []


async def read(body: bytes, **headers: str) -> Wanted:
    found: list[Wanted] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(await bodies.read(Request(scope, receive), Wanted, most=1000))
        await Response()(scope, receive, send)

    await ask(app, "POST", "/", headers, body=body)
    return found[0]


async def test_a_body_becomes_its_type_and_unknown_members_are_ignored() -> None:
    assert await read(b'{"name": "n", "new": 1}', content_type="application/json; charset=utf-8") == Wanted("n")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"name": 3}', "wrong_value", "/name"),
        (b'{"name": "n", "lines": [{"a": "b"}]}', "wrong_value", "/lines/0/..."),
        (b"{}", "wrong_value", ""),
        (b"[]", "wrong_value", ""),
        (b"", "wrong_value", ""),
        (b'{"name": ', "bad_json", None),
        (b'{"name": "\xff"}', "bad_json", None),
        (b'"' + b"a" * 1000, "body_too_large", None),
    ],
)
async def test_what_does_not_fit_is_told_with_the_place(body: bytes, code: str, pointer: str | None) -> None:
    with pytest.raises(Rejected) as refused:
        await read(body)
    assert (refused.value.code, refused.value.extra.get("pointer")) == (code, pointer)


async def test_a_form_is_not_json() -> None:
    with pytest.raises(Rejected, match="unsupported_media_type"):
        await read(b"name=n", content_type="application/x-www-form-urlencoded")


@given(st.binary(max_size=200))
async def test_no_body_makes_us_stumble(body: bytes) -> None:
    with suppress(Rejected):
        assert isinstance(await read(body), Wanted)
