"""Whose access ends, hears no more: web and gateway together, on real servers."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import httpx
import pytest

from app.core.channels import cookie_name
from app.gateway.server import Gateway
from tests.integration.conftest import Servers
from tests.integration.house import HOME, House, Person, house
from tests.integration.listening import KEYS, Client, client, gateway, settings
from tests.waiting import until


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers, channel_keys=KEYS) as running:
        yield running


@pytest.fixture(scope="module")
async def live(servers: Servers) -> AsyncIterator[Gateway]:
    async with gateway(settings(servers, "gateway.1"), group=f"test-{uuid4()}") as running:
        yield running


def page_of(live: Gateway, person: Person) -> AbstractAsyncContextManager[Client]:
    """The socket of this person's browser."""
    headers = {"Cookie": f"{cookie_name(HOME)}={person.cookie}", "Origin": HOME}
    return client(live, credential=person.cookie, additional_headers=headers)


def program_of(live: Gateway, person: Person) -> AbstractAsyncContextManager[Client]:
    """The socket of this person's program."""
    return client(live, credential=person.program.headers["authorization"].split()[1])


async def subscribed(page: Client, by: httpx.AsyncClient) -> None:
    """Opens the workspace's channel with a token that the API gave."""
    made = (await by.post("/api/v1/channels", json={"scope": "workspace"})).json()
    await page.say(type="subscribe", id="1", channel=made["channel"], token=made["token"])
    await until(lambda: any(frame["type"] == "subscribed" for frame in page.frames))


async def signs_out(owner: Person, member: Person) -> httpx.Response:
    return await member.browser.post("/api/v1/sign-out")


async def ends_the_session(owner: Person, member: Person) -> httpx.Response:
    session = (await member.browser.get("/api/v1/sessions")).json()["sessions"][0]["id"]
    return await member.browser.delete(f"/api/v1/sessions/{session}")


async def is_removed(owner: Person, member: Person) -> httpx.Response:
    return await owner.browser.delete(f"/api/v1/members/{member.principal.person}")


async def loses_the_token(owner: Person, member: Person) -> httpx.Response:
    listed = (await owner.browser.get("/api/v1/tokens")).json()["tokens"]
    address = (await member.browser.get("/api/v1/me")).json()["address"]
    token = next(token["id"] for token in listed if token["by"] == address)
    return await owner.browser.delete(f"/api/v1/tokens/{token}")


@pytest.mark.parametrize(
    ("happens", "page_ends", "program_ends"),
    [
        (signs_out, True, False),
        (ends_the_session, True, False),
        (is_removed, True, True),
        (loses_the_token, False, True),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_whoever_loses_access_loses_their_sockets_within_a_second_and_nobody_else_does(
    web: House,
    live: Gateway,
    happens: Callable[[Person, Person], Awaitable[httpx.Response]],
    page_ends: bool,
    program_ends: bool,
) -> None:
    workspace = await web.workspace()
    owner, member = await web.join(workspace), await web.join(workspace, "member")
    async with page_of(live, owner) as theirs, page_of(live, member) as page, program_of(live, member) as program:
        for socket, by in ((theirs, owner.browser), (page, member.browser), (program, member.program)):
            await subscribed(socket, by)
        answer = await happens(owner, member)
        told = time.monotonic()
        assert answer.status_code == 204
        ended = [socket for socket, ends in ((page, page_ends), (program, program_ends)) if ends]
        await until(lambda: all(socket.code == 4504 for socket in ended), within=5)
        assert time.monotonic() - told < 1
        assert [socket.code for socket in (theirs, page, program) if socket not in ended] == [None] * (3 - len(ended))


async def test_a_token_from_the_api_opens_nothing_for_another_credential(web: House, live: Gateway) -> None:
    owner = await web.join(await web.workspace())
    made = (await owner.browser.post("/api/v1/channels", json={"scope": "workspace"})).json()
    async with program_of(live, owner) as program:
        await program.say(type="subscribe", id="1", channel=made["channel"], token=made["token"])
        await until(lambda: program.code is not None)
        assert program.code == 4500
